-- seize: end somebody else's hold, if it still is the one that was looked at, and hold the lock
-- instead, in one step, so that nobody else gets in between.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 expected owner, 2 expected fence or '', 3 expected deadline ms, 0 for none or '' for any,
--       4 operation id, 5 operator, 6 reason (the last three percent-encoded), 7 new owner, 8 TTL ms
-- Reply: 'now-ms fence TTL-left-ms ended-fence-or-0 TTL-that-was-left-ms-or--1 held-ms-or--1 before': before is 1
--        where this operation had done it already
--        {'changed', …} as past.lua's no, of the expected hold
--        {'gone', …} likewise, of the hold that this operation had seized and that is over

local lock, ledger = KEYS[1], KEYS[2]

--@ ledger
--@ limits
--@ digits
--@ present
--@ past
--@ expected

-- The same operation once more, after a lost reply: it is done. Its id is the new hold's request.
local holds = remembered()
local mine = newest(holds, ARGV[7], '', '', ARGV[4])
if mine then
  if mine.field == 's' and holder == ARGV[7] and recorded then
    local old = newest(holds, '', '', ARGV[4], '')
    --@ no_yes
    local refused = refused_write()
    if refused then return redis.error_reply(refused) end
    return now .. ' ' .. mine.fence .. ' ' .. digits(pttl) .. ' ' .. (old and old.fence or '0') .. ' -1 -1 1'
  end
  return no('gone', ARGV[7], '', ARGV[4], '', false)
end

if not meant then return no('changed', ARGV[1], ARGV[2], '', '', false) end
if unreadable then return redis.error_reply('LEDGER ' .. unreadable) end

local ttl = tonumber(ARGV[8])
local deadline = digits(now_ms + ttl)
--@ issue
local fields = {}
if last and not recorded then
  --@ ended
  archive(fields, past)
end
archive(fields, ended_as('seized'))
outlive(now_ms + ttl, now_ms + ttl)
fields[#fields + 1] = 's'
fields[#fields + 1] = fence .. ' ' .. slot .. ' ' .. covers .. ' ' .. fence .. ' ' .. now .. ' ' .. format('%013.0f', now_ms + ttl)
  .. ' ' .. LASTS .. ARGV[4] .. ' ' .. ARGV[7]
local request, r, requests = ARGV[4], redis.call('HGET', ledger, 'r')
--@ requests
fields[#fields + 1] = 'r'
fields[#fields + 1] = requests

-- The ledger first: where it cannot be written, nobody's hold has been touched.
local failed = write(fields)
if failed then return redis.error_reply('LEDGER ' .. failed) end
local taken = redis.pcall('SET', lock, ARGV[7], 'PXAT', deadline)
if taken.err then
  if s then redis.pcall('HSET', ledger, 's', s) else redis.pcall('HDEL', ledger, 's') end
  return redis.error_reply(taken.err)
end
return now .. ' ' .. fence .. ' ' .. ARGV[8] .. ' ' .. hold_fence .. ' ' .. digits(left) .. ' ' .. held .. ' 0'

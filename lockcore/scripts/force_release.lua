-- force_release: end somebody else's hold, if it still is the one that was looked at.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 expected owner, 2 expected fence or '', 3 expected deadline ms, 0 for none or '' for any,
--       4 operation id, 5 operator, 6 reason (the last three percent-encoded)
-- Reply: 'now-ms fence-or-0 TTL-that-was-left-ms-or--1 held-ms-or--1 before why': before is 1 where this
--        operation had done it already, why the server's error where the ledger could not be written
--        {'changed', …} as past.lua's no, of the expected hold

local lock, ledger = KEYS[1], KEYS[2]

--@ ledger
--@ limits
--@ digits
--@ present
--@ past
--@ expected

-- The same operation once more, after a lost reply or as a late copy: it is done, also if it was undone since.
local r = redis.pcall('HGET', ledger, 'r')
local before = newest(remembered(), '', '', ARGV[4], '')
if before and before.how == 'forced' or type(r) == 'string' and string.find(r, ' ' .. ARGV[4] .. ' ', 1, true) then
  return now .. ' ' .. (before and before.fence or '0') .. ' -1 -1 1 '
end

if not meant then return no('changed', ARGV[1], ARGV[2], '', '', false) end

redis.call('DEL', lock)

local failed = unreadable
if not failed then
  local fields = {}
  if last and not recorded then
    --@ ended
    archive(fields, past)
  end
  outlive(now_ms - DAY_MS / 2, now_ms)
  -- The highest fence rises, so that the fence of the hold that ends here is never the newest again.
  --@ issue
  fields[#fields + 1] = 's'
  fields[#fields + 1] = fence .. ' ' .. slot .. ' ' .. covers .. ' ' .. ended_as('forced')
  local request, requests = ARGV[4]
  --@ requests
  fields[#fields + 1] = 'r'
  fields[#fields + 1] = requests
  failed = write(fields)
end
return now .. ' ' .. hold_fence .. ' ' .. digits(left) .. ' ' .. held .. ' 0 ' .. (failed or '')

-- extend: at least this much time from now. Never shortens, never creates.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 owner, 2 TTL ms, 3 fence or '', 4 when the call was sent, ms of the server's clock, or ''
-- Reply: 'now-ms fence-or-0 TTL-left-ms-or--1'
--        {'gone', …} as past.lua's no

local lock, ledger = KEYS[1], KEYS[2]
local owner, ttl, fence = ARGV[1], tonumber(ARGV[2]), ARGV[3]

--@ ledger
--@ digits
--@ present

if holder ~= owner or fence ~= '' and (not recorded or fence ~= sub(s, 34, 49)) then
  --@ past
  return no('gone', owner, fence, '', ARGV[4], true)
end

local left = pttl
if left < 0 or left >= ttl then
  --@ no_yes
  local refused = refused_write()
  if refused then return redis.error_reply(refused) end
else
  local deadline = digits(now_ms + ttl)
  if recorded then
    -- The ledger first: if it cannot follow, the key keeps the deadline that it speaks of.
    local covers, renew = sub(s, 20, 32), false
    if tonumber(covers) < now_ms + ttl then covers, renew = format('%013.0f', now_ms + ttl + DAY_MS / 2), true end
    local wrote = redis.pcall('HSET', ledger, 's', sub(s, 1, 19) .. covers .. sub(s, 33, 64) .. format('%013.0f', deadline) .. sub(s, 78))
    if type(wrote) == 'table' and wrote.err then return redis.error_reply('LEDGER ' .. wrote.err) end
    if renew then redis.pcall('PEXPIREAT', ledger, digits(now_ms + ttl + DAY_MS)) end
  end
  local lengthened = redis.pcall('PEXPIREAT', lock, deadline)
  if type(lengthened) == 'table' and lengthened.err then
    if recorded then redis.pcall('HSET', ledger, 's', s) end
    return redis.error_reply(lengthened.err)
  end
  left = ttl
end
return now .. ' ' .. (recorded and sub(s, 34, 49) or '0') .. ' ' .. digits(left)

-- extend: at least this much time from now. Never shortens, never creates.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 owner, 2 TTL ms, 3 fence or ''
-- Reply: {1, fence or '', TTL left ms or -1}
--        {0, holder or '', its TTL left ms, -1 or -2, its fence or '', and of this owner's own hold, where
--         the ledger remembers it: how, time ms, operation, by, reason, fence}

local lock, ledger = KEYS[1], KEYS[2]
local owner, ttl, fence = ARGV[1], tonumber(ARGV[2]), ARGV[3]

local holder = redis.call('GET', lock)
if holder ~= owner then
  return not_yours(lock, ledger, holder, owner, fence)
end

local left = redis.call('PTTL', lock)
local got = redis.pcall('HMGET', ledger, 'h', 'e')
local hold = not got.err and speaks_of(got[1], got[2], owner, left) or nil
if fence ~= '' and (not hold or hold.fence ~= fence) then
  return not_yours(lock, ledger, holder, owner, fence)
end

local refused = refused_write(ledger)
if refused then return redis.error_reply(refused) end
if left >= 0 and left < ttl then
  local deadline = digits(now_ms + ttl)
  if hold then
    -- The ledger first: if it cannot follow, the key keeps the deadline that it speaks of.
    local failed = write(ledger, {
      'h', hold.fence .. ' ' .. hold.acquired .. ' ' .. deadline .. ' ' .. hold.request .. ' ' .. owner,
    }, ttl)
    if failed then return redis.error_reply('LEDGER ' .. failed) end
  end
  redis.call('PEXPIREAT', lock, deadline)
  left = ttl
end
return {1, hold and hold.fence or '', digits(left)}

-- release: end one's own hold. A hold that its owner ended already counts as released.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 owner, 2 fence or ''
-- Reply: {1, fence or '', held ms or -1}
--        {0, holder or '', its TTL left ms, -1 or -2, its fence or '', and of this owner's own hold, where
--         the ledger remembers it: how, time ms, operation, by, reason, fence}

local lock, ledger = KEYS[1], KEYS[2]
local owner, fence = ARGV[1], ARGV[2]

local holder = redis.call('GET', lock)
if holder ~= owner then
  return not_yours(lock, ledger, holder, owner, fence)
end

local got = redis.pcall('HMGET', ledger, 'h', 'e')
local hold = not got.err and speaks_of(got[1], got[2], owner, redis.call('PTTL', lock)) or nil
if fence ~= '' and (not hold or hold.fence ~= fence) then
  return not_yours(lock, ledger, holder, owner, fence)
end

-- The lock first: where the ledger cannot be written, the lock is free all the same.
redis.call('DEL', lock)
if not hold then return {1, '', '-1'} end
write(ledger, {'e', 'released ' .. digits(now_ms) .. ' - - -'}, 0)
local held = '-1'
if hold.acquired ~= '0' then held = digits(math.max(now_ms - tonumber(hold.acquired), 0)) end
return {1, hold.fence, held}

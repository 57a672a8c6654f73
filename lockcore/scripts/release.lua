-- release: end one's own hold. A hold that its owner ended already counts as released.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 owner, 2 fence or '', 3 request or '', 4 when the call was sent, ms of the server's clock, or ''
-- Where a request is named that was not granted yet, it is given up: it will not be granted any more.
-- Reply: 'now-ms fence-or-0 acquired-ms-or-0'
--        {'gone', …} as past.lua's no

local lock, ledger = KEYS[1], KEYS[2]
local owner, fence, request = ARGV[1], ARGV[2], ARGV[3]

--@ ledger
--@ present

if holder == owner then
  if (fence == '' or recorded and fence == sub(s, 34, 49)) and (request == '' or recorded and request == match(s, '^%S+', 101)) then
    -- The lock first: where the ledger cannot be written, the lock is free all the same.
    redis.call('DEL', lock)
    if not recorded then return now .. ' 0 0' end
    redis.pcall('HSET', ledger, 's', sub(s, 1, 78) .. now .. ' released' .. sub(s, 94))
    return now .. ' ' .. sub(s, 34, 63)
  end
end

--@ digits
--@ past

if request ~= '' then
  local r = redis.call('HGET', ledger, 'r')
  if not string.find(r or '', ' ' .. request .. ' ', 1, true) then
    local requests
    --@ requests
    redis.call('HSET', ledger, 'r', requests)
    if redis.call('PTTL', ledger) < 0 then redis.call('PEXPIRE', ledger, digits(DAY_MS)) end
  end
end
return no('gone', owner, fence, request, ARGV[4], true)

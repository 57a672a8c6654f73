-- release: end one's own hold. A hold that its owner ended already counts as released.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 owner, 2 fence or '', 3 request or '', 4 when the call was sent, ms of the server's clock, or ''
-- Where a request is named that was not granted yet, it is given up: it will not be granted any more.
-- Reply: 'now-ms fence-or-0 held-ms-or--1'
--        {'gone', …} as past.lua's no

local lock, ledger = KEYS[1], KEYS[2]
local owner, fence, request = ARGV[1], ARGV[2], ARGV[3]

--@ ledger

local holder = redis.call('GET', lock)
if holder == owner then
  local pttl = redis.call('PTTL', lock)
  local s = redis.pcall('HGET', ledger, 's')
  local head, how, hold, hold_fence, acquired, deadline, req, o
  local recorded = false
  if type(s) == 'string' then
    head, how, hold, hold_fence, acquired, deadline, req, o = taken_apart(s)
    recorded = how and speaks(how, o, tonumber(deadline), holder, pttl)
  end
  if (fence == '' or recorded and hold_fence == fence) and (request == '' or recorded and req == request) then
    -- The lock first: where the ledger cannot be written, the lock is free all the same.
    redis.call('DEL', lock)
    if not recorded then return now .. ' 0 -1' end
    redis.pcall('HSET', ledger, 's', head .. ' released ' .. now .. ' - - - ' .. hold)
    local held = acquired == '0' and '-1' or digits(math.max(now_ms - acquired, 0))
    return now .. ' ' .. hold_fence .. ' ' .. held
  end
end

--@ past
--@ issue

if request ~= '' then
  local r = redis.call('HGET', ledger, 'r')
  if not string.find(r or '', ' ' .. request .. ' ', 1, true) then
    redis.call('HSET', ledger, 'r', kept_requests(request, r))
    if redis.call('PTTL', ledger) < 0 then redis.call('PEXPIRE', ledger, digits(DAY_MS)) end
  end
end
return no('gone', holder, owner, fence, request, ARGV[4], true)

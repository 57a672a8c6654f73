-- What every step knows of the ledger. This text is put in front of each step.
--
-- The ledger is a hash beside the lock, in the same cluster slot (KEYS[2]):
--   m       the highest fence ever issued for the lock
--   h       the present hold: "fence acquired deadline request owner"
--   e       how that hold ended: "how time operation by reason"; empty while it lasts
--   c       how many holds there were; names the next ring field
--   p0..p7  the last ended holds: e and h of each, joined by a space
--   d o l   denials, overruns, overlaps since the ledger began
--   n       how many waiters are listed
--   w:WORK  a waiter: "attempts first last owner"
--   x       waiters beyond the list: "count since"
-- Times are milliseconds of the server's clock, fences whole numbers. Both are kept as
-- digits: a Lua double turned into text by itself reads 1.79e+15. "-" is an item that is
-- not there, 0 an unknown time or fence. The owner comes last, since it may hold any byte;
-- operator and reason are percent-encoded by the caller and so hold no space.

local HOLDS_KEPT = 8
local DAY_MS = 86400000
local DEADLINE_TOLERANCE_MS = 5
local FENCE_LIMIT = 9007199254740992 -- 2^53: beyond it a double skips numbers

local function digits(n)
  return string.format('%.0f', n)
end

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

-- whole is the number that a field holds; an absent field is 0.
local function whole(field)
  if not field or field == '' then return 0 end
  if not string.find(field, '^%d+$') or #field > 16 then
    error('LEDGER damaged: ' .. string.sub(field, 1, 32) .. ' is not a whole number', 0)
  end
  return tonumber(field)
end

-- next_fence is above every fence before and, while the ledger is lost, above the clock of then.
local function next_fence(highest)
  local fence = math.max(whole(highest) + 1, now_us)
  if fence >= FENCE_LIMIT then
    error('LEDGER damaged: the highest fence leaves no room below 2^53', 0)
  end
  return digits(fence)
end

-- refused_write is a write that changes nothing. It comes before any yes that needs no other
-- write: a read-only replica, or a master cut off from its replicas, refuses it and so cannot
-- say "yours" of a lock that is somebody else's by now. It gives nil, or the server's error.
local function refused_write(ledger)
  local tried = redis.pcall('HDEL', ledger, '')
  if type(tried) == 'table' and tried.err and not string.find(tried.err, 'WRONGTYPE', 1, true) then
    return tried.err
  end
  return nil
end

local function parse_hold(h)
  if not h then return nil end
  local fence, acquired, deadline, request, owner = string.match(h, '^(%d+) (%d+) (%d+) (%S+) (.*)$')
  if not fence then return nil end
  return {fence = fence, acquired = acquired, deadline = deadline, request = request, owner = owner}
end

-- deadline_of is when a lock with this PTTL ends; 0 where it never does.
local function deadline_of(pttl)
  if pttl < 0 then return 0 end
  return now_ms + pttl
end

-- speaks_of gives the recorded hold if it is the one that is in Redis: same owner, not ended,
-- and the deadline agrees. Else somebody who keeps no ledger took the lock.
local function speaks_of(h, e, owner, pttl)
  local hold = parse_hold(h)
  if not hold or hold.owner ~= owner or (e and e ~= '') then return nil end
  if math.abs(tonumber(hold.deadline) - deadline_of(pttl)) > DEADLINE_TOLERANCE_MS then return nil end
  return hold
end

-- end_of is how the recorded hold ended: by its own record, or, where the next thing that
-- is known is that the lock was free, by its deadline or by somebody unknown.
local function end_of(h, e)
  if e and e ~= '' then return e end
  local hold = parse_hold(h)
  if not hold then return nil end
  local deadline = tonumber(hold.deadline)
  if deadline > 0 and now_ms >= deadline then
    return 'expired ' .. hold.deadline .. ' - - -'
  end
  return 'deleted 0 - - -'
end

-- history finds the newest hold of this owner that has ended; where fence or operation are
-- not empty, only one with them. It gives {how, time, operation, by, reason, fence}, or nil.
local function history(ledger, owner, fence, operation)
  local fields = {'h', 'e'}
  for i = 0, HOLDS_KEPT - 1 do fields[#fields + 1] = 'p' .. i end
  local got = redis.pcall('HMGET', ledger, unpack(fields))
  if got.err then return nil end
  local found, best = nil, -1
  local function consider(e, h)
    local hold = parse_hold(h)
    if not e or not hold or hold.owner ~= owner or (fence ~= '' and hold.fence ~= fence) then return end
    if tonumber(hold.fence) <= best then return end
    local how, at, op, by, reason = string.match(e, '^(%S+) (%d+) (%S+) (%S+) (%S+)$')
    if how and (operation == '' or op == operation) then
      found, best = {how, at, op, by, reason, hold.fence}, tonumber(hold.fence)
    end
  end
  if got[1] then consider(end_of(got[1], got[2]), got[1]) end
  for i = 1, HOLDS_KEPT do
    local entry = got[2 + i]
    if entry then
      local e, h = string.match(entry, '^(%S+ %d+ %S+ %S+ %S+) (.*)$')
      consider(e, h)
    end
  end
  return found
end

-- archive adds to fields what moves the recorded hold into the ring.
local function archive(fields, h, e, count)
  local ended = end_of(h, e)
  if not ended then return end
  local n = whole(count)
  fields[#fields + 1] = 'p' .. digits(n % HOLDS_KEPT)
  fields[#fields + 1] = ended .. ' ' .. h
  fields[#fields + 1] = 'c'
  fields[#fields + 1] = digits(n + 1)
end

-- write puts fields into the ledger, in one HSET, and sees to its expiry: a day longer than
-- the lock, renewed only when half a day of that is used up, since every PEXPIRE costs an event.
-- It gives nil, or the server's error.
local function write(ledger, fields, ttl)
  local wrote = redis.pcall('HSET', ledger, unpack(fields))
  if type(wrote) == 'table' and wrote.err then return wrote.err end
  if redis.call('PTTL', ledger) < ttl + DAY_MS / 2 then
    local renewed = redis.pcall('PEXPIRE', ledger, digits(ttl + DAY_MS))
    if type(renewed) == 'table' and renewed.err then return renewed.err end
  end
  return nil
end

-- not_yours is the answer to a release or extend of a hold that is not in Redis:
-- {0, holder, pttl, holder's fence, how, time, operation, by, reason, fence}.
local function not_yours(lock, ledger, holder, owner, fence)
  local pttl, holder_fence = -2, ''
  if holder then
    pttl = redis.call('PTTL', lock)
    local got = redis.pcall('HMGET', ledger, 'h', 'e')
    local hold = not got.err and speaks_of(got[1], got[2], holder, pttl)
    if hold then holder_fence = hold.fence end
  end
  local reply = {0, holder or '', digits(pttl), holder_fence}
  local past = history(ledger, owner, fence, '')
  if past then
    for i = 1, #past do reply[#reply + 1] = past[i] end
  end
  return reply
end

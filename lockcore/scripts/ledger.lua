-- What every step knows of the ledger. Each step's file begins by including this text.
--
-- The ledger is a hash beside the lock, in the same cluster slot (KEYS[2]):
--   s       the state: "highest count expires how ended operation by reason fence acquired
--           deadline request owner"
--             highest   the highest fence ever issued for the lock
--             count     how many holds were archived; names the next ring field
--             expires   when the ledger itself does
--             how…      how the last hold ended; how is "-" while it lasts
--             fence…    that hold
--   p0..p7  the last ended holds: the part of s from how on
--   r       the last requests that were granted or given up, and operations that ended a hold, newest first: " a b c "
--   d       denials since the ledger began, and waiters listed: "18 3"
--   o l     overruns and overlaps since the ledger began
--   u       the last undoing: operation of the forced release, of the undo, fence of the hold
--   w:WORK  a waiter: "attempts first last owner"
--   x       waiters beyond the list: "count since"
-- how is released, expired, deleted, forced or seized. "forced:t" has been told to the old owner;
-- "expired:o" was an overrun, proven "operation" ms after the deadline, "expired:ol" with an overlap.
-- Times are milliseconds of the server's clock, fences whole numbers. Both are kept as
-- digits: a Lua double turned into text by itself reads 1.79e+15. "-" is an item that is
-- not there, 0 an unknown time or fence. The owner comes last, since it may hold any byte;
-- the other items come percent-encoded from the caller and so hold no space.
--
-- A step answers "yes" with one string, and "no" with a list whose first item says why. What most
-- calls need comes first in each file; functions for the rest are made only when they are needed.

local DAY_MS = 86400000
local DEADLINE_TOLERANCE_MS = 5
local match, format = string.match, string.format

local function digits(n)
  return format('%.0f', n)
end

local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)
local now = digits(now_ms)

-- taken_apart splits a state: head, how, hold, fence, acquired, deadline, request, owner.
local function taken_apart(s)
  return match(s, '^(%d+ %d+ %d+) (%S+) %d+ %S+ %S+ %S+ ((%d+) (%d+) (%d+) (%S+) (.*))$')
end

-- speaks tells whether a recorded hold is the one that is in Redis: not ended, the same owner,
-- and deadlines that agree. Else somebody who keeps no ledger took the lock.
local function speaks(how, recorded_owner, deadline, holder, pttl)
  if how ~= '-' or recorded_owner ~= holder then return false end
  local ends = pttl < 0 and 0 or now_ms + pttl
  if math.abs(deadline - ends) <= DEADLINE_TOLERANCE_MS then return true end
  if pttl < 0 or deadline < ends then return false end
  -- The clock goes on between TIME and PTTL, and far where the server was not given a processor in between.
  local later = redis.call('TIME')
  return deadline <= math.floor((later[1] * 1000000 + later[2]) / 1000) + pttl + DEADLINE_TOLERANCE_MS
end

-- Is the hold of a state the one that is in Redis? Else somebody who keeps no ledger took the lock.

local DEADLINE_TOLERANCE_MS = 5

-- speaks tells it: a hold that has not ended, of the same owner, and deadlines that agree.
local function speaks(s, holder, pttl)
  local deadline, lasts = tonumber(sub(s, 65, 77)), byte(s, 93) == 45 -- "-"
  if not lasts or not deadline or sub(s, (find(s, ' ', 101, true) or #s) + 1) ~= holder then return false end
  local ends = pttl < 0 and 0 or now_ms + pttl
  if math.abs(deadline - ends) <= DEADLINE_TOLERANCE_MS then return true end
  if pttl < 0 or deadline < ends then return false end
  -- The clock goes on between TIME and PTTL, and far where the server was not given a processor in between.
  local later = redis.call('TIME')
  return deadline <= math.floor((later[1] * 1000000 + later[2]) / 1000) + pttl + DEADLINE_TOLERANCE_MS
end

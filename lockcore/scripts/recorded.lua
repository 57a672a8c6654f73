-- recorded: is the hold of the state the one that is in Redis? One that has not ended, of the same owner, and
-- deadlines that agree. Else somebody who keeps no ledger took the lock.
local recorded = holder and type(s) == 'string' and #s > 101 and byte(s, 93) == 45 -- "-"
  and sub(s, (find(s, ' ', 101, true) or #s) + 1) == holder
if recorded then
  local deadline, ends = tonumber(sub(s, 65, 77)) or -DAY_MS, pttl < 0 and 0 or now_ms + pttl
  if math.abs(deadline - ends) > DEADLINE_TOLERANCE_MS then
    recorded = false
    if pttl >= 0 and deadline > ends then
      -- The clock goes on between TIME and PTTL, and far where the server was not given a processor in between.
      local later = redis.call('TIME')
      recorded = deadline <= math.floor((later[1] * 1000000 + later[2]) / 1000) + pttl + DEADLINE_TOLERANCE_MS
    end
  end
end

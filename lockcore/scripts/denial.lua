-- Recording a denial, as far as it can be: one that cannot be recorded is still a denial.

-- leave_out_silent drops the waiters that nobody expects back, and counts the others.
local function leave_out_silent(silent_after, attempts_max)
  local all = redis.call('HGETALL', ledger)
  local gone, kept = {}, 0
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'w:' then
      local attempts, seen = match(all[i + 1], '^(%d+) %d+ (%d+) ')
      if not attempts or tonumber(attempts) >= attempts_max or now_ms - tonumber(seen) > silent_after then
        gone[#gone + 1] = all[i]
      else
        kept = kept + 1
      end
    end
  end
  if #gone > 0 then redis.call('HDEL', ledger, unpack(gone)) end
  return kept
end

-- denial gives the attempts of this work and the denials of the lock, as digits, "0" where they cannot be recorded.
local function denial(pttl)
  local waiters_max, interval, attempts_max = match(ARGV[4], '^(%d+) (%d+) (%d+)$')
  waiters_max, interval, attempts_max = tonumber(waiters_max), tonumber(interval), tonumber(attempts_max)
  local work = 'w:' .. ARGV[3]
  local got = redis.pcall('HMGET', ledger, work, 'x')
  if got.err then return '0', '0' end
  local denied, listed = match(d or '0 0', '^(%d+) (%d+)$')
  if not denied or #denied > 15 or #listed > 15 then return '0', '0' end -- damaged
  denied = digits(denied + 1)
  local attempts, first = 0, now
  if got[1] then
    local a, f, l = match(got[1], '^(%d+) (%d+) (%d+) ')
    -- A work that had used up its attempts, or stayed away, begins anew.
    if a and tonumber(a) < attempts_max and now_ms - tonumber(l) <= 2 * interval then
      attempts, first = tonumber(a), f
    end
  end
  attempts = digits(attempts + 1)
  if not got[1] and tonumber(listed) >= waiters_max then
    local swept, kept = pcall(leave_out_silent, 2 * interval, attempts_max)
    if swept then listed = digits(kept) end
  end
  local name, value
  if got[1] or tonumber(listed) < waiters_max then
    if not got[1] then listed = digits(listed + 1) end
    name, value = work, attempts .. ' ' .. first .. ' ' .. now .. ' ' .. owner
  else
    -- Every work beyond the list is denied once an interval: the count of one interval is theirs.
    local beyond, since = match(got[2] or '', '^(%d+) (%d+)$')
    if not beyond or now_ms - tonumber(since) > interval then beyond, since = '0', now end
    name, value = 'x', digits(beyond + 1) .. ' ' .. since
  end
  local wrote = redis.pcall('HSET', ledger, 'd', denied .. ' ' .. listed, name, value)
  if type(wrote) == 'table' and wrote.err then return '0', '0' end
  -- A state says when its ledger expires. Without one this may have been the ledger's first field.
  if not s and redis.call('PTTL', ledger) < math.max(pttl, 0) + DAY_MS / 2 then
    redis.pcall('PEXPIRE', ledger, digits(math.max(pttl, 0) + DAY_MS))
  end
  return attempts, denied
end

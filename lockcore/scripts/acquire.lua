-- acquire: take the lock, or be recorded as a waiter.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 owner, 2 TTL ms, 3 work, 4 waiters kept, 5 retry interval ms, 6 attempts in all
-- Reply: {1, fence, TTL left ms, 1 if it was this owner's already}
--        {0, holder, its TTL left ms or -1, its fence or '', attempts of this work, denials of the lock}

local lock, ledger = KEYS[1], KEYS[2]
local owner, ttl, work = ARGV[1], tonumber(ARGV[2]), 'w:' .. ARGV[3]

local holder = redis.call('GET', lock)

-- leave_out_silent drops the waiters that nobody expects back, and counts the others.
local function leave_out_silent(silent_after, attempts_max)
  local all = redis.call('HGETALL', ledger)
  local gone, kept = {}, 0
  for i = 1, #all, 2 do
    if string.sub(all[i], 1, 2) == 'w:' then
      local attempts, last = string.match(all[i + 1], '^(%d+) %d+ (%d+) ')
      if not attempts or tonumber(attempts) >= attempts_max or now_ms - tonumber(last) > silent_after then
        gone[#gone + 1] = all[i]
      else
        kept = kept + 1
      end
    end
  end
  if #gone > 0 then redis.call('HDEL', ledger, unpack(gone)) end
  return kept
end

-- record_denial writes what it can: a denial that cannot be recorded is still "held".
local function record_denial(got, pttl)
  local waiters_max, interval, attempts_max = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
  local attempts, first, last = 0, now_ms, nil
  if got[4] then
    local a, f, l = string.match(got[4], '^(%d+) (%d+) (%d+) ')
    -- A work that had used up its attempts, or stayed away, was started anew.
    if a and tonumber(a) < attempts_max and now_ms - tonumber(l) <= 2 * interval then
      attempts, first = tonumber(a), tonumber(f)
    end
  end
  attempts = attempts + 1
  local denied = whole(got[1]) + 1
  local fields = {'d', digits(denied)}
  local listed, n = true, whole(got[2])
  if not got[4] then
    if n >= waiters_max then n = leave_out_silent(2 * interval, attempts_max) end
    listed = n < waiters_max
    if listed then
      fields[#fields + 1] = 'n'
      fields[#fields + 1] = digits(n + 1)
    end
  end
  if listed then
    fields[#fields + 1] = work
    fields[#fields + 1] = digits(attempts) .. ' ' .. digits(first) .. ' ' .. digits(now_ms) .. ' ' .. owner
  else
    -- Every work beyond the list is denied once an interval: the count of one interval is theirs.
    local count, since = string.match(got[3] or '', '^(%d+) (%d+)$')
    if not count or now_ms - tonumber(since) > interval then count, since = '0', digits(now_ms) end
    fields[#fields + 1] = 'x'
    fields[#fields + 1] = digits(tonumber(count) + 1) .. ' ' .. since
  end
  write(ledger, fields, math.max(pttl, 0))
  return attempts, denied
end

if holder and holder ~= owner then
  local pttl = redis.call('PTTL', lock)
  local fence, attempts, denied = '', 0, 0
  local got = redis.pcall('HMGET', ledger, 'd', 'n', 'x', work, 'h', 'e')
  if not got.err then
    local hold = speaks_of(got[5], got[6], holder, pttl)
    if hold then fence = hold.fence end
    local ok, a, d = pcall(record_denial, got, pttl)
    if ok then attempts, denied = a, d end
  end
  return {0, holder, digits(pttl), fence, digits(attempts), digits(denied)}
end

local got = redis.pcall('HMGET', ledger, 'm', 'h', 'e', 'c', 'n', work)
if got.err then return redis.error_reply('LEDGER ' .. got.err) end

local left = ttl
if holder then
  local refused = refused_write(ledger)
  if refused then return redis.error_reply(refused) end
  left = redis.call('PTTL', lock)
  local hold = speaks_of(got[2], got[3], owner, left)
  if hold then return {1, hold.fence, digits(left), 1} end
end

local fence = next_fence(got[1])
local deadline = now_ms + ttl
if not holder then
  -- By deadline, not by TTL, so that the ledger's deadline is the key's to the millisecond.
  redis.call('SET', lock, owner, 'NX', 'PXAT', digits(deadline))
else
  deadline = deadline_of(left) -- the owner took it without a ledger: from here on it has one
end
local acquired = holder and '0' or digits(now_ms)
local fields = {
  'm', fence,
  'h', fence .. ' ' .. acquired .. ' ' .. digits(deadline) .. ' - ' .. owner,
  'e', '',
}
archive(fields, got[2], got[3], got[4])
if got[6] then
  fields[#fields + 1] = 'n'
  fields[#fields + 1] = digits(math.max(whole(got[5]) - 1, 0))
end
local failed = write(ledger, fields, math.max(left, 0))
if failed then
  if not holder then redis.call('DEL', lock) end
  return redis.error_reply('LEDGER ' .. failed)
end
if got[6] then redis.pcall('HDEL', ledger, work) end
return {1, fence, digits(left), holder and 1 or 0}

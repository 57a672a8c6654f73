-- force_release: end somebody else's hold, if it still is the one that was looked at.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 expected owner, 2 expected fence or '', 3 expected deadline ms, 0 for none or '' for any,
--       4 operation id, 5 operator, 6 reason (both percent-encoded)
-- Reply: {1, fence or '', TTL that was left ms or -1, held ms or -1, 'released' or 'done before', '' or why the ledger was not written}
--        {0, holder or '', its TTL left ms, -1 or -2, its fence or '', and of the expected hold, where the
--         ledger remembers it: how, time ms, operation, by, reason, fence}

local lock, ledger = KEYS[1], KEYS[2]
local owner, fence, deadline, operation = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local SEEN_TOLERANCE_MS = 50

-- The same operation once more, after a lost reply: it is done.
local past = history(ledger, owner, fence, operation)
if past then
  return {1, past[6], '-1', '-1', 'done before', ''}
end

local holder = redis.call('GET', lock)
if holder ~= owner then
  return not_yours(lock, ledger, holder, owner, fence)
end

local left = redis.call('PTTL', lock)
local got = redis.pcall('HMGET', ledger, 'm', 'h', 'e', 'c')
local unreadable = got.err
if unreadable then got = {} end
local hold = speaks_of(got[2], got[3], owner, left)
if fence ~= '' then
  if not hold or hold.fence ~= fence then
    return not_yours(lock, ledger, holder, owner, fence)
  end
elseif deadline ~= '' then
  local now_ends, then_ended = deadline_of(left), tonumber(deadline)
  if (now_ends == 0) ~= (then_ended == 0) or math.abs(now_ends - then_ended) > SEEN_TOLERANCE_MS then
    return not_yours(lock, ledger, holder, owner, fence)
  end
end

-- Everything that can fail comes before the lock goes.
local highest = unreadable and '' or next_fence(got[1])
redis.call('DEL', lock)

local held, failed = '-1', unreadable
if hold and hold.acquired ~= '0' then
  held = digits(math.max(now_ms - tonumber(hold.acquired), 0))
end
if not unreadable then
  -- The highest fence rises, so that the fence of the hold that ends here is never the newest again.
  local fields = {'m', highest, 'e', 'forced ' .. digits(now_ms) .. ' ' .. operation .. ' ' .. ARGV[5] .. ' ' .. ARGV[6]}
  if not hold then
    archive(fields, got[2], got[3], got[4])
    fields[#fields + 1] = 'h'
    fields[#fields + 1] = '0 0 ' .. digits(deadline_of(left)) .. ' - ' .. owner
  end
  failed = write(ledger, fields, 0)
end
return {1, hold and hold.fence or '', digits(left), held, 'released', failed or ''}

-- What an operator's order finds: is it the hold that was looked at? For force_release and seize, whose
-- first three arguments are the expected owner, its fence or '', its deadline in ms, 0 for none, '' for any.

local SEEN_TOLERANCE_MS = 50

local holder = redis.call('GET', lock)
local left = holder and redis.call('PTTL', lock)
local meant = holder == ARGV[1]

-- The state in parts, with the hold that is in Redis as the ledger has it or would have it.
local highest, count, expires, last = 0, 0, 0, nil
local hold, hold_fence, acquired, recorded = nil, '0', '0', false
local s = redis.pcall('HGET', ledger, 's')
local unreadable = type(s) == 'table' and s.err or nil
if type(s) == 'string' then
  highest, count, expires, last = match(s, '^(%d+) (%d+) (%d+) (%S+ .*)$')
  if not highest or #count > 15 or #expires > 15 or tonumber(highest) >= FENCE_LIMIT then
    unreadable = 'damaged: its state begins with ' .. string.sub(s, 1, 40)
  elseif meant then
    local _, how, h, f, a, deadline, _, o = taken_apart(s)
    if how and speaks(how, o, tonumber(deadline), holder, left) then
      hold, hold_fence, acquired, recorded = h, f, a, true
    end
  end
end
if meant then
  local ends = left < 0 and 0 or now_ms + left
  hold = hold or '0 0 ' .. digits(ends) .. ' - ' .. holder
  if ARGV[2] ~= '' then
    meant = recorded and hold_fence == ARGV[2]
  elseif ARGV[3] ~= '' then
    local seen = tonumber(ARGV[3])
    meant = (ends == 0) == (seen == 0) and math.abs(ends - seen) <= SEEN_TOLERANCE_MS
  end
end
local held = acquired == '0' and '-1' or digits(math.max(now_ms - acquired, 0))

-- archive puts a hold into the ring: it adds a field and its value.
local function archive(fields, text)
  fields[#fields + 1] = 'p' .. count % HOLDS_KEPT
  fields[#fields + 1] = text
  count = digits(count + 1)
end

-- outlive sees to it that the ledger lasts a day beyond "ends", if it would be gone before "needed".
local renew = false
local function outlive(needed, ends)
  if tonumber(expires) < needed then expires, renew = digits(ends + DAY_MS), true end
end

-- write puts fields into the ledger; it gives nil, or the server's error.
local function write(fields)
  local wrote = redis.pcall('HSET', ledger, unpack(fields))
  if type(wrote) == 'table' and wrote.err then return wrote.err end
  if renew then redis.pcall('PEXPIREAT', ledger, expires) end
  return nil
end

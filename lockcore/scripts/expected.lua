-- What an operator's order finds: is it the hold that was looked at? For force_release and seize, whose
-- first three arguments are the expected owner, its fence or '', its deadline in ms, 0 for none, '' for any.

local SEEN_TOLERANCE_MS = 50

local meant = holder == ARGV[1]
local left = pttl

-- The state in parts, with the hold that is in Redis as the ledger has it or would have it: its fence and times,
-- and its request and owner.
local highest, slot, covers, last = '0000000000000000', '0', UNKNOWN, nil
local times, who, hold_fence, acquired = nil, nil, '0', UNKNOWN
local unreadable = type(s) == 'table' and s.err or nil
if type(s) == 'string' then
  local _, head = find(s, '^%d+ [0-7] %d+ ')
  highest, slot, covers = sub(s, 1, 16), sub(s, 18, 18), sub(s, 20, 32)
  if head ~= 33 or highest >= FENCE_LIMIT then
    unreadable = 'damaged: its state begins with ' .. sub(s, 1, 40)
  else
    last = s
    if recorded then
      times, who, hold_fence, acquired = sub(s, 34, 77), sub(s, 101), sub(s, 34, 49), sub(s, 51, 63)
    end
  end
end
if meant then
  local ends = left < 0 and 0 or now_ms + left
  times = times or '0000000000000000 ' .. UNKNOWN .. ' ' .. format('%013.0f', ends)
  who = who or '- ' .. holder
  if ARGV[2] ~= '' then
    meant = recorded and hold_fence == ARGV[2]
  elseif ARGV[3] ~= '' then
    local seen = tonumber(ARGV[3])
    meant = (ends == 0) == (seen == 0) and math.abs(ends - seen) <= SEEN_TOLERANCE_MS
  end
end
local held = acquired == UNKNOWN and '-1' or digits(math.max(now_ms - acquired, 0))

-- ended_as is the record of that hold, ended now by an operator.
local function ended_as(how)
  return times .. ' ' .. now .. ' ' .. how .. ' ' .. ARGV[4] .. ' ' .. ARGV[5] .. ' ' .. ARGV[6] .. ' ' .. who
end

-- archive puts a hold into the ring: it adds a field and its value.
local function archive(fields, text)
  fields[#fields + 1] = 'p' .. slot
  fields[#fields + 1] = text
  slot = sub(SLOTS, slot + 2, slot + 2)
end

-- outlive sees to it that the ledger lasts a day beyond "ends", unless it covers "needed".
local renew
local function outlive(needed, ends)
  if tonumber(covers) < needed then renew, covers = ends + DAY_MS, format('%013.0f', ends + DAY_MS / 2) end
end

-- write puts fields into the ledger; it gives nil, or the server's error.
local function write(fields)
  local wrote = redis.pcall('HSET', ledger, unpack(fields))
  if type(wrote) == 'table' and wrote.err then return wrote.err end
  if renew then redis.pcall('PEXPIREAT', ledger, digits(renew)) end
  return nil
end

-- What the ledger remembers of holds that are over: for answers that say what became of one. It speaks of
-- holder, pttl, s and recorded as they were found.

-- apart takes a hold's record apart: fence, acquired, deadline, at, how, flags, op, by, reason, request, owner.
-- It gives nil where it is none.
local function apart(text)
  local e = {}
  e.fence, e.acquired, e.deadline, e.at, e.how, e.op, e.by, e.reason, e.request, e.owner =
    match(text, '^(%d+) (%d+) (%d+) (%d+) (%S+) (%S+) (%S+) (%S+) (%S+) (.*)$')
  if not e.owner then return nil end
  if e.how == '-' then -- no end is on record
    e.how = 'deleted'
    if e.deadline ~= UNKNOWN and now_ms >= tonumber(e.deadline) then e.how, e.at = 'expired', e.deadline end
  end
  e.how, e.flags = match(e.how, '^(%a+):?(%a*)$')
  return e.how and e
end

-- remembered lists the recorded holds, each with its field and, of the state, the head before it.
local function remembered()
  local got = redis.pcall('HMGET', ledger, 's', 'p0', 'p1', 'p2', 'p3', 'p4', 'p5', 'p6', 'p7')
  if got.err then return {} end
  local holds = {}
  for i = 1, 9 do
    local text, head = got[i], ''
    if text and i == 1 then head, text = sub(text, 1, 33), sub(text, 34) end
    local e = text and apart(text)
    if e then
      e.field, e.head = i == 1 and 's' or 'p' .. (i - 2), head
      holds[#holds + 1] = e
    end
  end
  return holds
end

-- newest finds the newest of these holds with this owner, fence, operation and request, where those are given.
local function newest(holds, owner, fence, op, request)
  local found, best = nil, -1
  for _, e in ipairs(holds) do
    if (owner == '' or e.owner == owner) and (fence == '' or e.fence == fence)
        and (op == '' or e.op == op) and (request == '' or e.request == request) and tonumber(e.fence) > best then
      found, best = e, tonumber(e.fence)
    end
  end
  return found
end

-- flagged is how a hold ended, with its flags.
local function flagged(e)
  return e.flags == '' and e.how or e.how .. ':' .. e.flags
end

-- as_text is a remembered hold as its field has it.
local function as_text(e)
  return e.head .. e.fence .. ' ' .. e.acquired .. ' ' .. e.deadline .. ' ' .. e.at .. ' ' .. flagged(e) .. ' ' .. e.op
    .. ' ' .. e.by .. ' ' .. e.reason .. ' ' .. e.request .. ' ' .. e.owner
end

-- note_overrun counts a hold whose owner was at work after its deadline, as a call of its own that was
-- sent after it proves; once for each fence. Somebody else who got in meanwhile makes it an overlap.
local function note_overrun(holds, past, sent)
  if past.how ~= 'expired' or past.flags ~= '' or sent == '' or past.deadline == UNKNOWN then return end
  local late = tonumber(sent) - tonumber(past.deadline)
  if late <= 0 then return end
  local overlap = holder and holder ~= past.owner and not recorded
  for _, e in ipairs(holds) do
    if tonumber(e.fence) > tonumber(past.fence) and e.owner ~= past.owner and tonumber(e.acquired) <= tonumber(sent) then
      overlap = true
    end
  end
  local counted = redis.pcall('HMGET', ledger, 'o', 'l')
  past.flags, past.op = overlap and 'ol' or 'o', digits(late)
  redis.pcall('HSET', ledger, past.field, as_text(past),
    'o', digits((tonumber(counted[1] or nil) or 0) + 1),
    'l', digits((tonumber(counted[2] or nil) or 0) + (overlap and 1 or 0)))
end

-- refusal begins a no: {why, holder or '', its TTL ms, -1 or -2, its fence or 0, now}.
local function refusal(why)
  return {why, holder or '', digits(pttl), recorded and sub(s, 34, 49) or '0', now}
end

-- with_past adds the hold that was meant, where the ledger remembers it: {…, how, time ms, operation, by,
-- reason, fence, deadline ms}.
local function with_past(reply, past)
  for i, item in ipairs({flagged(past), past.at, past.op, past.by, past.reason, past.fence, past.deadline}) do
    reply[5 + i] = item
  end
end

-- no answers a call about a hold that is not in Redis, or not as expected: a refusal with the past of that hold.
-- sent is when its owner's call left, '' where unknown or where it is not its owner who asks.
local function no(why, owner, fence, request, sent, owner_asks)
  local holds = remembered()
  local reply = refusal(why)
  local past = newest(holds, owner, fence, '', request)
  if past and recorded and past.field == 's' then past = nil end -- that one is not over
  if past then
    note_overrun(holds, past, sent)
    if owner_asks and past.how == 'forced' and past.flags == '' then
      past.flags = 't' -- from here on it cannot be undone
      redis.pcall('HSET', ledger, past.field, as_text(past))
    end
    with_past(reply, past)
  end
  return reply
end

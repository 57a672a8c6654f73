-- undo: give a lock that was released by force back to its old owner, with its fence and its deadline.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 operation id of the forced release, 2 operation id of this undo (both percent-encoded)
-- Reply: 'now-ms fence-or-0 TTL-left-ms-or--1 before owner': before is 1 where this undo had been done already
--        {why, …} as past.lua's no, of the hold that was forced; why is
--        'told' (its owner knows), 'taken' (somebody holds the lock), 'passed' (its deadline has), or
--        'unknown' (not the last thing that happened to this lock: a fence was issued since)

local lock, ledger = KEYS[1], KEYS[2]

--@ ledger
--@ past

local holder = redis.call('GET', lock)
local s = redis.call('HGET', ledger, 's')
local head, how, at, op, by, reason, hold, fence, deadline, owner
if s then
  head, how, at, op, by, reason, hold = match(s, '^(%d+ %d+ %d+) (%S+) (%d+) (%S+) (%S+) (%S+) (.*)$')
  if hold then fence, deadline, owner = match(hold, '^(%d+) %d+ (%d+) %S+ (.*)$') end
end

-- refuse says no, with the hold that was forced and its owner.
local function refuse(why)
  local reply = refusal(why, holder)
  for _, e in ipairs(remembered()) do
    if e.op == ARGV[1] and e.how == 'forced' then
      with_past(reply, e)
      reply[13] = e.owner
    end
  end
  return reply
end

if not owner then return refuse('unknown') end

local pttl = holder and redis.call('PTTL', lock)
if redis.call('HGET', ledger, 'u') == ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. fence and holder
    and speaks(how, owner, tonumber(deadline), holder, pttl) then
  --@ no_yes
  local refused = refused_write()
  if refused then return redis.error_reply(refused) end
  return now .. ' ' .. fence .. ' ' .. digits(pttl) .. ' 1 ' .. owner
end
if op ~= ARGV[1] then return refuse('unknown') end
if how == 'forced:t' then return refuse('told') end
if how ~= 'forced' then return refuse('unknown') end
if holder then
  -- The lock went on to somebody else: from here on nothing is given back, also not when it is free again.
  redis.pcall('HSET', ledger, 's', head .. ' forced:t ' .. at .. ' ' .. op .. ' ' .. by .. ' ' .. reason .. ' ' .. hold)
  return refuse('taken')
end
if deadline ~= '0' and now_ms >= tonumber(deadline) then return refuse('passed') end

-- The ledger first: where it cannot be written, the lock stays free.
local wrote = redis.pcall('HSET', ledger, 's', head .. ' - 0 - - - ' .. hold, 'u', ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. fence)
if type(wrote) == 'table' and wrote.err then return redis.error_reply('LEDGER ' .. wrote.err) end
local given
if deadline == '0' then
  given = redis.pcall('SET', lock, owner, 'NX')
else
  given = redis.pcall('SET', lock, owner, 'NX', 'PXAT', deadline)
end
if not given or given.err then
  redis.pcall('HSET', ledger, 's', s)
  return redis.error_reply(given and given.err or 'ERR the lock could not be set')
end
local left = deadline == '0' and '-1' or digits(tonumber(deadline) - now_ms)
return now .. ' ' .. fence .. ' ' .. left .. ' 0 ' .. owner

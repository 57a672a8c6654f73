-- undo: give a lock that was released by force back to its old owner, with its fence and its deadline.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 operation id of the forced release, 2 operation id of this undo (both percent-encoded)
-- Reply: 'now-ms fence-or-0 TTL-left-ms-or--1 before owner': before is 1 where this undo had been done already
--        {why, …} as past.lua's no, of the hold that was forced; why is
--        'told' (its owner knows), 'taken' (somebody holds the lock), 'passed' (its deadline has), or
--        'unknown' (not the last thing that happened to this lock: a fence was issued since)

local lock, ledger = KEYS[1], KEYS[2]

--@ ledger
--@ digits
--@ present
--@ past

if type(s) == 'table' then return s end -- the server's error
local last = s and apart(sub(s, 34))

-- refuse says no, with the hold that was forced and its owner.
local function refuse(why)
  local reply = refusal(why)
  for _, e in ipairs(remembered()) do
    if e.op == ARGV[1] and e.how == 'forced' then
      with_past(reply, e)
      reply[13] = e.owner
    end
  end
  return reply
end

if not last then return refuse('unknown') end

if redis.call('HGET', ledger, 'u') == ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. last.fence and recorded then
  --@ no_yes
  local refused = refused_write()
  if refused then return redis.error_reply(refused) end
  return now .. ' ' .. last.fence .. ' ' .. digits(pttl) .. ' 1 ' .. last.owner
end
if last.op ~= ARGV[1] then return refuse('unknown') end
if last.how ~= 'forced' then return refuse('unknown') end
if last.flags == 't' then return refuse('told') end
if holder then
  -- The lock went on to somebody else: from here on nothing is given back, also not when it is free again.
  last.head, last.flags = sub(s, 1, 33), 't'
  redis.pcall('HSET', ledger, 's', as_text(last))
  return refuse('taken')
end
if last.deadline ~= UNKNOWN and now_ms >= tonumber(last.deadline) then return refuse('passed') end

-- The ledger first: where it cannot be written, the lock stays free.
local wrote = redis.pcall('HSET', ledger, 's', sub(s, 1, 78) .. LASTS .. last.request .. ' ' .. last.owner,
  'u', ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. last.fence)
if type(wrote) == 'table' and wrote.err then return redis.error_reply('LEDGER ' .. wrote.err) end
local given
if last.deadline == UNKNOWN then
  given = redis.pcall('SET', lock, last.owner, 'NX')
else
  given = redis.pcall('SET', lock, last.owner, 'NX', 'PXAT', digits(tonumber(last.deadline)))
end
if not given or given.err then
  redis.pcall('HSET', ledger, 's', s)
  return redis.error_reply(given and given.err or 'ERR the lock could not be set')
end
local left = last.deadline == UNKNOWN and '-1' or digits(tonumber(last.deadline) - now_ms)
return now .. ' ' .. last.fence .. ' ' .. left .. ' 0 ' .. last.owner

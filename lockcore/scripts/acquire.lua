-- acquire: take the lock, or be recorded as a waiter.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 owner, 2 TTL ms, 3 work, 4 'waiters-kept retry-interval-ms attempts-in-all',
--       5 request or '-', 6 not after: ms of the server's clock in 13 digits, 0 where there is no request
-- Reply: 'now-ms fence TTL-left-ms again': again is 1 where this request, or without one this owner, had it already
--        {'held', holder, its TTL left ms or -1, its fence or 0, now, attempts of this work, denials of the lock}
--        {'late', '', -2, 0, now}: the request came after its time
--        {'ended', …}: the request was granted before and that hold is over, or it was given up; the rest as past.lua's no

local lock, ledger = KEYS[1], KEYS[2]
local owner, ttl, request = ARGV[1], tonumber(ARGV[2]), ARGV[5]

--@ ledger
--@ limits

local got = redis.pcall('HMGET', ledger, 's', 'r', 'd')
local s, r, d = got[1], got[2], got[3]
local highest, slot, covers = '0000000000000000', '0', UNKNOWN

-- Why nothing can be granted, even if the lock is free.
local refused
if got.err then
  refused = 'LEDGER ' .. got.err
elseif s then
  local _, head = find(s, '^%d+ [0-7] %d+ ')
  highest, slot, covers = sub(s, 1, 16), sub(s, 18, 18), sub(s, 20, 32)
  if head ~= 33 or highest >= FENCE_LIMIT then
    refused = 'LEDGER damaged: its state begins with ' .. sub(s, 1, 40)
  end
end
if request ~= '-' and not refused then
  if now > ARGV[6] then
    refused = 'late'
  elseif r and find(r, request, 1, true) and find(r, ' ' .. request .. ' ', 1, true) then
    refused = 'ended'
  end
end

-- By deadline, not by TTL, so that the ledger's deadline is the key's to the millisecond.
local ends = now_ms + ttl
local deadline = ends < 1e12 and format('%.0f', ends) or format('%d%06d', ends / 1000000, ends % 1000000)
local granted = not refused and redis.pcall('SET', lock, owner, 'NX', 'PXAT', deadline)
if granted and granted.err then granted, refused = nil, granted.err end

local acquired, left = now, ttl

if not granted then
  local holder = redis.call('GET', lock)
  local pttl = holder and redis.call('PTTL', lock) or -2
  --@ recorded
  --@ digits
  --@ no_yes
  --@ past
  --@ denial

  local fence = '0'
  if recorded then
    fence = sub(s, 34, 49)
    if holder == owner and (request == '-' or request == match(s, '^%S+', 101)) then
      local no_yes = refused_write()
      if no_yes then return redis.error_reply(no_yes) end
      return now .. ' ' .. fence .. ' ' .. digits(pttl) .. ' 1'
    end
  end
  if refused == 'late' then return {'late', '', '-2', '0', now} end
  if refused == 'ended' then return no('ended', '', '', request, '', true) end
  if refused and (not holder or find(refused, 'READONLY', 1, true)) then return redis.error_reply(refused) end
  if holder and (holder ~= owner or request ~= '-') then
    local attempts, denied = denial(pttl)
    return {'held', holder, digits(pttl), fence, now, attempts, denied}
  end
  if refused then return redis.error_reply(refused) end
  -- The owner took it without a ledger, and names no request: from here on it has one.
  local no_yes = refused_write()
  if no_yes then return redis.error_reply(no_yes) end
  acquired, left, deadline = UNKNOWN, pttl, pttl < 0 and UNKNOWN or digits(now_ms + pttl)
end

-- The lock is this owner's: a fence, and the hold on record.
if #deadline < 13 then deadline = format('%013.0f', deadline) end
--@ issue
local renew = covers < (left < 0 and now or deadline) and now_ms + math.max(left, 0) + DAY_MS
if renew then covers = format('%013.0f', renew - DAY_MS / 2) end
local ring, archived
if s then
  --@ ended
  ring, archived = 'p' .. slot, past
  local at = byte(s, 18) - 46
  slot = sub(SLOTS, at, at)
end
local state = fence .. ' ' .. slot .. ' ' .. covers .. ' ' .. fence .. ' ' .. acquired .. ' ' .. deadline
  .. ' ' .. LASTS .. request .. ' ' .. owner
local requests = r or ' '
if request ~= '-' then
  --@ requests
end
local waited = d and sub(d, -2) ~= ' 0' and redis.call('HEXISTS', ledger, 'w:' .. ARGV[3]) == 1
local wrote
if archived and not waited then
  wrote = redis.pcall('HSET', ledger, 's', state, 'r', requests, ring, archived)
else
  local fields = archived and {'s', state, 'r', requests, ring, archived} or {'s', state, 'r', requests}
  local denials, listed = match(d or '', '^(%d+) (%d+)$')
  if waited and listed then
    fields[#fields + 1] = 'd'
    fields[#fields + 1] = denials .. ' ' .. format('%.0f', listed - 1)
  end
  wrote = redis.pcall('HSET', ledger, unpack(fields))
end
local failed = type(wrote) == 'table' and wrote.err
if not failed and renew then
  -- Only when half a day of it is used up, since every renewal costs an event.
  local renewed = redis.pcall('PEXPIREAT', ledger, format('%.0f', renew))
  failed = type(renewed) == 'table' and renewed.err
  if failed then -- a hold that never was must not stay on record
    if s then redis.pcall('HSET', ledger, 's', s) else redis.pcall('HDEL', ledger, 's') end
  end
end
if failed then
  if granted then redis.call('DEL', lock) end
  return redis.error_reply('LEDGER ' .. failed)
end
if waited then redis.pcall('HDEL', ledger, 'w:' .. ARGV[3]) end
return now .. ' ' .. fence .. ' ' .. (granted and ARGV[2] or format('%.0f', left)) .. (granted and ' 0' or ' 1')

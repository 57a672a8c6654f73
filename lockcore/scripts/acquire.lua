-- acquire: take the lock, or be recorded as a waiter.
-- KEYS: 1 lock, 2 ledger
-- ARGV: 1 owner, 2 TTL ms, 3 work, 4 waiters kept, 5 retry interval ms, 6 attempts in all,
--       7 request or '-', 8 not after: ms of the server's clock, 0 where there is no request
-- Reply: 'now-ms fence TTL-left-ms again': again is 1 where this request, or without one this owner, had it already
--        {'held', holder, its TTL left ms or -1, its fence or 0, now, attempts of this work, denials of the lock}
--        {'late', '', -2, 0, now}: the request came after its time
--        {'ended', …}: the request was granted before and that hold is over, or it was given up; the rest as past.lua's no

local lock, ledger = KEYS[1], KEYS[2]
local owner, ttl, request = ARGV[1], tonumber(ARGV[2]), ARGV[7]

--@ ledger
--@ issue

local got = redis.pcall('HMGET', ledger, 's', 'r', 'd')
local s, r, d = got[1], got[2], got[3]
local highest, count, expires, last = 0, 0, 0, nil

-- Why nothing can be granted, even if the lock is free.
local refused
if got.err then
  refused = 'LEDGER ' .. got.err
elseif s then
  highest, count, expires, last = match(s, '^(%d+) (%d+) (%d+) (%S+ .*)$')
  if not highest or #count > 15 or #expires > 15 or tonumber(highest) >= FENCE_LIMIT then
    refused = 'LEDGER damaged: its state begins with ' .. string.sub(s, 1, 40)
  end
end
if request ~= '-' and not refused then
  if now_ms > tonumber(ARGV[8]) then
    refused = 'late'
  elseif r and string.find(r, ' ' .. request .. ' ', 1, true) then
    refused = 'ended'
  end
end

-- By deadline, not by TTL, so that the ledger's deadline is the key's to the millisecond.
local deadline = digits(now_ms + ttl)
local granted = not refused and redis.pcall('SET', lock, owner, 'NX', 'PXAT', deadline)
if granted and granted.err then granted, refused = nil, granted.err end

local acquired, left = now, ttl

if not granted then
  --@ no_yes
  --@ past
  --@ denial

  local holder = redis.call('GET', lock)
  local pttl = holder and redis.call('PTTL', lock)
  local fence = '0'
  if holder and s then
    local _, how, _, f, _, ends, req, o = taken_apart(s)
    if how and speaks(how, o, tonumber(ends), holder, pttl) then
      fence = f
      if holder == owner and (request == '-' or request == req) then
        local no_yes = refused_write()
        if no_yes then return redis.error_reply(no_yes) end
        return now .. ' ' .. f .. ' ' .. digits(pttl) .. ' 1'
      end
    end
  end
  if refused == 'late' then return {'late', '', '-2', '0', now} end
  if refused == 'ended' then return no('ended', holder, '', '', request, '', true) end
  if refused and (not holder or string.find(refused, 'READONLY', 1, true)) then return redis.error_reply(refused) end
  if holder and (holder ~= owner or request ~= '-') then
    local attempts, denied = denial(pttl)
    return {'held', holder, digits(pttl), fence, now, attempts, denied}
  end
  if refused then return redis.error_reply(refused) end
  -- The owner took it without a ledger, and names no request: from here on it has one.
  local no_yes = refused_write()
  if no_yes then return redis.error_reply(no_yes) end
  acquired, left, deadline = '0', pttl, pttl < 0 and '0' or digits(now_ms + pttl)
end

-- The lock is this owner's: a fence, and the hold on record.
local fence = digits(next_fence(highest))
local keep_until = now_ms + math.max(left, 0) + DAY_MS
local renew = tonumber(expires) < keep_until - DAY_MS / 2
if renew then expires = digits(keep_until) end
local fields, n = {}, 2
if last then
  fields[3], fields[4] = 'p' .. count % HOLDS_KEPT, ended(last)
  count, n = digits(count + 1), 4
end
fields[1] = 's'
fields[2] = fence .. ' ' .. count .. ' ' .. expires .. ' - 0 - - - '
  .. fence .. ' ' .. acquired .. ' ' .. deadline .. ' ' .. request .. ' ' .. owner
if request ~= '-' then
  fields[n + 1], fields[n + 2] = 'r', kept_requests(request, r)
  n = n + 2
end
local denials, listed = match(d or '', '^(%d+) (%d+)$')
local waited = listed and listed ~= '0' and redis.call('HEXISTS', ledger, 'w:' .. ARGV[3]) == 1
if waited then
  fields[n + 1], fields[n + 2] = 'd', denials .. ' ' .. digits(listed - 1)
end
local wrote = redis.pcall('HSET', ledger, unpack(fields))
local failed = type(wrote) == 'table' and wrote.err
if not failed and renew then
  -- Only when half a day of it is used up, since every renewal costs an event.
  local renewed = redis.pcall('PEXPIREAT', ledger, expires)
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
return now .. ' ' .. fence .. ' ' .. (granted and ARGV[2] or digits(left)) .. (granted and ' 0' or ' 1')

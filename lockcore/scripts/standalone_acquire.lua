-- acquire for callers that have nothing but EVAL.
-- KEYS: as acquire's
-- ARGV: 1 owner, 2 TTL ms, 3 work, '' is the owner, 4 waiters kept, 5 retry interval ms, 6 attempts in all,
--       7 request or '-', 8 not after: ms of the server's clock; both may be left out
-- Reply: the fence, in digits
-- Error: 'HELD …' the denial is recorded, 'GONE …' and 'REVOKED …' of a request whose hold is over, 'LATE …', 'INVALID …' nothing was
--        done, or the server's own

--@ standalone

local owner, ttl, work, request = ARGV[1], ARGV[2], ARGV[3], ARGV[7] or '-'
local wrong = wrong_keys() or wrong_owner(owner)
  or (not whole(ttl, 1, TTL_MAX_MS) and 'the TTL is no whole number of ms between 1 and ' .. string.format('%.0f', TTL_MAX_MS))
  or (#(work or '') > OWNER_MAX and 'the work is too long')
  or (not whole(ARGV[4], 1, 10000) and 'the waiters kept are no number between 1 and 10000')
  or (not whole(ARGV[5], 1, TTL_MAX_MS) and 'the retry interval is no whole number of ms')
  or (not whole(ARGV[6], 1, 1000000) and 'the attempts are no number from 1 on')
  or (request == '' and 'the request is empty; - names none')
  or wrong_request(request)
  or (request ~= '-' and not whole(ARGV[8], 1, 9999999999999) and 'the request has no time after which it is refused')
if wrong then return invalid(wrong) end
if not work or work == '' then work = owner end

local ARGV = {owner, ttl, work, ARGV[4] .. ' ' .. ARGV[5] .. ' ' .. ARGV[6], request, string.format('%013.0f', tonumber(ARGV[8]) or 0)}

local function step()
--@ acquire
end

local reply = step()
if type(reply) == 'string' then return (string.match(reply, '^%d+ 0*(%d+) ')) end
if reply.err then return reply end
if reply[1] == 'held' then
  return redis.error_reply('HELD ' .. held_by(reply) .. ', attempt ' .. reply[6])
end
if reply[1] == 'late' then return redis.error_reply('LATE the request came after its time') end
return redis.error_reply(over(reply))

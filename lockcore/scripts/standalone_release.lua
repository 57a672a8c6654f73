-- release for callers that have nothing but EVAL. A hold that its owner ended already counts as released.
-- KEYS: as release's
-- ARGV: as release's, all but the owner may be '' or left out; 4 may be off by a second, which is taken off it
-- Reply: 'released'
-- Error: 'GONE …', 'REVOKED …' the hold was over, 'INVALID …' nothing was done, or the server's own

--@ standalone

local owner, fence, request, sent = ARGV[1], ARGV[2] or '', ARGV[3] or '', ARGV[4] or ''
local wrong = wrong_keys() or wrong_owner(owner)
  or (fence ~= '' and not whole(fence, 1, 9007199254740991) and 'the fence is no number: ' .. shown(fence))
  or wrong_request(request)
if wrong then return invalid(wrong) end

-- It comes by another clock than the server's, and what is here already was not sent later than now.
if whole(sent, 1001, 999999999999999) then
  local time = redis.call('TIME')
  sent = string.format('%.0f', math.min(sent - 1000, time[1] * 1000 + math.floor(time[2] / 1000)))
else
  sent = ''
end

if fence ~= '' then fence = string.rep('0', 16 - #fence) .. fence end
local ARGV = {owner, fence, request, sent}

local function step()
--@ release
end

local reply = step()
if type(reply) == 'string' or reply[6] == 'released' then return 'released' end
if reply.err then return reply end
return redis.error_reply(over(reply))

-- Issuing a fence: for steps that begin a hold.

local HOLDS_KEPT = 8
local FENCE_LIMIT = 9007199254740991 -- 2^53 - 1: beyond it a double skips numbers

-- next_fence is above every fence before and, while the ledger is lost, above the clock of then.
local function next_fence(highest)
  return math.max(highest + 1, now_us)
end

-- ended gives the part of a state from how on, with the end that nobody recorded: by its deadline, or
-- by somebody unknown.
local function ended(last)
  local hold, deadline = match(last, '^%- %d+ %S+ %S+ %S+ (%d+ %d+ (%d+) .*)$')
  if not hold then return last end
  if deadline ~= '0' and now_ms >= tonumber(deadline) then
    return 'expired ' .. deadline .. ' - - - ' .. hold
  end
  return 'deleted 0 - - - ' .. hold
end

-- kept_requests puts a request before the last ones, of which at least fifteen are kept: the list is cut only
-- now and then, since that takes longer than all the rest.
local function kept_requests(request, r)
  local all = ' ' .. request .. (r or ' ')
  return #all > 512 and match(all, '^ ' .. string.rep('%S+ ', 16)) or all
end

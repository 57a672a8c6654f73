-- For callers that have nothing but EVAL, such as a scenario that sends HTTP requests. What lockcore checks before it
-- sends anything is checked here; a yes is one value that can be passed on as it is, and a no is an error reply, so that
-- it fails the call of those who can't tell one reply from another. What a step wrote before its no stays written.

local KEY_MAX, OWNER_MAX, REQUEST_MAX, TTL_MAX_MS = 65536, 1024, 192, 315360000000

-- shown makes bytes from outside fit for one line.
local function shown(text)
  text = string.gsub(text, '%c', '?')
  return #text > 100 and string.sub(text, 1, 100) .. '...' or text
end

-- hashed is the part of a key that decides its cluster slot, ledger_of the key of a lock's ledger: lockcore.LedgerKey.
local function hashed(key)
  return string.match(key, '^[^{]*{([^}]+)}') or key
end

local function ledger_of(key)
  if hashed(key) == key then return 'locktop:{' .. key .. '}' end
  if string.find(key, '^[{:]') then return 'locktop::' .. key end
  return 'locktop:' .. key
end

local function whole(text, least, most)
  return text and #text <= 16 and string.find(text, '^%d+$') and tonumber(text) >= least and tonumber(text) <= most
end

-- wrong_keys and wrong_owner give what is wrong, or nil. Another ledger than the lock's own would issue fences beside it.
local function wrong_keys()
  local key, ledger = KEYS[1], KEYS[2]
  if #KEYS ~= 2 then return 'two keys are wanted, the lock and its ledger' end
  if key == '' then return 'the key is empty' end
  if #key > KEY_MAX then return 'the key is too long' end
  if string.sub(key, 1, 8) == 'locktop:' then return 'keys that start with locktop: are not locks: ' .. shown(key) end
  if ledger ~= ledger_of(key) then
    return 'the ledger of ' .. shown(key) .. ' is ' .. shown(ledger_of(key)) .. ' and not ' .. shown(ledger)
  end
  return nil
end

local function wrong_owner(owner)
  if not owner or owner == '' then return 'the owner is empty' end
  if #owner > OWNER_MAX then return 'the owner is too long' end
  return nil
end

local function wrong_request(request)
  if #request > REQUEST_MAX or string.find(request, '%s') then return 'the request is too long or has a space' end
  return nil
end

local function invalid(why)
  return redis.error_reply('INVALID ' .. why)
end

-- held_by ends a no with who has the lock.
local function held_by(reply)
  if reply[2] == '' then return 'nobody holds the lock' end
  return shown(reply[2]) .. ' holds the lock, '
    .. (reply[3] == '-1' and 'without a TTL' or 'for another ' .. reply[3] .. ' ms')
    .. (reply[4] == '0' and '' or ', fence ' .. reply[4])
end

-- over says of a hold that is over how it ended.
local function over(reply)
  local how, by, reason = reply[6] and string.match(reply[6], '^%a+'), reply[9], reply[10]
  local function plain(item) -- was percent-encoded, with + for a space
    item = string.gsub(item, '+', ' ')
    return shown((string.gsub(item, '%%(%x%x)', function(hex) return string.char(tonumber(hex, 16)) end)))
  end
  if how == 'forced' or how == 'seized' then
    return 'REVOKED by ' .. plain(by) .. ' (' .. plain(reason) .. '); ' .. held_by(reply)
  end
  return 'GONE ' .. (how and 'the hold is over (' .. how .. ')' or 'there is no such hold') .. '; ' .. held_by(reply)
end

-- refused_write is a write that changes nothing. It comes before any yes that needs no other
-- write: a read-only replica, or a master cut off from its replicas, refuses it and so cannot
-- say "yours" of a lock that is somebody else's by now. It gives nil, or the server's error.
local function refused_write()
  local tried = redis.pcall('HDEL', ledger, '')
  if type(tried) == 'table' and tried.err and not string.find(tried.err, 'WRONGTYPE', 1, true) then
    return tried.err
  end
  return nil
end

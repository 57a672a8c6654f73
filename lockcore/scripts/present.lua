-- What is there: who holds the lock, for how long, and what the ledger says of it.
local holder = redis.call('GET', lock)
local pttl = holder and redis.call('PTTL', lock) or -2
local s = redis.pcall('HGET', ledger, 's')
--@ recorded

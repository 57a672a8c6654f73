-- What every step knows of the ledger. Each step's file begins by including this text.
--
-- The ledger is a hash beside the lock, in the same cluster slot (KEYS[2]):
--   s       the state: "highest slot covers fence acquired deadline ended how operation by reason
--           request owner"
--             highest   the highest fence ever issued for the lock
--             slot      the ring field that the next archived hold goes to, 0 to 7
--             covers    the latest deadline for which the ledger needs no renewal: half a day before it expires
--             fence…    the last hold; how is "-" while it lasts
--   p0..p7  the last ended holds: the part of s from fence on
--   r       the last requests that were granted or given up, and operations that ended a hold, newest first: " a b c "
--   d       denials since the ledger began, and waiters listed: "18 3"
--   o l     overruns and overlaps since the ledger began
--   u       the last undoing: operation of the forced release, of the undo, fence of the hold
--   w:WORK  a waiter: "attempts first last owner"
--   x       waiters beyond the list: "count since"
-- how is released, expired, deleted, forced or seized. "forced:t" has been told to the old owner;
-- "expired:o" was an overrun, proven "operation" ms after the deadline, "expired:ol" with an overlap.
-- Times are milliseconds of the server's clock, fences whole numbers. Both are kept as
-- digits: a Lua double turned into text by itself reads 1.79e+15. "-" is an item that is
-- not there, 0 an unknown time or fence. The owner comes last, since it may hold any byte;
-- the other items come percent-encoded from the caller and so hold no space.
-- In s and p0..p7 a fence has 16 digits and a time 13, with zeros in front where it needs fewer. So
-- these items have their places and are cut out rather than searched for, and compare as texts: in s
--   highest 1-16, slot 18, covers 20-32, fence 34-49, acquired 51-63, deadline 65-77, ended 79-91,
--   how from 93; request from 101 while the hold lasts.
--
-- A step answers "yes" with one string, and "no" with a list whose first item says why.
--
-- The server runs one script at a time, so their time is everybody's. Most of it goes into texts that are made, by
-- the byte, and into functions: what most calls need comes first in each file and needs few of both; the rest
-- is included where it is needed.

local DAY_MS = 86400000
local DEADLINE_TOLERANCE_MS = 5
local UNKNOWN = '0000000000000' -- a time
local LASTS = '0000000000000 - - - - ' -- from ended to reason, of a hold that has not ended
local match, find, sub, byte, format = string.match, string.find, string.sub, string.byte, string.format

local time = redis.call('TIME')
local clock = time[1] .. time[2] -- in us, as a fence
if #clock < 16 then clock = format('%010.0f%06.0f', time[1], time[2]) end
local now = sub(clock, 1, 13)
local now_ms = tonumber(now)

local FENCE_LIMIT = 9007199254740991 -- 2^53 - 1: beyond it a double skips numbers
local SLOT_AFTER = '12345670' -- by slot

local FENCE_LIMIT = '9007199254740991' -- 2^53 - 1: beyond it a double skips numbers
local SLOTS = '012345670' -- each before the next one

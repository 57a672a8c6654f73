-- The next fence: above every one before and, while the ledger is lost, above the clock of then.
local fence = clock
if clock <= highest then fence = format('%016.0f', highest + 1) end

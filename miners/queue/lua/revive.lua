-- Opens a dead item again, with its counts of expiries and skips at nought.
--
-- ARGV  max expiries, item
-- Returns {OK, 1}, or {OK, 0} for an item that is not dead; {UNKNOWN} for no such item.

local id = ARGV[2]
local state = call('HGET', P .. 'i:' .. id, 'state')
if not state then return {UNKNOWN} end
if state ~= 'dead' then return {OK, 0} end
call('HSET', P .. 'i:' .. id, 'state', 'open', 'exp', 0)
call('HDEL', P .. 'i:' .. id, 'skipped')
call('ZREM', P .. 'dead', id)
place(id)
return {OK, 1}

-- Serves gold no more.
--
-- ARGV  max expiries, item
-- Returns {OK, 1}, or {OK, 0} for an item that is no gold; {UNKNOWN} for no such item. Repeated it changes nothing.

local id = ARGV[2]
local old = call('HMGET', P .. 'i:' .. id, 'state', 'truth')
if not old[1] then return {UNKNOWN} end
if not old[2] then return {OK, 0} end
call('LREM', P .. 'gold', 1, id)
call('HSET', P .. 'i:' .. id, 'retired', 1)
return {OK, 1}

-- Gives an open item another priority, higher or lower.
--
-- ARGV  max expiries, item, priority, -priority, rank (JSON) or '' to keep it
-- Returns {OK, 1} or, for an item that is done or dead and stays as it is, {OK, 0}; {UNKNOWN} for no such item.

local id = ARGV[2]
local state = call('HGET', P .. 'i:' .. id, 'state')
if not state then return {UNKNOWN} end
if state ~= 'open' then return {OK, 0} end
call('HSET', P .. 'i:' .. id, 'prio', ARGV[3], 'neg', ARGV[4])
if ARGV[5] ~= '' then call('HSET', P .. 'i:' .. id, 'rank', ARGV[5]) end
place(id)
return {OK, 1}

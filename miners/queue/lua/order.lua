-- Wants more answers for an item: one that was done is open again, its label stands until answers say otherwise.
--
-- ARGV  max expiries, item, answers wanted, priority, -priority, rank (JSON) or '' to keep it
-- Returns {OK, 1} where the item wants at least so many then, {OK, 0} for a dead one; {UNKNOWN} for no such item.
-- Repeated it changes nothing: an item that wants as many already keeps its priority as well.

local id = ARGV[2]
local item = P .. 'i:' .. id
local old = call('HMGET', item, 'state', 'need')
if not old[1] then return {UNKNOWN} end
if old[1] == 'dead' or old[1] == 'gold' then return {OK, 0} end
if tonumber(old[2]) >= tonumber(ARGV[3]) then return {OK, 1} end
if old[1] == 'done' then call('HINCRBY', P .. 'stats', 'done', -1) end
call('HSET', item, 'need', ARGV[3], 'prio', ARGV[4], 'neg', ARGV[5], 'state', 'open', 'exp', 0)
call('HDEL', item, 'skipped')
call('HSETNX', item, 'told', call('HGET', item, 'done')) -- for labels set before this was kept
if ARGV[6] ~= '' then call('HSET', item, 'rank', ARGV[6]) end
place(id)
return {OK, 1}

-- Moves the deadline of a lease that is still held.
--
-- ARGV  max expiries, lease, rater, milliseconds
-- Returns {OK, lease, deadline, item, new (JSON)}, else {code}: CONFLICT where it is answered already.

local lease, rater, ms = ARGV[2], ARGV[3], tonumber(ARGV[4])
local code = answered(lease, rater)
if code then return {code} end
local id, why = held_item(lease, rater)
if not id then return {why} end
call('ZADD', P .. 'leases', NOW + ms, lease)
return {OK, lease, NOW + ms, id, call('HGET', P .. 'i:' .. id, 'new')}

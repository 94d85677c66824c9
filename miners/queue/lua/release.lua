-- Gives a leased item back; with skip, the rater is not offered it again.
--
-- ARGV  max expiries, lease, rater, skip (0/1)
-- Returns {OK}, also for a lease that was given back or ran out before; else {code}: CONFLICT where it is answered.

local lease, rater, skip = ARGV[2], ARGV[3], ARGV[4] == '1'
local code = answered(lease, rater)
if code then return {code} end
local id, why = held_item(lease, rater)
if why == UNKNOWN or why == NOT_YOURS then return {why} end
if id then
  give_back(lease, id, 'released')
  if not skip then unsee(rater, id) end
  place(id)
elseif skip then
  call('SADD', P .. 'seen:' .. rater, call('HGET', P .. 'l:' .. lease, 'item'))
end
return {OK}

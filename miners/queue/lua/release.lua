-- Gives a leased item back; with skip, the rater is not offered it again, and the item notes it.
--
-- ARGV  max expiries, lease, rater, skip (0/1), reason, skips in a row, without an answer in between, after which it is dead
-- Returns {OK}, also for a lease that was given back or ran out before; else {code}: CONFLICT where it is answered.

local lease, rater, skip, reason, most = ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5], tonumber(ARGV[6])

-- The first skip of each rater.
local function note(id)
  local item = P .. 'i:' .. id
  local old = call('HGET', item, 'skips') or ''
  for _, before in ipairs(cjson.decode('[' .. old .. ']')) do
    if before.rater == rater then return end
  end
  local entry = cjson.encode({rater = rater, reason = reason, at = NOW})
  call('HSET', item, 'skips', old == '' and entry or old .. ',' .. entry)
  call('ZINCRBY', P .. 'skipped', 1, id)
  if call('HINCRBY', item, 'skipped', 1) >= most and call('HGET', item, 'state') == 'open' then bury(id) end
end

local code = answered(lease, rater)
if code then return {code} end
local id, why = held_item(lease, rater)
if why == UNKNOWN or why == NOT_YOURS then return {why} end
local held = id ~= nil
id = id or call('HGET', P .. 'l:' .. lease, 'item')
if held then
  give_back(lease, id, 'released')
  if not skip then unsee(rater, id) end
end
if skip then
  call('SADD', P .. 'seen:' .. rater, id)
  note(id)
end
place(id)
return {OK}

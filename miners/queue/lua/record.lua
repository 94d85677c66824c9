-- Stores an answer that was given elsewhere, without a lease: for whoever has not had the item here.
--
-- ARGV  max expiries, answer, item, rater, said (JSON by which bodies are compared), body (JSON), yes|no|unsure,
--       severity or '', where its last span ends
-- Returns {OK, answer, item, answers, needed, label or ''}, else {code}: UNKNOWN (no such item), NOT_YOURS, CONFLICT,
-- BEYOND (with the characters of the text).
-- An item that has all its answers, or whose last ones are being given, takes it as one more.
-- Repeated with what was said first or is said now, it returns the receipt given then; anything else is a CONFLICT.

local answer, id, rater, said, body, value, severity = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local item = P .. 'i:' .. id

local code = answered(answer, rater)
if code == CONFLICT then return given_before(answer, said, id) end
if code then return {code} end
local old = call('HMGET', item, 'state', 'need', 'act', 'done', 'ans')
if not old[1] then return {UNKNOWN} end
local far = beyond(id, ARGV[9])
if far then return far end
if call('SADD', P .. 'seen:' .. rater, id) == 0 then return {CONFLICT} end
call('SADD', P .. 'raters', rater)

local given, need, state = old[4] + 1, tonumber(old[2]), old[1]
if state == 'dead' then call('ZREM', P .. 'dead', id) end
if state ~= 'gold' then
  need = math.max(need, given + old[3])
  state = given >= need and 'done' or 'open'
  if old[1] ~= 'done' and state == 'done' then call('HINCRBY', P .. 'stats', 'done', 1) end
end
call('HINCRBY', P .. 'stats', 'recorded', 1)
call('HSETNX', item, 'told', old[4])
call('HSET', item, 'need', need, 'done', given, 'exp', 0, 'state', state,
  'ans', old[5] .. answer .. ' ')
call('HDEL', item, 'skipped')
place(id)
return keep(answer, id, rater, said, body, value, severity)

-- Corrects an answer; the body it replaces goes into the history, label and finding follow.
--
-- ARGV  max expiries, answer, rater, said, body (JSON), yes|no|unsure, severity or '', where its last span
--       ends, most corrections allowed
-- Returns {OK, answer, item, answers, needed, label or ''}, else {code}: UNKNOWN, NOT_YOURS, TOO_OFTEN, BEYOND (with the
-- characters of the text).
-- Repeated with what is said now, it changes nothing and returns the same receipt.

local id, rater, said, body, value, severity = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local answer = P .. 'a:' .. id

local code = answered(id, rater)
if not code then return {UNKNOWN} end
if code == NOT_YOURS then return {NOT_YOURS} end
local old = call('HMGET', answer, 'item', 'said', 'body', 'value', 'severity', 'at', 'history', 'count', 'n', 'label',
  'need')
local item = old[1]
if old[2] == said then
  return {OK, id, item, old[9], old[11] or call('HGET', P .. 'i:' .. item, 'need'), old[10]}
end
if tonumber(old[8]) >= tonumber(ARGV[9]) then return {TOO_OFTEN} end
local far = beyond(item, ARGV[8])
if far then return far end

tally(item, old[4], old[5], -1)
tally(item, value, severity, 1)
local told = call('LLEN', P .. 'labelled')
local answers, needed, label = settle(item, value, old[9])
-- Whoever follows `labelled` knows severities too.
local known = call('HMGET', P .. 'i:' .. item, 'label', 'passed', 'truth')
if severity ~= old[5] and known[1] and known[2] ~= 'p' and not known[3] and call('LLEN', P .. 'labelled') == told then
  call('RPUSH', P .. 'labelled', item)
end
-- Bodies are joined as text: decoding and encoding them here could change a number.
local entry = '{"at":' .. old[6] .. ',"body":' .. old[3] .. '}'
if old[7] ~= '' then entry = old[7] .. ',' .. entry end
call('HSET', answer, 'said', said, 'body', body, 'value', value, 'severity', severity, 'at', NOW, 'history', entry,
  'count', old[8] + 1, 'n', answers, 'need', needed, 'label', label)
return {OK, id, item, answers, needed, label}

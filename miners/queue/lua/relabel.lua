-- Sets the label of a labelled item to what a model of its raters makes of the answers; the finding follows.
--
-- ARGV  max expiries, item, label, confidence, ambiguity, how many of the answers that the model knows say yes, no, unsure
-- Returns {OK, 1}, or {OK, 0} where the item has no label yet, other answers by now, or was planted; {UNKNOWN}.

local id, label = ARGV[2], ARGV[3]
local item = P .. 'i:' .. id
local old = call('HMGET', item, 'state', 'label', 'passed', 'finding', 'yes', 'no', 'unsure')
if not old[1] then return {UNKNOWN} end
local same = old[5] == ARGV[6] and old[6] == ARGV[7] and old[7] == ARGV[8]
if (old[2] or '') == '' or old[3] == 'p' or not same then return {OK, 0} end
call('HSET', item, 'label', label, 'conf', ARGV[4], 'amb', ARGV[5])
if old[2] ~= label then
  call('RPUSH', P .. 'labelled', id)
  move_finding(id, old[4] or '', finding_of(label, old[3]))
end
return {OK, 1}

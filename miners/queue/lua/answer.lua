-- Stores an answer, and with it the label and the finding, where it is the last one needed.
--
-- ARGV  max expiries, lease, rater, said (JSON by which bodies are compared), body (JSON), yes|no|unsure, severity or ''
-- Returns {OK, answer, item, answers, needed, label or ''}, else {code}.
-- Repeated with what was said first or is said now, it returns the receipt given then; anything else is a CONFLICT.

local lease, rater, said, body, value, severity = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]

local function again()
  local old = call('HMGET', P .. 'a:' .. lease, 'item', 'first', 'said', 'n', 'label')
  if said ~= old[2] and said ~= old[3] then return {CONFLICT} end
  return {OK, lease, old[1], old[4], call('HGET', P .. 'i:' .. old[1], 'need'), old[5]}
end

-- An answer shows that the item can be answered: the count of expiries starts anew, and a dead item lives.
local function close(id)
  local item = P .. 'i:' .. id
  local state = call('HGET', item, 'state')
  if state == 'dead' then call('HINCRBY', P .. 'stats', 'dead', -1) end
  local answers = call('HINCRBY', item, 'done', 1)
  call('HINCRBY', item, 'act', -1)
  local full = answers >= tonumber(call('HGET', item, 'need'))
  if full then call('HINCRBY', P .. 'stats', 'done', 1) end
  call('HSET', item, 'exp', 0, 'state', full and 'done' or 'open', 'ans', call('HGET', item, 'ans') .. lease .. ' ')
end

local code = answered(lease, rater)
if code == CONFLICT then return again() end
if code then return {code} end
local id, why = held_item(lease, rater)
if not id then return {why} end

call('ZREM', P .. 'leases', lease)
call('DEL', P .. 'l:' .. lease)
close(id)
tally(id, value, severity, 1)
place(id)
local answers, needed, label = settle(id)
call('HSET', P .. 'a:' .. lease, 'item', id, 'rater', rater, 'first', said, 'said', said, 'body', body,
  'value', value, 'severity', severity, 'at', NOW, 'history', '', 'count', 0, 'n', answers, 'label', label)
call('RPUSH', P .. 'log', lease)
return {OK, lease, id, answers, needed, label}

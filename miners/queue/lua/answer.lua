-- Stores an answer, and with it the label and the finding, where it is the last one needed.
--
-- ARGV  max expiries, lease, rater, said (JSON by which bodies are compared), body (JSON), yes|no|unsure, severity or '',
--       where its last span ends
-- Returns {OK, answer, item, answers, needed, label or ''}, else {code}, or {BEYOND, characters of the text}.
-- Repeated with what was said first or is said now, it returns the receipt given then; anything else is a CONFLICT.

local lease, rater, said, body, value, severity = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]

-- An answer shows that the item can be answered: the counts of expiries and skips start anew, and a dead item lives.
-- Others wait for it as before: there is a lease less and an answer more.
local function close(id)
  local item = P .. 'i:' .. id
  local old = call('HMGET', item, 'state', 'need', 'act', 'done', 'ans', 'skipped')
  local state, answers = old[1], old[4] + 1
  if state == 'dead' then call('ZREM', P .. 'dead', id) end
  if state ~= 'gold' then
    state = answers >= tonumber(old[2]) and 'done' or 'open'
    if state == 'done' then call('HINCRBY', P .. 'stats', 'done', 1) end
  end
  call('HSET', item, 'exp', 0, 'done', answers, 'act', old[3] - 1, 'state', state, 'ans', old[5] .. lease .. ' ')
  if old[6] then call('HDEL', item, 'skipped') end
  if old[1] == 'dead' then place(id) end
end

local code = answered(lease, rater)
if code == CONFLICT then return given_before(lease, said) end
if code then return {code} end
local id, why = held_item(lease, rater)
if not id then return {why} end
local far = beyond(id, ARGV[8])
if far then return far end

call('ZREM', P .. 'leases', lease)
call('DEL', P .. 'l:' .. lease)
close(id)
return keep(lease, id, rater, said, body, value, severity)

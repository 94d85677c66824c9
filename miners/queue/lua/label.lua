-- What the answers to an item say together; put in front of answer.lua, amend.lua and record.lua.

local function tally(id, value, severity, by)
  local item = P .. 'i:' .. id
  call('HINCRBY', item, value, by)
  if severity ~= '' then
    call('HINCRBY', item, 'sev_sum', by * severity)
    call('HINCRBY', item, 'sev_n', by)
  end
end

-- Majority of yes and no. A tie is yes, because missing an injury is worse than flagging none.
local function aggregate(yes, no)
  if yes + no == 0 then return 'unsure' end
  if yes >= no then return 'yes' end
  return 'no'
end

-- Plants, whose `passed` is p, are never findings.
local function finding_of(label, passed)
  if label == 'yes' and passed == '1' then return 'FN' end
  if label == 'no' and passed == '0' then return 'FP' end
  return ''
end

local function move_finding(id, old, new)
  if old == new then return end
  if old ~= '' then
    call('ZREM', P .. 'found:' .. old, id)
    call('ZREM', P .. 'found:all', id)
  end
  if new ~= '' then
    local order = call('INCR', P .. 'seq')
    call('ZADD', P .. 'found:' .. new, order, id)
    call('ZADD', P .. 'found:all', order, id)
  end
  call('HSET', P .. 'i:' .. id, 'finding', new, 'found_at', NOW)
  call('RPUSH', P .. 'changes', cjson.encode({id, old, new, NOW}))
end

-- The reply to spans that reach beyond the text of an item, else nil; `ends` is where the last of them ends.
local function beyond(id, ends)
  if ends == '0' then return nil end
  local text = cjson.decode(call('HGET', P .. 'i:' .. id, 'new')).text
  local _, length = string.gsub(text, '[^\128-\191]', '') -- bytes of UTF-8 that begin a code point
  if tonumber(ends) > length then return {BEYOND, length} end
end

-- What whoever answers gold is told: as of any item whose other answers are right. `n` is which answer it is.
local function as_of_any(need, truth, value, n)
  local place = (n - 1) % need + 1
  if place < need then return place, need, '' end
  local yes = (value == 'yes' and 1 or 0) + (truth == 'yes' and need - 1 or 0)
  local no = (value == 'no' and 1 or 0) + (truth == 'no' and need - 1 or 0)
  return place, need, aggregate(yes, no)
end

-- Brings label and finding up to date once there are answers enough; returns answers, needed and label ('' before).
-- A label that was there before more answers were ordered goes on following them. What a model made of the answers
-- before is forgotten, and whoever follows `labelled` is told.
local function settle(id, value, n)
  local item = P .. 'i:' .. id
  local f = call('HMGET', item, 'done', 'need', 'yes', 'no', 'passed', 'finding', 'label', 'told', 'conf', 'truth')
  if f[10] then return as_of_any(tonumber(f[2]), f[10], value, tonumber(n or f[1])) end
  if tonumber(f[1]) < tonumber(f[2]) and (f[7] or '') == '' then return f[1], f[2], '' end
  local label = aggregate(tonumber(f[3]), tonumber(f[4]))
  if f[7] ~= label or f[9] or tonumber(f[8] or f[1]) < tonumber(f[1]) then
    call('HSET', item, 'label', label, 'told', f[1])
    if f[9] then call('HDEL', item, 'conf', 'amb') end
    if f[5] ~= 'p' then call('RPUSH', P .. 'labelled', id) end
  end
  move_finding(id, f[6] or '', finding_of(label, f[5]))
  return f[1], f[2], label
end

-- Keeps a new answer, whose item counts it already; label and finding follow. The reply of a verb that takes answers.
local function keep(answer, id, rater, said, body, value, severity)
  tally(id, value, severity, 1)
  local answers, needed, label = settle(id, value)
  call('HSET', P .. 'a:' .. answer, 'item', id, 'rater', rater, 'first', said, 'said', said, 'body', body,
    'value', value, 'severity', severity, 'at', NOW, 'history', '', 'count', 0, 'n', answers, 'need', needed,
    'label', label)
  call('RPUSH', P .. 'log', answer)
  return {OK, answer, id, answers, needed, label}
end

-- The same reply for an answer that is kept already: where it said or says the same, of this item if one is named.
local function given_before(answer, said, id)
  local old = call('HMGET', P .. 'a:' .. answer, 'item', 'first', 'said', 'n', 'label', 'need')
  if (id and old[1] ~= id) or (said ~= old[2] and said ~= old[3]) then return {CONFLICT} end
  return {OK, answer, old[1], old[4], old[6] or call('HGET', P .. 'i:' .. old[1], 'need'), old[5]}
end

-- What the answers to an item say together; put in front of answer.lua and amend.lua.

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
end

-- Brings label and finding up to date once there are answers enough; returns answers, needed and label ('' before).
local function settle(id)
  local item = P .. 'i:' .. id
  local f = call('HMGET', item, 'done', 'need', 'yes', 'no', 'passed', 'finding', 'label')
  if tonumber(f[1]) < tonumber(f[2]) then return f[1], f[2], '' end
  local label = aggregate(tonumber(f[3]), tonumber(f[4]))
  if f[7] ~= label then
    call('HSET', item, 'label', label)
    if f[5] ~= 'p' then call('RPUSH', P .. 'labelled', id) end
  end
  move_finding(id, f[6] or '', finding_of(label, f[5]))
  return f[1], f[2], label
end

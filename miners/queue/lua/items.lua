-- Items with their answers, as they are at one moment.
--
-- ARGV  max expiries, item, ...
-- Returns {OK, {{field, value, ...}, {field, value, ... of an answer}, ...}, ...}; an unknown item is an empty list.

local reply = {OK}
for i = 2, #ARGV do
  local item = call('HGETALL', P .. 'i:' .. ARGV[i])
  local whole = {}
  if #item > 0 then
    table.insert(whole, item)
    for id in string.gmatch(call('HGET', P .. 'i:' .. ARGV[i], 'ans'), '%S+') do
      local answer = call('HGETALL', P .. 'a:' .. id)
      table.insert(answer, 'id')
      table.insert(answer, id)
      table.insert(whole, answer)
    end
  end
  table.insert(reply, whole)
end
return reply

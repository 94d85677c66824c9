-- Answers in their present form.
--
-- ARGV  max expiries, answer, ...
-- Returns {OK, {field, value, ...}, ...}.

local reply = {OK}
for i = 2, #ARGV do
  local answer = call('HGETALL', P .. 'a:' .. ARGV[i])
  table.insert(answer, 'id')
  table.insert(answer, ARGV[i])
  table.insert(reply, answer)
end
return reply

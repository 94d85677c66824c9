-- The items that a rater has answered, newest answer first.
--
-- Answers are sorted by rater when somebody asks, not when they are given, so that giving one costs no more and those
-- that came before this was kept are found as well.
--
-- ARGV  max expiries, rater, offset, count, most answers to sort now
-- Returns {OK, answers still to be sorted, how many this rater has given, item, ...}; while there are any to be sorted no
-- items, and the caller asks again.

local rater, offset, count = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local from, all = tonumber(call('GET', P .. 'indexed') or 0), call('LLEN', P .. 'log')
local to = math.min(all, from + ARGV[5])
if to > from then
  for _, answer in ipairs(call('LRANGE', P .. 'log', from, to - 1)) do
    call('RPUSH', P .. 'by:' .. call('HGET', P .. 'a:' .. answer, 'rater'), answer)
  end
  call('SET', P .. 'indexed', string.format('%.0f', to))
end
if to < all then return {OK, all - to, 0} end

local by = P .. 'by:' .. rater
local total = call('LLEN', by)
local reply = {OK, 0, total}
if offset >= total then return reply end
local found = call('LRANGE', by, math.max(0, total - offset - count), total - offset - 1)
for i = #found, 1, -1 do table.insert(reply, call('HGET', P .. 'a:' .. found[i], 'item')) end
return reply

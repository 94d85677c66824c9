-- A page of item or answer ids out of one of the orderings.
--
-- ARGV  max expiries, which (top, ids, plants, log, labelled, skipped, dead, FN, FP, all, or family:<name>), offset, count
-- Returns {OK, id, ...}. `top` expires what is due first, as a claim would.

local which, first = ARGV[2], tonumber(ARGV[3])
local last = first + ARGV[4] - 1
local reply = {OK}
local found
if which == 'top' then
  sweep(1000)
  found = call('ZRANGE', P .. 'ready', first, last)
  for i, slot in ipairs(found) do found[i] = item_of(slot) end
elseif which == 'ids' or which == 'plants' or which == 'log' or which == 'labelled' or which == 'changes'
  or string.sub(which, 1, 7) == 'family:' then
  found = call('LRANGE', P .. which, first, last)
elseif which == 'skipped' or which == 'dead' then
  found = call('ZREVRANGE', P .. which, first, last)
else
  found = call('ZREVRANGE', P .. 'found:' .. which, first, last)
end
for _, id in ipairs(found) do table.insert(reply, id) end
return reply

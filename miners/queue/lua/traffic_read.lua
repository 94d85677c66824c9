-- Texts of a window of live traffic in the order of their keys.
--
-- KEYS[1]  prefix with the hash tag, see traffic_add.lua    ARGV  window, key behind which to begin, how many at most
-- Returns {id, key, times, payload} times n.

local P, call = KEYS[1], redis.call
local found = call('ZRANGEBYSCORE', P .. 'k:' .. ARGV[1], '(' .. ARGV[2], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
local reply = {}
for at = 1, #found, 2 do
  local id = found[at]
  table.insert(reply, id)
  table.insert(reply, found[at + 1])
  table.insert(reply, call('HGET', P .. 'n:' .. ARGV[1], id))
  table.insert(reply, call('HGET', P .. 't:' .. ARGV[1], id))
end
return reply

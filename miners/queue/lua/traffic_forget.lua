-- Deletes one text from every window of live traffic.
--
-- KEYS[1]  prefix with the hash tag, see traffic_add.lua    ARGV  text
-- Returns in how many windows it was.

local P, call, gone = KEYS[1], redis.call, 0
for _, window in ipairs(call('ZRANGE', P .. 'windows', 0, -1)) do
  local size = call('HSTRLEN', P .. 't:' .. window, ARGV[1])
  if call('ZREM', P .. 'k:' .. window, ARGV[1]) == 1 then
    call('HDEL', P .. 't:' .. window, ARGV[1])
    call('HDEL', P .. 'n:' .. window, ARGV[1])
    call('HINCRBY', P .. 's:' .. window, 'bytes', -size)
    gone = gone + 1
  end
end
return gone

-- Deletes the whole sample of live traffic and changes the salt, so that reports under the old one are not taken.
--
-- KEYS[1]  prefix with the hash tag, see traffic_add.lua    ARGV  the new salt, which no other call has
-- Returns how many texts this deleted, also when repeated.

local P, call = KEYS[1], redis.call
if call('GET', P .. 'salt') == ARGV[1] then return tonumber(call('GET', P .. 'cleared')) end
local gone = 0
for _, window in ipairs(call('ZRANGE', P .. 'windows', 0, -1)) do
  gone = gone + call('ZCARD', P .. 'k:' .. window)
  for _, kind in ipairs({'k:', 't:', 'n:', 's:'}) do call('UNLINK', P .. kind .. window) end
end
call('UNLINK', P .. 'windows')
call('SET', P .. 'salt', ARGV[1])
call('SET', P .. 'cleared', gone)
return gone

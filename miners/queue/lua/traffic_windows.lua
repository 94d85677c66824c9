-- The windows of live traffic that are not deleted yet, newest first.
--
-- KEYS[1]  prefix with the hash tag, see traffic_add.lua
-- Returns {window, time of deletion in ms, seen, dropped, bytes, threshold, texts kept} times n.

local P, call = KEYS[1], redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {}
local found = call('ZRANGEBYSCORE', P .. 'windows', '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES')
for at = #found - 1, 1, -2 do
  local stats = call('HMGET', P .. 's:' .. found[at], 'seen', 'dropped', 'bytes', 'threshold')
  if stats[4] then
    for _, value in ipairs({found[at], found[at + 1], stats[1], stats[2], stats[3] or '0', stats[4]}) do
      table.insert(reply, value)
    end
    table.insert(reply, call('ZCARD', P .. 'k:' .. found[at]))
  end
end
return reply

-- Uses a browser session: it will now be idle for so long again, but never goes on beyond its end.
--
-- KEYS[1]  HASH of the session    ARGV  idle ms
-- Returns {key's id, serial of its secret, opened, ends}, times in ms; {} where there is no such session any more.

local kept = redis.call('HMGET', KEYS[1], 'key', 'serial', 'opened', 'ends')
if not kept[1] then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.min(tonumber(ARGV[1]), tonumber(kept[4]) - now)
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return {}
end
-- Written only where it matters, so that a busy page does not make the store write all the time.
if left - redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) / 20 then redis.call('PEXPIRE', KEYS[1], left) end
return {kept[1], tonumber(kept[2]), tonumber(kept[3]), tonumber(kept[4])}

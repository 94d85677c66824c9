-- Notes that a change was told, by the sender that holds the webhook.
--
-- KEYS[1]  prefix with the hash tag, see hook_hold.lua    ARGV  hook, sender, position behind the change
-- Returns 1, or 0 where another sender holds it.

local hook = KEYS[1] .. 'hook:' .. ARGV[1]
local old = redis.call('HMGET', hook, 'sender', 'at')
if old[1] ~= ARGV[2] then return 0 end
if tonumber(old[2]) < tonumber(ARGV[3]) then redis.call('HSET', hook, 'at', ARGV[3]) end
return 1

-- Lets a webhook go, so that another sender need not wait.
--
-- KEYS[1]  prefix with the hash tag, see hook_hold.lua    ARGV  hook, sender
-- Returns 1 where it was held by this sender, else 0.

local hook = KEYS[1] .. 'hook:' .. ARGV[1]
if redis.call('HGET', hook, 'sender') ~= ARGV[2] then return 0 end
redis.call('HSET', hook, 'sender', '')
return 1

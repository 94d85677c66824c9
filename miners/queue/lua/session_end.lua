-- Ends a browser session; harmless where there is none.
--
-- KEYS[1]  HASH of the session    ARGV  its name, what the names of the ZSETs of keys' sessions begin with

local key = redis.call('HGET', KEYS[1], 'key')
if not key then return 0 end
redis.call('DEL', KEYS[1])
redis.call('ZREM', ARGV[2] .. key, ARGV[1])
return 1

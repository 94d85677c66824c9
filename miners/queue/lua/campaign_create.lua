-- Creates a campaign, unless there is one of that name.
--
-- KEYS[1]  HASH of the campaign    KEYS[2]  ZSET name -> time of creation in ms
-- ARGV     name, token of this call, spec (JSON)
-- Returns 1 if this call created it (also when repeated with its token), 0 if it was there.

local token = redis.call('HGET', KEYS[1], 'token')
if token then return token == ARGV[2] and 1 or 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'token', ARGV[2], 'spec', ARGV[3], 'created_at', now)
redis.call('ZADD', KEYS[2], now, ARGV[1])
return 1

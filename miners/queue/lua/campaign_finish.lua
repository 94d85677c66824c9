-- Ends a campaign with its summary; repeated, the time of the first end stays.
--
-- KEYS[1]  HASH of the campaign    ARGV  summary (JSON)
-- Returns 1, or 0 where there is no such campaign.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local time = redis.call('TIME')
redis.call('HSETNX', KEYS[1], 'finished_at', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'summary', ARGV[1])
return 1

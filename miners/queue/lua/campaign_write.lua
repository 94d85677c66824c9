-- Sets a field of a campaign's hash, or of one of its rounds, if there is such a campaign.
--
-- KEYS[1]  HASH of the campaign    KEYS[2]  HASH to write to    ARGV  field, value
-- Returns 1, or 0 where there is no such campaign.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return 1

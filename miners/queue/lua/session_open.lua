-- Opens a browser session; where its key has too many, those that end first are ended.
--
-- KEYS[1]  HASH of the session: key, serial, opened, ends (ms)    KEYS[2]  ZSET of the key's sessions -> their end in ms
-- ARGV     name of the session, key's id, serial of its secret, idle ms, longest ms, most sessions of a key,
--          what the names of sessions begin with
-- Returns {when it was opened, when it ends}, in ms; repeated, the same.

local opened = redis.call('HMGET', KEYS[1], 'opened', 'ends')
if opened[1] then return {tonumber(opened[1]), tonumber(opened[2])} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ends = now + tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'key', ARGV[2], 'serial', ARGV[3], 'opened', now, 'ends', ends)
redis.call('PEXPIRE', KEYS[1], math.min(tonumber(ARGV[4]), tonumber(ARGV[5])))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], ends, ARGV[1])
while redis.call('ZCARD', KEYS[2]) > tonumber(ARGV[6]) do
  local first = redis.call('ZPOPMIN', KEYS[2])[1]
  redis.call('DEL', ARGV[7] .. first)
end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
return {now, ends}

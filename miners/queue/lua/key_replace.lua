-- Puts a key's new record in the place of the one that the caller has read; what is kept beside it stays.
--
-- KEYS[1]  HASH of the key: record (JSON with its secret's hash), revoked, used
-- ARGV     hash in the record that was read, hash in the new one, new record (JSON)
-- Returns 1, also when repeated; 0 if there is no such key or somebody else replaced it meanwhile.

local kept = redis.call('HGET', KEYS[1], 'record')
if not kept then return 0 end
local hash = cjson.decode(kept)['hash']
if hash ~= ARGV[1] and hash ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'record', ARGV[3])
return 1

-- Writes one entry at the end of the audit log; the oldest go where there are too many.
--
-- KEYS[1]  STREAM of the entries    KEYS[2]  STRING that stands for this call for ten minutes
-- ARGV     entry (JSON), most entries
-- Returns the entry's id in the stream, "<ms>-<number>"; repeated with its KEYS[2], the same, and nothing is written.

local known = redis.call('GET', KEYS[2])
if known then return known end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[1])
redis.call('SET', KEYS[2], id, 'EX', 600)
return id

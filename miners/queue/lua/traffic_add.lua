-- Takes in what one process saw of one window of live traffic; the smallest keys stay, see miners/queue/traffic.py.
--
-- KEYS[1]  prefix with the hash tag, e.g. "{hungjury:injury}:traffic:"
--   salt         STRING  secret under which keys are made
--   windows      ZSET    window (its beginning in ms) -> time of deletion in ms
--   k:<window>   ZSET    text -> key, a whole number below 2^53
--   t:<window>   HASH    text -> payload
--   n:<window>   HASH    text -> times seen
--   s:<window>   HASH    seen, dropped, bytes, threshold, and r:<process> -> number of its last report
-- ARGV  salt, window, length of a window in ms, windows kept, texts kept, bytes kept, process, number of the report,
--       threshold, seen, dropped, then for each text: id, key, times, payload
-- Returns {now in ms, salt, threshold, texts kept}; nothing is taken where the salt differs, the window is gone, or the
-- report was taken before.

local P, call = KEYS[1], redis.call
local window, number = ARGV[2], tonumber(ARGV[8])
local ONE = '9007199254740992'

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keys, texts, times, stats = P .. 'k:' .. window, P .. 't:' .. window, P .. 'n:' .. window, P .. 's:' .. window

local function drop_window(name)
  for _, kind in ipairs({'k:', 't:', 'n:', 's:'}) do call('UNLINK', P .. kind .. name) end
  call('ZREM', P .. 'windows', name)
end

local function answer()
  return {now, call('GET', P .. 'salt') or '', call('HGET', stats, 'threshold') or ONE, call('ZCARD', keys)}
end

-- Lowers the threshold to a key, which travels as the text of a whole number and is never rounded.
local function lower(key)
  if tonumber(key) < tonumber(call('HGET', stats, 'threshold')) then call('HSET', stats, 'threshold', key) end
end

local function evict(id)
  call('HINCRBY', stats, 'bytes', -call('HSTRLEN', texts, id))
  call('ZREM', keys, id)
  call('HDEL', texts, id)
  call('HDEL', times, id)
end

for _, old in ipairs(call('ZRANGEBYSCORE', P .. 'windows', '-inf', now)) do drop_window(old) end
local expires = tonumber(window) + ARGV[3] * ARGV[4]
local last = call('HGET', stats, 'r:' .. ARGV[7])
if call('GET', P .. 'salt') ~= ARGV[1] or expires <= now or (last and tonumber(last) >= number) then return answer() end

call('ZADD', P .. 'windows', string.format('%.0f', expires), window)
call('HSET', stats, 'r:' .. ARGV[7], ARGV[8])
call('HSETNX', stats, 'threshold', ONE)
call('HINCRBY', stats, 'seen', ARGV[10])
call('HINCRBY', stats, 'dropped', ARGV[11])
lower(ARGV[9])
local threshold = call('HGET', stats, 'threshold')
for _, id in ipairs(call('ZRANGEBYSCORE', keys, threshold, '+inf')) do evict(id) end
for at = 12, #ARGV, 4 do
  local id = ARGV[at]
  if tonumber(ARGV[at + 1]) < tonumber(threshold) then
    if call('ZADD', keys, ARGV[at + 1], id) == 1 then
      call('HSET', texts, id, ARGV[at + 3])
      call('HINCRBY', stats, 'bytes', #ARGV[at + 3])
    end
    call('HINCRBY', times, id, ARGV[at + 2])
  end
end
while call('ZCARD', keys) > tonumber(ARGV[5])
  or tonumber(call('HGET', stats, 'bytes') or '0') > tonumber(ARGV[6]) do
  local largest = call('ZREVRANGE', keys, 0, 0, 'WITHSCORES')
  lower(largest[2])
  evict(largest[1])
end
for _, key in ipairs({keys, texts, times, stats}) do call('PEXPIREAT', key, string.format('%.0f', expires)) end
return answer()

-- Leases the best items that a rater has not seen.
--
-- ARGV  max expiries, request (its leases are "<request>-<index>"), rater, count, milliseconds, places of gold (numbers
--       from 0, ascending, with a space behind each), where to look for gold first, tags of the rater, with a space
--       around each
-- Returns {OK, lease, deadline, item, new (JSON), ...}, or {REUSED} for a request whose leases were answered long ago.
-- Repeated with one request it returns those of its leases that are still held.

local request, rater, want, ms = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local SWEEP = 1000

local function describe(reply, lease, id, deadline, new)
  table.insert(reply, lease)
  table.insert(reply, deadline)
  table.insert(reply, id)
  table.insert(reply, new or call('HGET', P .. 'i:' .. id, 'new'))
end

local function granted_before(count)
  local reply = {OK}
  for index = 0, count - 1 do
    local lease = request .. '-' .. index
    local deadline = call('ZSCORE', P .. 'leases', lease)
    if deadline then describe(reply, lease, call('HGET', P .. 'l:' .. lease, 'item'), deadline) end
  end
  return reply
end

local function reused()
  local keys = {}
  for index = 0, want - 1 do
    table.insert(keys, P .. 'a:' .. request .. '-' .. index)
    table.insert(keys, P .. 'l:' .. request .. '-' .. index)
  end
  return call('EXISTS', unpack(keys)) > 0
end

-- Leases an item that waits, or gold; its text and what else was queued with it.
local function grant(lease, id, deadline)
  call('HSET', P .. 'l:' .. lease, 'item', id, 'rater', rater, 'state', 'live')
  call('ZADD', P .. 'leases', deadline, lease)
  call('SADD', P .. 'seen:' .. rater, id)
  local item = call('HMGET', P .. 'i:' .. id, 'state', 'need', 'act', 'done', 'slot', 'new')
  local live = item[3] + 1
  call('HSET', P .. 'i:' .. id, 'act', live)
  if item[1] == 'open' and live + item[4] >= tonumber(item[2]) then call('ZREM', P .. 'ready', item[5]) end
  return item[6]
end

local swept = sweep(SWEEP)
local before = call('GET', P .. 'q:' .. request)
if before then return granted_before(tonumber(before)) end
if reused() then return {REUSED} end

local gold, places = gold_for(rater, ARGV[6], tonumber(ARGV[7]))
local chosen = pick(rater, want - #gold, ARGV[8])
while #chosen + #gold == 0 and swept == SWEEP do
  swept = sweep(SWEEP)
  chosen = pick(rater, want, ARGV[8])
end
for i, id in ipairs(gold) do table.insert(chosen, math.min(places[i], #chosen) + 1, id) end
local reply = {OK}
if #chosen == 0 then return reply end
for i, id in ipairs(chosen) do
  local lease = request .. '-' .. (i - 1)
  local new = grant(lease, id, NOW + ms)
  describe(reply, lease, id, NOW + ms, new)
end
call('SADD', P .. 'raters', rater)
call('HINCRBY', P .. 'stats', 'granted', #chosen)
call('SET', P .. 'q:' .. request, #chosen, 'PX', WEEK_MS + ms)
return reply

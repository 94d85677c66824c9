-- Adds items, or raises the priority of known ones; all of them or, where they do not fit, none.
--
-- ARGV  max expiries, token of this call, waiting limit, arrivals that the caller has looked at (-1: does not matter),
--       then per item: id, priority, -priority, needed, passed (0, 1, or p for a plant), new (JSON), rank (JSON), author
--       (who is never served it; empty = nobody), truth (yes or no for gold, else empty), family (empty where the item
--       was not made from another text), tags that a rater must have, with a space around each
-- Returns {OK, outcome, ...} with "added", "raised" or "known", {FULL, waiting}, or {MOVED, arrivals} where an item is
-- new and more have arrived than the caller has looked at.
-- Repeated with one token it gives the same outcomes: each item keeps the token and outcome of its last call.

local FIELDS = 11
local FIRST = 5
local token, limit, looked = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local function count_new()
  local fresh = 0
  for i = FIRST, #ARGV, FIELDS do fresh = fresh + 1 - call('EXISTS', P .. 'i:' .. ARGV[i]) end
  return fresh
end

local function add(id, i)
  local slot = string.format('%016.0f:', call('INCR', P .. 'seq')) .. id
  call('HSET', P .. 'i:' .. id, 'prio', ARGV[i + 1], 'neg', ARGV[i + 2], 'need', ARGV[i + 3], 'passed', ARGV[i + 4],
    'new', ARGV[i + 5], 'rank', ARGV[i + 6], 'slot', slot, 'state', 'open', 'at', NOW, 'ans', '',
    'act', 0, 'done', 0, 'yes', 0, 'no', 0, 'unsure', 0, 'sev_sum', 0, 'sev_n', 0, 'exp', 0)
  call('RPUSH', P .. 'ids', id)
  if ARGV[i + 4] == 'p' then call('RPUSH', P .. 'plants', id) end
  if ARGV[i + 8] ~= '' then
    call('HSET', P .. 'i:' .. id, 'truth', ARGV[i + 8], 'state', 'gold')
    call('RPUSH', P .. 'gold', id)
  end
  if ARGV[i + 9] ~= '' then call('RPUSH', P .. 'family:' .. ARGV[i + 9], id) end
  if ARGV[i + 10] ~= '' then call('HSET', P .. 'tags', id, ARGV[i + 10]) end
  place(id)
  return 'added'
end

local function raise(id, i, state, prio)
  if state ~= 'open' or tonumber(ARGV[i + 1]) <= tonumber(prio) then return 'known' end
  call('HSET', P .. 'i:' .. id, 'prio', ARGV[i + 1], 'neg', ARGV[i + 2], 'rank', ARGV[i + 6])
  place(id)
  return 'raised'
end

local function put(id, i)
  local item = call('HMGET', P .. 'i:' .. id, 'state', 'prio', 'tok', 'outcome')
  if item[3] == token then return item[4] end
  if ARGV[i + 7] ~= '' then call('SADD', P .. 'seen:' .. ARGV[i + 7], id) end
  local outcome
  if item[1] then outcome = raise(id, i, item[1], item[2]) else outcome = add(id, i) end
  call('HSET', P .. 'i:' .. id, 'tok', token, 'outcome', outcome)
  return outcome
end

local fresh, waiting, arrivals = count_new(), call('ZCARD', P .. 'ready'), call('LLEN', P .. 'ids')
if fresh > 0 and looked >= 0 and arrivals > looked then return {MOVED, arrivals} end
if fresh > 0 and waiting + fresh > limit then return {FULL, waiting} end
local reply = {OK}
for i = FIRST, #ARGV, FIELDS do table.insert(reply, put(ARGV[i], i)) end
return reply

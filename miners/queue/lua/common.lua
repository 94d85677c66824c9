-- Shared by every verb: this text is put in front of each script.
--
-- KEYS[1]  prefix with the hash tag, e.g. "{hungjury:injury}:"; every key below is derived from it (one cluster slot)
-- ARGV[1]  expiries in a row, without an answer in between, after which an item is dead
--
--   i:<item>        HASH    new, rank, prio, neg (= -prio), slot, need, act, done, yes, no, unsure, sev_sum, sev_n, exp,
--                           state, passed, at, ans (answer ids), label, told (answers behind the newest entry of
--                           labelled), finding, found_at, tok, outcome, conf, amb (of the model's
--                           label; see relabel.lua), skips ({rater, reason, at} as JSON, joined by
--                           commas), skipped (how many skips since the last answer)
--   ids             LIST    every item, in order of arrival
--   ready           ZSET    slot -> -priority: open items with act + done < need. A slot is "<16-digit arrival>:<item>",
--                           so that ZRANGE gives the highest priority first and ties in order of arrival, exactly
--   leases          ZSET    lease -> deadline in ms of the server's clock; nowhere else is a deadline kept
--   l:<lease>       HASH    item, rater, state (live, released, expired); once given back it goes away after a week
--   q:<request>     STRING  number of leases granted to a request; goes away after a week
--   seen:<rater>    SET     items held, answered, skipped or written by that rater
--   a:<answer>      HASH    item, rater, first, said, body, at, history, count, n, need, label (an answer has its lease's id,
--                           or one that its recorder chose)
--   log             LIST    every answer, oldest first
--   labelled        LIST    item, each time that its label is set, changes, has an answer more behind it or is corrected
--                           in its severity, oldest first; without plants
--   tags            HASH    item -> tags that a rater must have, with a space around each; only items that want any
--   gold            LIST    items of known label that every rater may be served, in order of arrival; their state is gold
--   plants          LIST    items that drills planted, in order of arrival
--   family:<family> LIST    items of a family that were made from another text, in order of arrival
--   marks           HASH    family -> train, hold-out or regression
--   skipped         ZSET    item -> raters who ever skipped it
--   dead            ZSET    dead items -> order in which they died
--   by:<rater>      LIST    answers of a rater, oldest first, as far as `indexed` says; see judged.lua
--   indexed         STRING  how many entries of log are in those lists
--   found:<kind>    ZSET    item -> order of finding; kind is FN, FP or all
--   changes         LIST    JSON [item, kind before, kind now, ms], each time that a finding comes, changes or goes
--   raters          SET     everybody who ever held a lease
--   stats           HASH    granted, released, expired, done, recorded (answers given elsewhere)
--   seq             STRING  arrivals, findings and deaths counted
--   deep, cursor, behind:<rater>   see pick.lua
--
-- Each script is safe to run twice: redis-py repeats a command whose reply was lost.

local P = KEYS[1]
local MAX_EXPIRIES = tonumber(ARGV[1])
local WEEK_MS = 604800000
local BEHIND_LIMIT = 1000

local OK, UNKNOWN, NOT_YOURS, EXPIRED, RELEASED, CONFLICT, FULL, REUSED, TOO_OFTEN, MOVED, BEYOND =
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

local call = redis.call

local function clock_ms()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local NOW = clock_ms()

local function item_of(slot)
  return string.sub(slot, 18)
end

-- Forgets how far a rater has looked; the next claim looks from the top.
local function forget_cursor(rater)
  call('ZREM', P .. 'deep', rater)
  call('HDEL', P .. 'cursor', rater)
  call('HDEL', P .. 'skills', rater)
  call('DEL', P .. 'behind:' .. rater)
end

-- Notes that an item at or before a rater's cursor can be offered to that rater (again).
local function remember(rater, slot, neg)
  local reached = call('ZSCORE', P .. 'deep', rater)
  if not reached or tonumber(neg) > tonumber(reached) then return end
  if tonumber(neg) == tonumber(reached) and slot > call('HGET', P .. 'cursor', rater) then return end
  local behind = P .. 'behind:' .. rater
  call('ZADD', behind, neg, slot)
  if call('ZCARD', behind) > BEHIND_LIMIT then forget_cursor(rater) end
end

-- Tells the raters who have looked past this place in the ranking that something new lies there.
local function notice(id, slot, neg)
  for _, rater in ipairs(call('ZRANGEBYSCORE', P .. 'deep', neg, '+inf')) do
    if call('SISMEMBER', P .. 'seen:' .. rater, id) == 0 then remember(rater, slot, neg) end
  end
end

-- Puts an item into `ready` or takes it out, as its fields say.
local function place(id)
  local item = call('HMGET', P .. 'i:' .. id, 'state', 'need', 'act', 'done', 'neg', 'slot')
  if item[1] == 'open' and item[3] + item[4] < tonumber(item[2]) then
    if call('ZADD', P .. 'ready', 'CH', item[5], item[6]) == 1 then notice(id, item[6], item[5]) end
  else
    call('ZREM', P .. 'ready', item[6])
  end
end

-- A rater may be offered the item again.
local function unsee(rater, id)
  call('SREM', P .. 'seen:' .. rater, id)
  local item = call('HMGET', P .. 'i:' .. id, 'neg', 'slot')
  remember(rater, item[2], item[1])
end

-- Ends a live lease without an answer; the item's slot is free again.
local function give_back(lease, id, how)
  call('ZREM', P .. 'leases', lease)
  call('HSET', P .. 'l:' .. lease, 'state', how)
  call('PEXPIRE', P .. 'l:' .. lease, WEEK_MS)
  call('HINCRBY', P .. 'i:' .. id, 'act', -1)
  call('HINCRBY', P .. 'stats', how, 1)
end

-- Nobody is asked about the item any more.
local function bury(id)
  call('HSET', P .. 'i:' .. id, 'state', 'dead')
  call('ZADD', P .. 'dead', call('INCR', P .. 'seq'), id)
end

-- The lease ran out: the item returns at its priority, or is dead where that has happened too often in a row.
local function expire(lease)
  local held = call('HMGET', P .. 'l:' .. lease, 'item', 'rater')
  local id = held[1]
  give_back(lease, id, 'expired')
  unsee(held[2], id)
  local expiries = call('HINCRBY', P .. 'i:' .. id, 'exp', 1)
  if expiries >= MAX_EXPIRIES and call('HGET', P .. 'i:' .. id, 'state') == 'open' then bury(id) end
  place(id)
end

-- Expires at most `limit` leases whose deadline has passed; returns how many.
local function sweep(limit)
  local due = call('ZRANGEBYSCORE', P .. 'leases', '-inf', NOW, 'LIMIT', 0, limit)
  for _, lease in ipairs(due) do expire(lease) end
  return #due
end

-- The item of a lease that `rater` holds at this moment, else nil and the reason as a code.
local function held_item(lease, rater)
  local held = call('HMGET', P .. 'l:' .. lease, 'item', 'rater', 'state')
  if not held[1] then return nil, UNKNOWN end
  if held[2] ~= rater then return nil, NOT_YOURS end
  if held[3] == 'released' then return nil, RELEASED end
  if held[3] == 'expired' then return nil, EXPIRED end
  if tonumber(call('ZSCORE', P .. 'leases', lease)) <= NOW then
    expire(lease)
    return nil, EXPIRED
  end
  return held[1], OK
end

-- The code for a lease that was answered already, else nil.
local function answered(lease, rater)
  local owner = call('HGET', P .. 'a:' .. lease, 'rater')
  if not owner then return nil end
  if owner ~= rater then return NOT_YOURS end
  return CONFLICT
end

-- Finds the best items that a rater has not seen; put in front of claim.lua only.
--
-- Looking from the top each time would cost as much as the rater has judged that others still have to judge. So a rater
-- who has passed many such items gets a cursor:
--   deep             ZSET  rater -> score at the cursor
--   cursor           HASH  rater -> slot at the cursor
--   behind:<rater>   ZSET  slots at or before the cursor that came (back) since; slots that are stale are dropped when met
--   skills           HASH  rater -> tags with which the cursor got there
-- Whatever stands in `ready` at or before the cursor is in the rater's `seen`, or in `behind`, or wants tags that the rater
-- had not. Hence the order is exact, nothing due is ever missed, and a claim looks at each passed item once. A rater with
-- other tags than before looks from the top.

local CURSOR_AFTER = 32

-- Rank of the first entry of `ready` behind the place (score, slot), whether or not something stands there now.
local function rank_behind(score, slot)
  local ready = P .. 'ready'
  local at = call('ZSCORE', ready, slot)
  if at and tonumber(at) == tonumber(score) then return call('ZRANK', ready, slot) + 1 end
  local marker = slot .. ':'
  call('ZADD', ready, score, marker)
  local rank = call('ZRANK', ready, marker)
  call('ZREM', ready, marker)
  return rank
end

-- Whether a rater has the tags that an item wants; false = it wants none.
local function fits(wanted, tags)
  if not wanted then return true end
  for tag in string.gmatch(wanted, '%S+') do
    if not string.find(tags, ' ' .. tag .. ' ', 1, true) then return false end
  end
  return true
end

local function pick_behind(rater, want, chosen, tags)
  local behind = P .. 'behind:' .. rater
  while #chosen < want do
    local entry = call('ZRANGE', behind, 0, 0, 'WITHSCORES')
    if #entry == 0 then return end
    local slot, id = entry[1], item_of(entry[1])
    call('ZREM', behind, slot)
    local at = call('ZSCORE', P .. 'ready', slot)
    local unseen = call('SISMEMBER', P .. 'seen:' .. rater, id) == 0
    if at and tonumber(at) == tonumber(entry[2]) and unseen and fits(call('HGET', P .. 'tags', id), tags) then
      table.insert(chosen, id)
    end
  end
end

local function set_cursor(rater, score, slot, tags)
  call('ZADD', P .. 'deep', score, rater)
  call('HSET', P .. 'cursor', rater, slot)
  call('HSET', P .. 'skills', rater, tags)
end

-- The items of a page, and for each whether the rater is to pass it: because it was seen or wants other tags.
local function passed_flags(rater, page, tags, tagged)
  local ids = {}
  for i = 1, #page, 2 do table.insert(ids, item_of(page[i])) end
  local flags = call('SMISMEMBER', P .. 'seen:' .. rater, unpack(ids))
  local wanted = tagged and call('HMGET', P .. 'tags', unpack(ids)) or {}
  for i = 1, #ids do flags[i] = flags[i] == 1 or not fits(wanted[i], tags) end
  return ids, flags
end

-- Appends unseen items from `start` on; returns how many seen ones it passed and the last place it looked at.
local function scan(rater, want, chosen, start, tags)
  local passed, slot, score = 0, nil, nil
  local tagged = call('EXISTS', P .. 'tags') == 1
  local size = want + 8
  while #chosen < want do
    local page = call('ZRANGE', P .. 'ready', start, start + size - 1, 'WITHSCORES')
    if #page == 0 then break end
    local ids, flags = passed_flags(rater, page, tags, tagged)
    for i, id in ipairs(ids) do
      slot, score = page[2 * i - 1], page[2 * i]
      if flags[i] then passed = passed + 1 else table.insert(chosen, id) end
      if #chosen == want then break end
    end
    start = start + size
    size = 256
  end
  return passed, slot, score
end

-- At most `want` items, best first. The caller must lease all of them in the same script: the cursor counts them as seen.
local function pick(rater, want, tags)
  local chosen, start = {}, 0
  local at = call('HGET', P .. 'cursor', rater)
  if at and (call('HGET', P .. 'skills', rater) or '') ~= tags then
    forget_cursor(rater)
    at = nil
  end
  if at then -- without one nothing is noted as behind it
    pick_behind(rater, want, chosen, tags)
    if #chosen == want then return chosen end
    start = rank_behind(call('ZSCORE', P .. 'deep', rater), at)
  end
  local passed, slot, score = scan(rater, want, chosen, start, tags)
  if passed > CURSOR_AFTER then set_cursor(rater, score, slot, tags) end
  return chosen
end

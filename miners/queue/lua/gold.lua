-- Texts of known label, slipped in among those that are due; put in front of claim.lua only.

local PAGE = 256

-- Gold between two places of the list that the rater has not seen, until there are `want`.
local function unseen_gold(rater, want, chosen, first, last)
  for at = first, last, PAGE do
    local ids = call('LRANGE', P .. 'gold', at, math.min(at + PAGE - 1, last))
    local flags = call('SMISMEMBER', P .. 'seen:' .. rater, unpack(ids))
    for i, id in ipairs(ids) do
      if #chosen == want then return end
      if flags[i] == 0 then table.insert(chosen, id) end
    end
  end
end

-- At most one item for each place, looking from `turn` on around the list, and the places. None while nothing waits, for
-- then gold would be all that is served.
local function gold_for(rater, wanted, turn)
  local places, chosen = {}, {}
  for place in string.gmatch(wanted, '%d+') do table.insert(places, tonumber(place)) end
  local size = #places > 0 and call('LLEN', P .. 'gold') or 0
  if size == 0 or call('ZCARD', P .. 'ready') == 0 then return chosen, places end
  unseen_gold(rater, #places, chosen, turn % size, size - 1)
  if #chosen < #places then unseen_gold(rater, #places, chosen, 0, turn % size - 1) end
  return chosen, places
end

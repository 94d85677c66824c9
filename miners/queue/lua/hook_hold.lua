-- Holds a webhook for one sender, or goes on holding it; at first sight it begins behind all changes so far.
--
-- KEYS[1]  prefix with the hash tag, see common.lua    ARGV  hook, sender, milliseconds, name for a new hook
-- Returns {position, changes so far, name}, or {} where another sender holds it.
--
--   hook:<hook>  HASH  at (changes told already), name (random; part of every delivery's id), sender, until (ms)

local P, call = KEYS[1], redis.call
local hook, sender = P .. 'hook:' .. ARGV[1], ARGV[2]
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local old = call('HMGET', hook, 'sender', 'until', 'at', 'name')
if (old[1] or '') ~= '' and old[1] ~= sender and tonumber(old[2]) > now then return {} end
local total = call('LLEN', P .. 'changes')
local at, name = old[3] or total, old[4] or ARGV[4]
call('HSET', hook, 'sender', sender, 'until', string.format('%d', now + ARGV[3]), 'at', at, 'name', name)
return {tonumber(at), total, name}

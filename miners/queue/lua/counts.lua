-- The queue in numbers, after expiring what is due (at most 1,000 leases).
--
-- ARGV  max expiries
-- Returns {OK, waiting, leased, done, dead, answers, findings FN, findings FP, raters, granted, released, expired,
-- recorded}.

sweep(1000)
local stats = call('HMGET', P .. 'stats', 'done', 'granted', 'released', 'expired', 'recorded')
for i = 1, 5 do stats[i] = tonumber(stats[i] or 0) end
return {OK, call('ZCARD', P .. 'ready'), call('ZCARD', P .. 'leases'), stats[1], call('ZCARD', P .. 'dead'),
  call('LLEN', P .. 'log'),
  call('ZCARD', P .. 'found:FN'), call('ZCARD', P .. 'found:FP'), call('SCARD', P .. 'raters'),
  stats[2], stats[3], stats[4], stats[5]}

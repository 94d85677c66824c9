-- Expires leases whose deadline has passed.
--
-- ARGV  max expiries, most leases to expire
-- Returns {OK, how many}.

return {OK, sweep(tonumber(ARGV[2]))}

-- Gives the leader's lease back.
--
-- KEYS  1 the lease
-- ARGV  1 who
-- Result  1 where it was ours, else 0
--
-- One script, because a lease that has passed to another in the meantime must not be deleted.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])

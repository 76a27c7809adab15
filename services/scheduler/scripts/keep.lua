-- Keeps the leader's lease.
--
-- KEYS  1 the lease
-- ARGV  1 who   2 milliseconds
-- Result  1 where it is ours, else 0
--
-- One script, because between a GET and a SET another could become the leader. Extended and not set anew: a full Redis
-- still does that.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1

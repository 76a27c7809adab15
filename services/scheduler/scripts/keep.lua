-- Keeps the leader's lease, or takes it back where nobody else has it.
--
-- KEYS  1 the lease
-- ARGV  1 who   2 milliseconds
-- Result  1 where it is ours now, else 0
--
-- One script, because between a GET and a SET another could become the leader. A lease that ran out while Redis was
-- away may be taken back: had another scheduler led in between, the key would say so.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if holder then
  -- A full Redis still extends a lease, but grants none.
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1

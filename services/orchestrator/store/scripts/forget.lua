-- Drops a replica's name from a stream.
--
-- KEYS  1 stream
-- ARGV  1 replica
-- Result  1 where it is gone, 0 where it holds entries
--
-- One script, because deleting a consumer forgets what it holds: entries that a replica, thought dead, was given after
-- somebody looked would never be given to anyone again. Without entries nothing is lost; reading brings it back.
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], 'orchestrators')) do
  if consumer[2] == ARGV[1] and consumer[4] > 0 then return 0 end
end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], 'orchestrators', ARGV[1])
return 1

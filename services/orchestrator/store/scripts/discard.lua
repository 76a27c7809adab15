-- Takes jobs off an owner's list of dead letters; from now on they are kept as long as any finished job.
--
-- KEYS  1 owner's dead letters   then per job: job hash, event stream
-- ARGV  1 retention, seconds   then the job ids
-- Result  how many were on the list
--
-- One script, because a job that was run again in between must not begin to expire.
local found = 0
for i = 2, #ARGV do
  if redis.call('ZREM', KEYS[1], ARGV[i]) == 1 then
    found = found + 1
    redis.call('EXPIRE', KEYS[2 * i - 2], ARGV[1])
    redis.call('EXPIRE', KEYS[2 * i - 1], ARGV[1])
  end
end
return found

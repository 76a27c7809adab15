-- Records the wish that a job be stopped.
--
-- KEYS  1 job hash
-- Result  "" where the job is gone or at rest, else the replica that drives it ("-" while none does)
--
-- The wish is a field of the job, so it outlives the driver: whoever claims the job next reads it with the record.
local stored = redis.call('HMGET', KEYS[1], 'state', 'driver')
if not stored[1] or tonumber(stored[1]) >= 4 then return '' end
redis.call('HSET', KEYS[1], 'cancel_requested', '1')
return stored[2] or '-'

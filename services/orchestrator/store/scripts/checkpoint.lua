-- Records a caller's checkpoint on a job: an event and a field of the job.
--
-- KEYS  1 job hash   2 event stream
-- ARGV  1 checkpoint   2 event   3 how many checkpoints a job may carry
-- Result  { sequence, cursor } | "missing" | "finished" | "full"
--
-- Not fenced by epoch: any replica may take it, it changes nothing that the driver decides on.
local stored = redis.call('HMGET', KEYS[1], 'state', 'checkpoints', 'owner')
if not stored[1] then return 'missing' end
if tonumber(stored[1]) >= 4 then return 'finished' end
local n = tonumber(stored[2] or '0') + 1
if n > tonumber(ARGV[3]) then return 'full' end
local sequence = redis.call('HINCRBY', KEYS[1], 'revision', 1)
local cursor = redis.call('XADD', KEYS[2], '*', 's', sequence, 'e', ARGV[2])
redis.call('HSET', KEYS[1], 'checkpoints', n, 'checkpoint:' .. n, ARGV[1], 'last_event_id', cursor)
redis.call('PUBLISH', KEYS[2], cursor)
local base, id = string.match(KEYS[1], '^(.*):job:(.*)$')
redis.call('PUBLISH', base .. ':owner:' .. stored[3] .. ':events', id .. ' ' .. cursor)
return { sequence, cursor }

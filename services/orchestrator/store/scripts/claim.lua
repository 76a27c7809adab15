-- Makes a replica the driver of jobs whose stream entries it holds (it read them), or that a dead replica holds.
--
-- KEYS  1 stream   2.. job hashes
-- ARGV  1 replica   2 who must hold the entries ("": anybody may)   then per job: its entry id
-- Result  per job: { epoch, field, value, ... } or {} where there is nothing left to drive, or another has it by now;
--         the field driver says who drove it until now
--
-- The epoch rises here and nowhere else. From the moment that this returns, whatever an earlier driver writes is
-- refused by commit.lua: that is why reading the record belongs into the same script. XCLAIM with JUSTID moves the
-- entry to this replica even when it was pending for another one. An entry whose job is gone or at rest is dropped.
-- Only from the one who was found holding them: of two replicas that inherit from a dead one, and of one that was paused
-- between reading and claiming, the later would take jobs from a driver that lives, and that would not notice.
local stream, replica, holder = KEYS[1], ARGV[1], ARGV[2]
local result = {}
for i = 2, #KEYS do
  local entry = ARGV[i + 1]
  local state = redis.call('HGET', KEYS[i], 'state')
  if not state or tonumber(state) >= 4 then
    redis.call('XACK', stream, 'orchestrators', entry)
    redis.call('XDEL', stream, entry)
    result[#result + 1] = {}
  elseif holder ~= '' and (redis.call('XPENDING', stream, 'orchestrators', entry, entry, 1)[1] or {})[2] ~= holder then
    result[#result + 1] = {}
  else
    redis.call('XCLAIM', stream, 'orchestrators', replica, 0, entry, 'JUSTID')
    local epoch = redis.call('HINCRBY', KEYS[i], 'epoch', 1)
    local record = redis.call('HGETALL', KEYS[i])
    redis.call('HSET', KEYS[i], 'driver', replica)
    table.insert(record, 1, epoch)
    result[#result + 1] = record
  end
end
return result

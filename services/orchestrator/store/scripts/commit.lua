-- Records what happened to a batch of jobs of one partition: new state and events together, fenced by epoch.
--
-- KEYS  1..3  the partition's streams: high, normal, low
--       4     unfinished jobs by owner
--       5..   per job: job hash, event stream
-- ARGV  1 retention, seconds   2 retention of dead letters, seconds
--       then per job: epoch, commit number, stream (1..3) to settle on ("" while the job goes on), entry id,
--                     when it died, ms ("" unless it did),
--                     number of field values, field, value, ..., number of events, event, ...
-- Result  per job: "fenced" | "repeated" | { sequence of the first event, cursor, ... }
--
-- The epoch refuses a driver that was taken over. The commit number makes a repetition harmless when the first answer
-- was lost. Events are numbered here, not by the driver: AddCheckpoint on another replica may have written in between.
-- A job that ends leaves the stream in the same script, so that no entry outlives its job and none is lost before; in
-- the same breath it stops counting against its owner's quota and, where it failed, becomes a dead letter.
local retention, dead_retention, open = ARGV[1], ARGV[2], KEYS[4]
local dead_prefix = string.match(open, '^(.*):open$') .. ':dead:'
local result, a, k = {}, 3, 5
while a <= #ARGV do
  local epoch, number, stream, entry, dead_ms, count = unpack(ARGV, a, a + 5)
  count = tonumber(count)
  local events = tonumber(ARGV[a + 6 + count])
  local first = a + 7 + count
  local job, log = KEYS[k], KEYS[k + 1]
  local stored = redis.call('HMGET', job, 'epoch', 'commits')
  if stored[1] ~= epoch then
    result[#result + 1] = 'fenced'
  elseif tonumber(stored[2] or '0') >= tonumber(number) then
    result[#result + 1] = 'repeated'
  else
    local answer = {}
    if events > 0 then
      local last = redis.call('HINCRBY', job, 'revision', events)
      answer[1] = last - events + 1
      for e = 0, events - 1 do
        answer[e + 2] = redis.call('XADD', log, '*', 's', last - events + 1 + e, 'e', ARGV[first + e])
      end
      redis.call('HSET', job, 'commits', number, 'last_event_id', answer[events + 1], unpack(ARGV, a + 6, a + 5 + count))
      redis.call('PUBLISH', log, answer[events + 1])
    else
      redis.call('HSET', job, 'commits', number, unpack(ARGV, a + 6, a + 5 + count))
    end
    if stream ~= '' then
      redis.call('XACK', KEYS[tonumber(stream)], 'orchestrators', entry)
      redis.call('XDEL', KEYS[tonumber(stream)], entry)
      local owner, keep = redis.call('HGET', job, 'owner'), retention
      -- Owners with nothing open take no room.
      if redis.call('HINCRBY', open, owner, -1) <= 0 then redis.call('HDEL', open, owner) end
      if dead_ms ~= '' then
        keep = dead_retention
        redis.call('ZADD', dead_prefix .. owner, dead_ms, string.match(job, '([^:]*)$'))
        -- Jobs older than this have expired: nothing else would take them off the list of an owner who never looks.
        redis.call('ZREMRANGEBYSCORE', dead_prefix .. owner, '-inf', dead_ms - 1000 * keep)
      end
      redis.call('EXPIRE', job, keep)
      redis.call('EXPIRE', log, keep)
    end
    result[#result + 1] = answer
  end
  a, k = first + events, k + 2
end
return result

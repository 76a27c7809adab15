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
-- What was recorded is told on the channel of each owner, once per call and not per job: nobody may be listening.
-- A job that ends leaves the stream in the same script, so that no entry outlives its job and none is lost before; in
-- the same breath it stops counting against its owner's quota and, where it failed, becomes a dead letter.
local retention, dead_retention, open = ARGV[1], ARGV[2], KEYS[4]
local base = string.match(open, '^(.*):open$')
local result, told, settled, a, k = {}, {}, {}, 3, 5
while a <= #ARGV do
  local epoch, number, stream, entry, dead_ms, count = unpack(ARGV, a, a + 5)
  count = tonumber(count)
  local events = tonumber(ARGV[a + 6 + count])
  local first = a + 7 + count
  local job, log = KEYS[k], KEYS[k + 1]
  local stored = redis.call('HMGET', job, 'epoch', 'commits', 'revision', 'owner')
  if stored[1] ~= epoch then
    result[#result + 1] = 'fenced'
  elseif tonumber(stored[2] or '0') >= tonumber(number) then
    result[#result + 1] = 'repeated'
  else
    local answer, last, owner = {}, tonumber(stored[3]), stored[4]
    if events > 0 then
      answer[1] = last + 1
      for e = 1, events do
        answer[e + 1] = redis.call('XADD', log, '*', 's', last + e, 'e', ARGV[first + e - 1])
      end
      redis.call('HSET', job, 'commits', number, 'revision', last + events, 'last_event_id', answer[events + 1],
        unpack(ARGV, a + 6, a + 5 + count))
      redis.call('PUBLISH', log, answer[events + 1])
      local news = told[owner] or {}
      news[#news + 1], news[#news + 2] = string.sub(job, #base + 6), answer[2]
      told[owner] = news
    else
      redis.call('HSET', job, 'commits', number, unpack(ARGV, a + 6, a + 5 + count))
    end
    if stream ~= '' then
      local entries, keep = settled[stream] or {}, retention
      entries[#entries + 1] = entry
      settled[stream] = entries
      -- Owners with nothing open take no room.
      if redis.call('HINCRBY', open, owner, -1) <= 0 then redis.call('HDEL', open, owner) end
      if dead_ms ~= '' then
        keep = dead_retention
        local dead = base .. ':dead:' .. owner
        redis.call('ZADD', dead, dead_ms, string.sub(job, #base + 6))
        -- Jobs older than this have expired: nothing else would take them off the list of an owner who never looks.
        redis.call('ZREMRANGEBYSCORE', dead, '-inf', dead_ms - 1000 * keep)
      end
      redis.call('EXPIRE', job, keep)
      redis.call('EXPIRE', log, keep)
    end
    result[#result + 1] = answer
  end
  a, k = first + events, k + 2
end
for stream, entries in pairs(settled) do
  redis.call('XACK', KEYS[tonumber(stream)], 'orchestrators', unpack(entries))
  redis.call('XDEL', KEYS[tonumber(stream)], unpack(entries))
end
for owner, news in pairs(told) do
  redis.call('PUBLISH', base .. ':owner:' .. owner .. ':events', table.concat(news, ' '))
end
return result

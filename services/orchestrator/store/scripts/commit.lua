-- Records what happened to a batch of jobs of one partition: new state and events together, fenced by epoch.
--
-- KEYS  1..3  the partition's streams: high, normal, low
--       4..   per job: job hash, event stream
-- ARGV  1 retention, seconds
--       then per job: epoch, commit number, stream (1..3) to settle on ("" while the job goes on), entry id,
--                     number of field values, field, value, ..., number of events, event, ...
-- Result  per job: "fenced" | "repeated" | { sequence of the first event, cursor, ... }
--
-- The epoch refuses a driver that was taken over. The commit number makes a repetition harmless when the first answer
-- was lost. Events are numbered here, not by the driver: AddCheckpoint on another replica may have written in between.
-- What was recorded is told on the channel of each owner, once per call and not per job: nobody may be listening.
-- A job that ends leaves the stream in the same script, so that no entry outlives its job and none is lost before.
local retention = ARGV[1]
local base = string.match(KEYS[1], '^(.*):jobs:stream:')
local result, told, a, k = {}, {}, 2, 4
while a <= #ARGV do
  local epoch, number, stream, entry, count = unpack(ARGV, a, a + 4)
  count = tonumber(count)
  local events = tonumber(ARGV[a + 5 + count])
  local first = a + 6 + count
  local job, log = KEYS[k], KEYS[k + 1]
  local stored = redis.call('HMGET', job, 'epoch', 'commits', 'owner')
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
      redis.call('HSET', job, 'commits', number, 'last_event_id', answer[events + 1], unpack(ARGV, a + 5, a + 4 + count))
      redis.call('PUBLISH', log, answer[events + 1])
      local news = told[stored[3]] or {}
      news[#news + 1], news[#news + 2] = string.sub(job, #base + 6), answer[2]
      told[stored[3]] = news
    else
      redis.call('HSET', job, 'commits', number, unpack(ARGV, a + 5, a + 4 + count))
    end
    if stream ~= '' then
      redis.call('XACK', KEYS[tonumber(stream)], 'orchestrators', entry)
      redis.call('XDEL', KEYS[tonumber(stream)], entry)
      redis.call('EXPIRE', job, retention)
      redis.call('EXPIRE', log, retention)
    end
    result[#result + 1] = answer
  end
  a, k = first + events, k + 2
end
for owner, news in pairs(told) do
  redis.call('PUBLISH', base .. ':owner:' .. owner .. ':events', table.concat(news, ' '))
end
return result

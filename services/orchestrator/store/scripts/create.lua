-- Accepts a batch of jobs of one partition, and claims what waits on the streams for the replica that creates them.
--
-- KEYS  1..3  the partition's streams: high, normal, low
--       4..   per job: job hash, event stream, owner index, request key (the event stream again where there is no
--             request id: its absence of a string value is never asked for)
-- ARGV  1 replica ("" claims nothing)   2 room: how many jobs the replica will still take   3 request TTL, seconds
--       then per job: id, stream (1..3), request id given ("1" or ""), digest of the spec, event,
--                     number of field values, field, value, ...
-- Result  { per job: "created" | the id of an earlier job with this request id | "conflict",
--           claimed: { entry id, stream (1..3), job id, epoch, ... } }
--
-- One script, because a caller is given an id only when the record, its first event, the entry on the stream and the
-- idempotency key are all there; and because claiming in the same breath saves a round trip through XREADGROUP.
-- Dashboards are told on the owner's channel, once per owner: nobody may be listening. Repeating it is harmless: a job whose hash exists is left alone.
local replica, room, request_ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local answers, told, a, k = {}, {}, 4, 4
while a <= #ARGV do
  local id, stream, requested, digest, event, count = unpack(ARGV, a, a + 5)
  count = tonumber(count)
  local job, events, owner, request = unpack(KEYS, k, k + 3)
  local answer = 'created'
  if requested == '1' then
    local known = redis.call('GET', request)
    if known then
      local known_id, known_digest = string.match(known, '^(%S+) (%S+)$')
      if known_digest == digest then answer = known_id else answer = 'conflict' end
    end
  end
  if answer == 'created' and redis.call('EXISTS', job) == 0 then
    local cursor = redis.call('XADD', events, '*', 's', '1', 'e', event)
    local entry = redis.call('XADD', KEYS[tonumber(stream)], '*', 'id', id)
    redis.call('HSET', job, 'entry', entry, 'last_event_id', cursor, 'epoch', 0, unpack(ARGV, a + 6, a + 5 + count))
    redis.call('ZADD', owner, 0, id)
    local news = told[owner] or {}
    news[#news + 1], news[#news + 2] = id, cursor
    told[owner] = news
    if requested == '1' then redis.call('SET', request, id .. ' ' .. digest, 'EX', request_ttl) end
  end
  answers[#answers + 1] = answer
  a, k = a + 6 + count, k + 4
end
for owner, news in pairs(told) do
  redis.call('PUBLISH', owner .. ':events', table.concat(news, ' '))
end

local claimed = {}
if replica ~= '' and room > 0 then
  local prefix = string.match(KEYS[1], '^(.*):jobs:stream:') .. ':job:'
  for s = 1, 3 do
    if room > 0 then
      local read = redis.call('XREADGROUP', 'GROUP', 'orchestrators', replica, 'COUNT', room, 'STREAMS', KEYS[s], '>')
      if read then
        for _, entry in ipairs(read[1][2]) do
          local id = entry[2][2]
          local epoch = redis.call('HINCRBY', prefix .. id, 'epoch', 1)
          redis.call('HSET', prefix .. id, 'driver', replica)
          room = room - 1
          claimed[#claimed + 1] = entry[1]
          claimed[#claimed + 1] = s
          claimed[#claimed + 1] = id
          claimed[#claimed + 1] = epoch
        end
      end
    end
  end
end
return { answers, claimed }

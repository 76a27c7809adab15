-- Accepts a batch of jobs of one partition, and claims what waits on the streams for the replica that creates them.
--
-- KEYS  1..3  the partition's streams: high, normal, low
--       4     unfinished jobs by owner
--       5..   per job: job hash, event stream, owner index, request key (the event stream again where there is no
--             request id: its absence of a string value is never asked for)
-- ARGV  1 replica ("" claims nothing)   2 room: how many jobs the replica will still take   3 request TTL, seconds
--       then per job: id, owner, how many unfinished jobs the owner may have here ("" as many as it likes),
--                     stream (1..3), request id given ("1" or ""), digest of the spec, event,
--                     number of field values, field, value, ...
-- Result  { per job: "created" | the id of an earlier job with this request id | "conflict" | "full <unfinished jobs>",
--           claimed: { entry id, stream (1..3), job id, epoch, cursor of its first event ("" unless it is new), ... } }
--
-- One script, because a caller is given an id only when the record, its first event, the entry on the stream and the
-- idempotency key are all there; and because claiming in the same breath saves a round trip through XREADGROUP.
-- Repeating it is harmless: a job that its owner has already is left alone. One that is refused leaves nothing behind.
-- Dashboards are told on the owner's channel, once per owner: nobody may be listening.
local replica, room, request_ttl = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local open = KEYS[4]
local answers, told, fresh, a, k = {}, {}, {}, 4, 5
while a <= #ARGV do
  local id, owner_name, limit, stream, requested, digest, event, count = unpack(ARGV, a, a + 7)
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
  local new = answer == 'created' and redis.call('ZADD', owner, 0, id) == 1
  if new then
    local unfinished = redis.call('HINCRBY', open, owner_name, 1)
    if limit ~= '' and unfinished > tonumber(limit) then
      if redis.call('HINCRBY', open, owner_name, -1) <= 0 then redis.call('HDEL', open, owner_name) end
      redis.call('ZREM', owner, id)
      new, answer = false, 'full ' .. unfinished - 1
    end
  end
  if new then
    local cursor = redis.call('XADD', events, '*', 's', '1', 'e', event)
    local entry = redis.call('XADD', KEYS[tonumber(stream)], '*', 'id', id)
    -- Written below, with its driver where it gets one at once.
    fresh[id] = { job, a + 8, a + 7 + count, entry, cursor }
    local news = told[owner] or {}
    news[#news + 1], news[#news + 2] = id, cursor
    told[owner] = news
    if requested == '1' then redis.call('SET', request, id .. ' ' .. digest, 'EX', request_ttl) end
  end
  answers[#answers + 1] = answer
  a, k = a + 8 + count, k + 4
end

local function write(new, epoch)
  local job, from, to, entry, cursor = unpack(new)
  redis.call('HSET', job, 'entry', entry, 'last_event_id', cursor, 'epoch', epoch, unpack(ARGV, from, to))
end

local claimed = {}
if replica ~= '' and room > 0 then
  local prefix = string.match(KEYS[1], '^(.*):jobs:stream:') .. ':job:'
  for s = 1, 3 do
    if room > 0 then
      local read = redis.call('XREADGROUP', 'GROUP', 'orchestrators', replica, 'COUNT', room, 'STREAMS', KEYS[s], '>')
      if read then
        for _, entry in ipairs(read[1][2]) do
          local id, epoch, cursor = entry[2][2], 1, ''
          if fresh[id] then
            cursor = fresh[id][5]
            write(fresh[id], epoch)
            fresh[id] = nil
          else
            epoch = redis.call('HINCRBY', prefix .. id, 'epoch', 1)
          end
          redis.call('HSET', prefix .. id, 'driver', replica)
          room = room - 1
          claimed[#claimed + 1] = entry[1]
          claimed[#claimed + 1] = s
          claimed[#claimed + 1] = id
          claimed[#claimed + 1] = epoch
          claimed[#claimed + 1] = cursor
        end
      end
    end
  end
end
for _, new in pairs(fresh) do write(new, 0) end
for owner, news in pairs(told) do
  redis.call('PUBLISH', owner .. ':events', table.concat(news, ' '))
end
return { answers, claimed }

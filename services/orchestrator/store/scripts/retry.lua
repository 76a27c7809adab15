-- Queues a job again that is at rest: its new state and events, an entry on its stream, and everything that its end had
-- brought about taken back.
--
-- KEYS  1 job hash   2 event stream   3 the stream of its priority   4 unfinished jobs by owner   5 owner's dead letters
-- ARGV  1 job id   2 owner   3 the revision that the new state was made from
--       4 number of field values   field, value, ...   number of events, event, ...
-- Result  { sequence of the first event, cursor, ... } | "missing" | "open" (not at rest) | "changed" (look again)
--
-- Fenced by the revision: of several callers who saw the same end, one writes. A driver that still holds the job cannot
-- write over this: once a job is at rest the machine decides nothing more, a repetition of the last commit is known by
-- its number, and whoever claims the new entry does so under a higher epoch. Without a driver the next one knows that
-- the open attempts were given to nobody yet.
local job, log, stream, open, dead = unpack(KEYS)
local id, owner, revision, count = unpack(ARGV, 1, 4)
local stored = redis.call('HMGET', job, 'state', 'revision')
if not stored[1] then return 'missing' end
if tonumber(stored[1]) < 4 then return 'open' end
if stored[2] ~= revision then return 'changed' end
count = tonumber(count)
local events = tonumber(ARGV[5 + count])
local answer = { tonumber(revision) + 1 }
for e = 1, events do
  answer[e + 1] = redis.call('XADD', log, '*', 's', tonumber(revision) + e, 'e', ARGV[5 + count + e])
end
local entry = redis.call('XADD', stream, '*', 'id', id)
redis.call('HDEL', job, 'end_ms', 'failure', 'cancel_requested', 'expired', 'driver')
redis.call('HSET', job, 'entry', entry, 'revision', revision + events, 'last_event_id', answer[events + 1],
  unpack(ARGV, 5, 4 + count))
redis.call('PERSIST', job)
redis.call('PERSIST', log)
redis.call('ZREM', dead, id)
redis.call('HINCRBY', open, owner, 1)
redis.call('PUBLISH', log, answer[events + 1])
redis.call('PUBLISH', string.match(open, '^(.*):open$') .. ':owner:' .. owner .. ':events', id .. ' ' .. answer[2])
return answer

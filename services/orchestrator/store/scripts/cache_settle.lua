-- Records the results of tasks that succeeded, and gives back the claims of those that ended otherwise.
--
-- KEYS  per task: its cache entry
-- ARGV  1 how long a result is kept, seconds   then per task: who computed it ("<job> <task>"), under which epoch,
--       result ("" gives the claim back)
-- Result  per task: 1 where it changed something
--
-- A result counts whoever holds the claim: it is committed already, and another's would be equal. The first one stays:
-- jobs point to its artifacts. A driver that has been taken over touches nothing of its successor's.
local ttl = ARGV[1]
local answers = {}
for i, key in ipairs(KEYS) do
  local who, epoch, result = unpack(ARGV, 3 * i - 1, 3 * i + 1)
  local known, holder, held_epoch = unpack(redis.call('HMGET', key, 'result', 'who', 'epoch'))
  local mine = holder == who
  answers[i] = 0
  if not known and not (mine and tonumber(held_epoch) > tonumber(epoch)) then
    if result ~= '' then
      redis.call('DEL', key)
      redis.call('HSET', key, 'result', result)
      redis.call('EXPIRE', key, ttl)
      answers[i] = 1
    elseif mine then
      answers[i] = redis.call('DEL', key)
    end
  end
end
return answers

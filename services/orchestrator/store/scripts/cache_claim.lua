-- Asks for the results of tasks and, where there is none, who is to compute it.
--
-- KEYS  per task: its cache entry
-- ARGV  1 how long a claim lasts, ms   2 how long a claim whose task has not begun is respected, ms
--       then per task: who asks ("<job> <task>"), under which epoch of the job, its priority,
--                      "ask" (it will run if it gets the claim) | "keep" (it waits for a worker) | "run" (it runs)
-- Result  per task: { "hit", result } | { "claimed" } | { "mine" } (it had the claim already) | { "taken" }
--
-- One script, because between looking and claiming another would claim. An entry is a result or a claim, never both.
-- A claim expires unless it is renewed, by asking again: whoever waits for it goes on then. A job's own claim is its next
-- driver's as soon as that asks; under an earlier epoch it is not, for that driver has been taken over. A claim whose task
-- only waits for its turn holds nobody up for long: it goes to one that runs already, at once to one that is more
-- urgent, and after a while to any: the first may wait for a worker that will never come.
local claim_ms, respect_ms = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for i, key in ipairs(KEYS) do
  local who, epoch, priority, how = unpack(ARGV, 4 * i - 1, 4 * i + 2)
  local result, holder, held_epoch, held_priority, since, runs =
    unpack(redis.call('HMGET', key, 'result', 'who', 'epoch', 'priority', 'since', 'runs'))
  local answer = 'taken'
  if result then
    answer = 'hit'
  elseif not holder then
    answer = 'claimed'
  elseif holder == who then
    if tonumber(epoch) >= tonumber(held_epoch) then answer = 'mine' end
  elseif not runs and (how == 'run' or how == 'ask'
      and (tonumber(priority) > tonumber(held_priority) or now_ms - since >= respect_ms)) then
    answer = 'claimed'
  end
  if answer == 'claimed' then
    redis.call('DEL', key)
    redis.call('HSET', key, 'since', now_ms)
  end
  if answer == 'claimed' or answer == 'mine' then
    redis.call('HSET', key, 'who', who, 'epoch', epoch, 'priority', priority)
    if how == 'run' then
      redis.call('HSET', key, 'runs', 1)
    elseif runs then
      redis.call('HDEL', key, 'runs')
      redis.call('HSET', key, 'since', now_ms)
    end
    redis.call('PEXPIRE', key, claim_ms)
  end
  answers[i] = { answer, result or nil }
end
return answers

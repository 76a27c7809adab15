"""What the orchestrator counts."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

JOBS_CREATED = Counter("tutti_jobs_created", "Jobs accepted.")
JOBS_REFUSED = Counter("tutti_jobs_refused", "Jobs refused at the door.", ["reason"])
JOBS_ENDED = Counter("tutti_jobs_ended", "Jobs that came to rest.", ["state"])
JOBS_RETRIED = Counter("tutti_jobs_retried", "Jobs run again after they had failed or been cancelled.")
DEAD_LETTERS = Counter("tutti_dead_letters", "Jobs that became dead letters.", ["reason"])
JOB_SECONDS = Histogram(
    "tutti_job_seconds",
    "Seconds from acceptance to rest.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800),
)
JOBS_DRIVEN = Gauge("tutti_jobs_driven", "Jobs that this replica drives now.")
JOBS_WATCHED = Gauge("tutti_jobs_watched", "Jobs that somebody watches at this replica now.")
TAKE_OVERS = Counter("tutti_job_take_overs", "Jobs taken over from another replica.")
STALE_UPDATES = Counter("tutti_stale_updates", "Updates refused because their attempt or lease no longer counts.")
FORGOTTEN = Counter("tutti_jobs_forgotten", "Jobs taken out of their owner's index after their retention.")
FENCED_COMMITS = Counter("tutti_fenced_commits", "Commits refused because another replica drives the job.")
CACHE_HITS = Counter("tutti_cache_hits", "Tasks that got the result of an equal one at once.", ["kind"])
CACHE_MERGES = Counter("tutti_cache_merges", "Tasks that waited for an equal one, and got its result.", ["kind"])
CACHE_MISSES = Counter("tutti_cache_misses", "Cacheable tasks that were handed over to be done.", ["kind"])
COMMIT_SECONDS = Histogram(
    "tutti_commit_seconds",
    "Seconds that one batch of commits took in Redis.",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5),
)

#: The library looks a label up under a lock each time.
jobs_ended = cache(JOBS_ENDED.labels)

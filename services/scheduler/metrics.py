"""What the scheduler counts."""

from prometheus_client import Counter, Gauge, Histogram

LEADER = Gauge("tutti_scheduler_leader", "1 on the leader, 0 on a standby.")
QUEUED = Gauge("tutti_tasks_queued", "Tasks that wait for a worker.")
LEASED = Gauge("tutti_tasks_leased", "Attempts in workers' hands.")
WORKERS = Gauge("tutti_workers", "Workers in the fleet.")
PLACED = Counter("tutti_tasks_placed", "Attempts given to workers.")
ATTACHED = Counter("tutti_tasks_attached", "Recovered attempts that were found running and attached to.")
LOST = Counter("tutti_attempts_lost", "Attempts whose worker was given up.")
STALE_UPDATES = Counter("tutti_scheduler_stale_updates", "Updates refused because their lease no longer counts.")
STALE_ORDERS = Counter("tutti_scheduler_stale_orders", "Orders and stops dropped because their job was taken over.")
STALE_CALLS = Counter(
    "tutti_scheduler_stale_calls",
    "Calls refused because of an earlier term, or of a replaced worker process.",
    ["reason"],
)
WAIT_SECONDS = Histogram(
    "tutti_task_wait_seconds",
    "Seconds from hand-over to placement.",
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600, 3600),
)

"""What the worker counts."""

from prometheus_client import Counter, Gauge, Histogram

RUNNING = Gauge("tutti_attempts_running", "Attempts that run here now.")
SLOTS = Gauge("tutti_worker_slots", "Attempts that may run here at the same time.")
ENDED = Counter("tutti_attempts_ended", "Attempts that ended here.", ["kind", "outcome"])
SECONDS = Histogram(
    "tutti_attempt_seconds",
    "Seconds that attempts took.",
    ["kind"],
    buckets=(0.001, 0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1800),
)

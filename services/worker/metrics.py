"""What the worker counts."""

from functools import cache

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


#: The library looks a label up under a lock each time.
_ended, _seconds = cache(ENDED.labels), cache(SECONDS.labels)


def ended(kind: str, outcome: str, seconds: float) -> None:
    _ended(kind, outcome).inc()
    _seconds(kind).observe(seconds)

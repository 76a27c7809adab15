"""The one clock of the orchestrator: milliseconds since the epoch, as whole numbers. The hot path stamps tens of
thousands of events a second, and datetimes would cost more than the events themselves."""

import time


def now_ms() -> int:
    return time.time_ns() // 1_000_000

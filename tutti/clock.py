"""The mesh's wall clock: milliseconds since the epoch, as whole numbers, and as the contract's timestamps.

The hot path stamps tens of thousands of updates and events a second; datetimes would cost more than the messages do.
"""

import time

from google.protobuf import timestamp_pb2


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def timestamp(milliseconds: int) -> timestamp_pb2.Timestamp:
    return timestamp_pb2.Timestamp(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)


def now() -> timestamp_pb2.Timestamp:
    return timestamp(now_ms())

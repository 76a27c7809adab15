"""States, times and sizes as people read them."""

from google.protobuf.timestamp_pb2 import Timestamp

from tutti.v1 import job_pb2, scheduler_pb2, task_pb2

STYLES = {
    "SUCCEEDED": "green",
    "READY": "green",
    "RUNNING": "cyan",
    "LEASED": "cyan",
    "FAILED": "red",
    "LOST": "red",
    "CANCELLED": "yellow",
    "DRAINING": "yellow",
    "HELD": "yellow",
}

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def job_state(state: int) -> str:
    return job_pb2.JobState.Name(state).removeprefix("JOB_STATE_")  # type: ignore[arg-type]  # any number off the wire


def task_state(state: int) -> str:
    return task_pb2.TaskState.Name(state).removeprefix("TASK_STATE_")  # type: ignore[arg-type]  # as above


def worker_state(state: int) -> str:
    return scheduler_pb2.WorkerState.Name(state).removeprefix("WORKER_STATE_")  # type: ignore[arg-type]  # as above


def styled(state: str) -> str:
    style = STYLES.get(state)
    return f"[{style}]{state}[/]" if style else state


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d} h" if hours < 48 else f"{hours // 24} days"


def size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    units = iter(("kB", "MB", "GB"))
    value, unit = count / 1000, next(units)
    while value >= 1000 and unit != "GB":
        value, unit = value / 1000, next(units)
    return f"{value:.1f} {unit}"


def age(stamp: Timestamp, now: float) -> str:
    """How long ago; clocks of other machines may be a little ahead."""
    if not stamp.seconds:
        return ""
    passed = max(0.0, now - seconds(stamp))
    unit, length = next(((unit, length) for unit, length in _UNITS if passed >= length), _UNITS[-1])
    return f"{int(passed // length)} {unit} ago"


def seconds(stamp: Timestamp) -> float:
    return stamp.seconds + stamp.nanos / 1e9


def between(start: Timestamp, end: Timestamp) -> str:
    if not start.seconds or not end.seconds:
        return ""
    return duration(max(0.0, seconds(end) - seconds(start)))


def count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"

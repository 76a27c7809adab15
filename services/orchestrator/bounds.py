"""How long a job's log may get. Pure.

What a job did is always recorded; what its tasks say of it, lines and progress, only as long as there is room.
"""

from collections.abc import Sequence

from tutti.v1 import job_pb2, task_pb2

#: Events of one job after which progress and log lines are no longer recorded.
MOST_EVENTS = 50_000

_TALK = frozenset({"progress", "log"})


def within(events: Sequence[job_pb2.Event], recorded: int, *, most: int = MOST_EVENTS) -> Sequence[job_pb2.Event]:
    """Those of the events for which there is room in a log that has so many; the log's last line says that it is."""
    if recorded + len(events) < most:
        return events
    kept: list[job_pb2.Event] = []
    for event in events:
        count, talk = recorded + len(kept), event.WhichOneof("what") in _TALK
        if count == most - 1:
            kept.append(_note(event, most))
        if not (talk and count >= most - 1):
            kept.append(event)
    return kept


def _note(event: job_pb2.Event, most: int) -> job_pb2.Event:
    message = f"{most:,} events are recorded; progress and log lines of this job are no longer"
    line = task_pb2.LogLine(level="WARNING", message=message)
    return job_pb2.Event(task=event.task, attempt=event.attempt, log=line)

"""What goes into the job store and comes out of it: values, and events with what recording gives them. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from services.orchestrator.job_record import JobRecord
from services.orchestrator.store import keys, records
from services.orchestrator.store.records import Stored
from tutti.clock import timestamp
from tutti.v1 import job_pb2, task_pb2

#: The scripts know streams by their place in `keys.streams`.
_STREAM_NUMBERS = {priority: number for number, priority in enumerate(keys.STREAMS, start=1)}


class NewJob(NamedTuple):
    record: JobRecord
    event: job_pb2.Event
    #: The caller's idempotency key; empty where there is none.
    request_id: str
    #: Digest of the spec: the same key must not stand for something else.
    digest: str


class Claimed(NamedTuple):
    """A stream entry that this replica now holds."""

    entry: str
    stream: int
    job_id: str
    epoch: int
    #: Of the job's first event, where it was created in the same breath.
    cursor: str = ""


class Commit(NamedTuple):
    job_id: str
    epoch: int
    number: int
    fields: records.Fields
    events: Sequence[job_pb2.Event]
    #: The stream to settle on and the entry there, once the job is at rest.
    stream: int = 0
    entry: str = ""
    #: When the job failed; 0 where it did not.
    dead_ms: int = 0


class Committed(NamedTuple):
    """What became of a commit."""

    commit: Commit
    #: Sequence of the first event, then the cursor of each; nothing where the commit was fenced off or a repetition.
    numbers: Sequence[Any] = ()
    fenced: bool = False

    @property
    def events(self) -> tuple[job_pb2.Event, ...]:
        """The events as they were recorded. Put together when asked for: most jobs are watched by nobody."""
        return recorded(self.commit.job_id, self.commit.events, self.numbers) if self.numbers else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a watcher needs to begin."""

    owner: str
    state: int
    last_event_id: str
    #: The replica that drives it; empty while none does.
    driver: str
    events: list[job_pb2.Event]


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRead:
    jobs: list[Stored]
    #: Where to go on; empty when there is nothing further.
    last: str


def stream_number(priority: int) -> int:
    return _STREAM_NUMBERS.get(task_pb2.Priority.ValueType(priority), 2)


def event_of(job_id: str, cursor: bytes, fields: Mapping[bytes, bytes]) -> job_pb2.Event:
    event = job_pb2.Event.FromString(fields[b"e"])
    _number(event, job_id, int(fields[b"s"]), cursor.decode())
    return event


def recorded(job_id: str, events: Sequence[job_pb2.Event], numbers: Sequence[Any]) -> tuple[job_pb2.Event, ...]:
    """Events with what recording has given them: a script answers the sequence of the first and the cursor of each."""
    first, *cursors = numbers
    for offset, (event, cursor) in enumerate(zip(events, cursors, strict=True)):
        _number(event, job_id, int(first) + offset, cursor.decode())
    return tuple(events)


def _number(event: job_pb2.Event, job_id: str, sequence: int, cursor: str) -> None:
    event.job_id, event.sequence, event.event_id = job_id, sequence, cursor
    # A cursor begins with the milliseconds at which its event was recorded.
    event.time.CopyFrom(timestamp(int(cursor.partition("-")[0])))

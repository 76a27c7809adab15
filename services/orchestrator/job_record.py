"""What a job is: its record and those of its tasks, and what a step of the machine in `job` amounts to. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf import struct_pb2

from tutti.v1 import artifact_pb2, job_pb2, task_pb2

WAITING = task_pb2.TASK_STATE_WAITING
READY = task_pb2.TASK_STATE_READY
LEASED = task_pb2.TASK_STATE_LEASED
RUNNING = task_pb2.TASK_STATE_RUNNING
#: Task states that are not left again.
TASK_AT_REST = frozenset(
    {
        task_pb2.TASK_STATE_SUCCEEDED,
        task_pb2.TASK_STATE_FAILED,
        task_pb2.TASK_STATE_CANCELLED,
        task_pb2.TASK_STATE_SKIPPED,
    }
)
#: Job states that are not left again.
JOB_AT_REST = frozenset({job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED})
#: Attempts without success that a task remembers.
MOST_PAST = 20


class TaskRecord(NamedTuple):
    """A task as it stands. A named tuple, as all of these: making one, or replacing a field, costs a fifth of what it
    costs in a frozen dataclass, and every job passes through a dozen of them."""

    name: str
    kind: str
    needs: tuple[str, ...] = ()
    state: task_pb2.TaskState.ValueType = WAITING
    attempt: int = 0
    lease_id: str = ""
    worker_id: str = ""
    progress: task_pb2.Progress | None = None
    result: struct_pb2.Struct | None = None
    failure: task_pb2.Failure | None = None
    checkpoint: task_pb2.Checkpoint | None = None
    artifacts: tuple[artifact_pb2.Artifact, ...] = ()
    start_ms: int = 0
    end_ms: int = 0
    #: When the handler of the current attempt began, where that is not `start_ms`.
    attempt_start_ms: int = 0
    #: Attempts that ended without success, oldest first.
    past: tuple[job_pb2.PastAttempt, ...] = ()
    #: The try from which the allowed ones are counted.
    first_attempt: int = 1
    #: Its result is that of an equal task; no attempt ran.
    cached: bool = False

    @property
    def at_rest(self) -> bool:
        return self.state in TASK_AT_REST


def new_task(planned: job_pb2.PlannedTask) -> TaskRecord:
    """A task as it stands when its job is accepted: one that needs nothing is ready for its first attempt."""
    if planned.needs:
        return TaskRecord(planned.name, planned.kind, tuple(planned.needs))
    return TaskRecord(planned.name, planned.kind, state=READY, attempt=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Retry:
    """How often to try a task, and how long to wait before the second try; the pause doubles from there."""

    max_attempts: int = 3
    initial_backoff_seconds: float = 1.0
    max_backoff_seconds: float = 60.0

    def pause_before(self, attempt: int) -> float:
        """Seconds before an attempt, from the second on; jitter is the shell's."""
        return float(min(self.max_backoff_seconds, self.initial_backoff_seconds * 2 ** (attempt - 2)))


_DEFAULT_RETRY = Retry()


def retry_of(spec: job_pb2.JobSpec) -> Retry:
    """What a spec says of retries, with the defaults filled in."""
    if not spec.HasField("retry"):
        return _DEFAULT_RETRY
    given = spec.retry
    return Retry(
        max_attempts=given.max_attempts or _DEFAULT_RETRY.max_attempts,
        initial_backoff_seconds=given.initial_backoff.ToNanoseconds() / 1e9
        if given.HasField("initial_backoff")
        else _DEFAULT_RETRY.initial_backoff_seconds,
        max_backoff_seconds=given.max_backoff.ToNanoseconds() / 1e9
        if given.HasField("max_backoff")
        else _DEFAULT_RETRY.max_backoff_seconds,
    )


class JobRecord(NamedTuple):
    job_id: str
    owner: str
    spec: job_pb2.JobSpec
    plan: job_pb2.Plan
    tasks: Mapping[str, TaskRecord]
    retry: Retry
    request_id: str
    traceparent: str
    create_ms: int
    start_ms: int = 0
    end_ms: int = 0
    state: job_pb2.JobState.ValueType = job_pb2.JOB_STATE_QUEUED
    failure: task_pb2.Failure | None = None
    cancel_requested: bool = False
    #: The job took longer than it may; it ends as soon as everything has stopped.
    expired: bool = False
    #: When it was last run again; 0 where it never was.
    retry_ms: int = 0

    @property
    def at_rest(self) -> bool:
        return self.state in JOB_AT_REST

    @property
    def deadline_ms(self) -> int:
        """When it has taken too long; 0 where it may take as long as it likes."""
        if not self.spec.HasField("job_timeout"):
            return 0
        return (self.retry_ms or self.create_ms) + self.spec.job_timeout.ToMilliseconds()


class HandOver(NamedTuple):
    """Give the current attempt of a task to the scheduler, after a pause."""

    task: str
    pause_seconds: float = 0.0


class Stop(NamedTuple):
    """Tell the scheduler to stop an attempt."""

    task: str
    attempt: int
    lease_id: str


Effect = HandOver | Stop


class Transition(NamedTuple):
    job: JobRecord
    #: Without what recording gives them: their number, cursor and time.
    events: tuple[job_pb2.Event, ...] = ()
    effects: tuple[Effect, ...] = ()
    #: Names of the tasks whose records changed.
    changed: frozenset[str] = frozenset()
    #: Updates that came from an attempt or a lease that no longer counts.
    stale: int = 0

"""The job machine: what a job is, and what each thing that happens to it does. Pure: no clock, no I/O.

Every function takes a record and returns a `Transition`: the new record, the events to record and the effects to carry
out once both are durable. Updates and events are the contract's own messages, not copies of them: they pass through
here by the ten thousand a second, and the machine only reads the ones and builds the others.

    task    WAITING ─▶ READY ─▶ LEASED ─▶ RUNNING ─▶ SUCCEEDED | FAILED | CANCELLED      SKIPPED
                         ▲────────┴─────────┘ lost, or failed with attempts left
    job     QUEUED ─▶ RUNNING ─▶ SUCCEEDED | FAILED | CANCELLED, once every task is at rest
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from google.protobuf import struct_pb2, timestamp_pb2

from tutti.clock import timestamp
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
#: Updates after which an attempt says nothing more.
TERMINAL = frozenset({"succeeded", "failed", "cancelled", "lost"})


class TaskRecord(NamedTuple):
    """A task as it stands. A named tuple, like `JobRecord`: replacing a field costs a fifth of what it costs in a
    frozen dataclass, and every job passes through a dozen of them."""

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

    @property
    def at_rest(self) -> bool:
        return self.state in TASK_AT_REST


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

    @property
    def at_rest(self) -> bool:
        return self.state in JOB_AT_REST


@dataclass(frozen=True, kw_only=True, slots=True)
class HandOver:
    """Give the current attempt of a task to the scheduler, after a pause."""

    task: str
    pause_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    """Tell the scheduler to stop an attempt."""

    task: str
    attempt: int
    lease_id: str


Effect = HandOver | Stop


@dataclass(frozen=True, kw_only=True, slots=True)
class Transition:
    job: JobRecord
    events: tuple[job_pb2.Event, ...] = ()
    effects: tuple[Effect, ...] = ()
    #: Names of the tasks whose records changed.
    changed: frozenset[str] = frozenset()
    #: Updates that came from an attempt or a lease that no longer counts.
    stale: int = 0


@dataclass(slots=True)
class _Draft:
    """A transition while it is being put together."""

    job: JobRecord
    now_ms: int
    time: timestamp_pb2.Timestamp
    events: list[job_pb2.Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    changed: dict[str, TaskRecord] = field(default_factory=dict)
    stale: int = 0

    def task(self, name: str) -> TaskRecord:
        return self.changed.get(name) or self.job.tasks[name]

    def tasks(self) -> Iterable[TaskRecord]:
        return [self.changed.get(name, task) for name, task in self.job.tasks.items()]

    def move_task(
        self,
        task: TaskRecord,
        *,
        failure: task_pb2.Failure | None = None,
        result: struct_pb2.Struct | None = None,
    ) -> None:
        """Record a task in its new state, with the event that says so."""
        self.changed[task.name] = task
        moved = job_pb2.Event.TaskMoved(state=task.state, worker_id=task.worker_id, failure=failure, result=result)
        self.events.append(
            job_pb2.Event(
                job_id=self.job.job_id, time=self.time, task=task.name, attempt=task.attempt, task_moved=moved
            )
        )

    def move_job(self, state: job_pb2.JobState.ValueType, failure: task_pb2.Failure | None = None) -> None:
        self.job = self.job._replace(
            state=state,
            failure=failure,
            start_ms=self.job.start_ms or (self.now_ms if state == job_pb2.JOB_STATE_RUNNING else 0),
            end_ms=self.now_ms if state in JOB_AT_REST else 0,
        )
        moved = job_pb2.Event.JobMoved(state=state, failure=failure)
        self.events.append(job_pb2.Event(job_id=self.job.job_id, time=self.time, job_moved=moved))

    def finish(self) -> Transition:
        job = self.job
        if self.changed:
            job = job._replace(tasks={**job.tasks, **self.changed})
        return Transition(
            job=job,
            events=tuple(self.events),
            effects=tuple(self.effects),
            changed=frozenset(self.changed),
            stale=self.stale,
        )


def _draft(job: JobRecord, now_ms: int) -> _Draft:
    return _Draft(job=job, now_ms=now_ms, time=timestamp(now_ms))


def created(job: JobRecord) -> Transition:
    """The first event, and the tasks that need nothing made ready for their first attempt."""
    draft = _draft(job, job.create_ms)
    draft.move_job(job.state)
    for task in job.tasks.values():
        if not task.needs:
            draft.changed[task.name] = task._replace(state=READY, attempt=1)
            draft.effects.append(HandOver(task=task.name))
    return draft.finish()


def resumed(job: JobRecord) -> tuple[Effect, ...]:
    """What to do for a job that was claimed from the stream: every attempt that has not ended is handed over again, or,
    where the job is coming to an end, told to stop again."""
    open_tasks = [task for task in job.tasks.values() if task.state in (READY, LEASED, RUNNING)]
    if job.cancel_requested or any(task.state == task_pb2.TASK_STATE_FAILED for task in job.tasks.values()):
        return tuple(Stop(task=task.name, attempt=task.attempt, lease_id=task.lease_id) for task in open_tasks)
    return tuple(HandOver(task=task.name) for task in open_tasks)


def cancelled(job: JobRecord, now_ms: int) -> Transition:
    """Somebody wants the job stopped: what waits ends here, what was handed over is told to stop."""
    if job.at_rest or job.cancel_requested:
        return Transition(job=job)
    draft = _draft(job._replace(cancel_requested=True), now_ms)
    _stop_everything(draft, task_pb2.TASK_STATE_CANCELLED)
    _settle_job(draft)
    return draft.finish()


def apply(job: JobRecord, updates: Sequence[task_pb2.Update], now_ms: int) -> Transition:
    """What updates do, one after the other. One that has been applied before does nothing; one of an attempt or a lease
    that no longer counts is stale, whatever it says."""
    draft = _draft(job, now_ms)
    for update in updates:
        _apply_one(draft, update)
    return draft.finish()


def _apply_one(draft: _Draft, update: task_pb2.Update) -> None:
    task = draft.changed.get(update.task) or draft.job.tasks.get(update.task)
    if (
        task is None
        or task.state == WAITING  # nobody was ever asked to run it
        or update.attempt != task.attempt
        or outranks(task.lease_id, update.lease_id)
    ):
        draft.stale += 1
        return
    if task.state in TASK_AT_REST:
        return
    what = update.WhichOneof("what")
    match what:
        case "leased":
            _leased(draft, task, update)
        case "started":
            _started(draft, task, update)
        case "progress" | "log" | "checkpoint" | "artifact":
            _reported(draft, task, update, what)
        case "succeeded":
            _succeeded(draft, task, update)
        case "failed":
            _failed(draft, task, update.failed)
        case "lost":
            _failed(draft, task, _lost_failure(update.lost))
        case "cancelled":
            _stopped(draft, task)
        case None:
            draft.stale += 1


def outranks(lease_id: str, other: str) -> bool:
    """Whether a lease is younger than another."""
    return lease_id != other and lease_order(lease_id) > lease_order(other)


def lease_order(lease_id: str) -> tuple[int, int]:
    """Leases by age: `<term>-<number>`, where a later leader's outrank an earlier one's. No lease is older than any."""
    term, _, number = lease_id.partition("-")
    return (int(term), int(number)) if term.isdigit() and number.isdigit() else (0, 0)


def _leased(draft: _Draft, task: TaskRecord, update: task_pb2.Update) -> None:
    if task.state == READY or update.lease_id != task.lease_id:
        draft.move_task(task._replace(state=LEASED, lease_id=update.lease_id, worker_id=update.leased.worker_id))


def _started(draft: _Draft, task: TaskRecord, update: task_pb2.Update) -> None:
    if task.state == RUNNING and update.lease_id == task.lease_id:
        return
    if draft.job.state != job_pb2.JOB_STATE_RUNNING:
        draft.move_job(job_pb2.JOB_STATE_RUNNING)
    running = task._replace(
        state=RUNNING,
        lease_id=update.lease_id,
        worker_id=update.started.worker_id,
        start_ms=task.start_ms or draft.now_ms,
        # An attempt begins with nothing of what an earlier one left.
        progress=None,
        artifacts=(),
    )
    draft.move_task(running)


def _reported(draft: _Draft, task: TaskRecord, update: task_pb2.Update, what: str) -> None:
    event = job_pb2.Event(job_id=draft.job.job_id, time=draft.time, task=task.name, attempt=task.attempt)
    match what:
        case "progress":
            event.progress.CopyFrom(update.progress)
            draft.changed[task.name] = task._replace(progress=update.progress)
        case "log":
            event.log.CopyFrom(update.log)
        case "checkpoint":
            if task.checkpoint == update.checkpoint:
                return  # said again to the replica that took the job over
            event.checkpoint.CopyFrom(update.checkpoint)
            draft.changed[task.name] = task._replace(checkpoint=update.checkpoint)
        case "artifact":
            artifact = artifact_pb2.Artifact()
            artifact.CopyFrom(update.artifact)
            artifact.task = task.name
            if any(known.key == artifact.key for known in task.artifacts):
                return
            event.artifact.CopyFrom(artifact)
            draft.changed[task.name] = task._replace(artifacts=(*task.artifacts, artifact))
    draft.events.append(event)


def _succeeded(draft: _Draft, task: TaskRecord, update: task_pb2.Update) -> None:
    result = update.succeeded.result
    done = task._replace(
        state=task_pb2.TASK_STATE_SUCCEEDED,
        lease_id=update.lease_id,
        result=result,
        failure=None,
        end_ms=draft.now_ms,
    )
    draft.move_task(done, result=result)
    if draft.job.cancel_requested or _failing(draft):
        _settle_job(draft)
        return
    for waiting in draft.tasks():
        if waiting.state == WAITING and all(
            draft.task(name).state == task_pb2.TASK_STATE_SUCCEEDED for name in waiting.needs
        ):
            draft.changed[waiting.name] = waiting._replace(state=READY, attempt=1)
            draft.effects.append(HandOver(task=waiting.name))
    _settle_job(draft)


def _failed(draft: _Draft, task: TaskRecord, failure: task_pb2.Failure) -> None:
    if draft.job.cancel_requested:
        _stopped(draft, task)
        return
    if failure.retryable and task.attempt < draft.job.retry.max_attempts and not _failing(draft):
        again = task._replace(
            state=READY, attempt=task.attempt + 1, lease_id="", worker_id="", failure=failure, progress=None
        )
        draft.move_task(again, failure=failure)
        # A lost worker says nothing against the task: no reason to wait before the next one tries.
        pause = 0.0 if failure.reason == WORKER_LOST else draft.job.retry.pause_before(again.attempt)
        draft.effects.append(HandOver(task=task.name, pause_seconds=pause))
        return
    draft.move_task(
        task._replace(state=task_pb2.TASK_STATE_FAILED, failure=failure, end_ms=draft.now_ms), failure=failure
    )
    _stop_everything(draft, task_pb2.TASK_STATE_SKIPPED)
    _settle_job(draft)


WORKER_LOST = "WORKER_LOST"


def _lost_failure(lost: task_pb2.Update.Lost) -> task_pb2.Failure:
    return task_pb2.Failure(reason=WORKER_LOST, message=lost.message or "the worker is gone", retryable=True)


def _stopped(draft: _Draft, task: TaskRecord) -> None:
    """The attempt has ended on request; without one (an operator stopped it at the worker) the task is tried again."""
    if not draft.job.cancel_requested and not _failing(draft):
        failure = task_pb2.Failure(reason="STOPPED", message="the attempt was stopped at its worker", retryable=True)
        _failed(draft, task, failure)
        return
    draft.move_task(task._replace(state=task_pb2.TASK_STATE_CANCELLED, end_ms=draft.now_ms))
    _settle_job(draft)


def _stop_everything(draft: _Draft, waiting_become: task_pb2.TaskState.ValueType) -> None:
    for task in draft.tasks():
        if task.state == WAITING:
            draft.move_task(task._replace(state=waiting_become, end_ms=draft.now_ms))
        elif not task.at_rest:
            draft.effects.append(Stop(task=task.name, attempt=task.attempt, lease_id=task.lease_id))


def _failing(draft: _Draft) -> bool:
    return any(task.state == task_pb2.TASK_STATE_FAILED for task in draft.tasks())


def _settle_job(draft: _Draft) -> None:
    """End the job if every task is at rest."""
    tasks = draft.tasks()
    if not all(task.at_rest for task in tasks):
        return
    states = {task.state for task in tasks}
    if states == {task_pb2.TASK_STATE_SUCCEEDED}:
        draft.move_job(job_pb2.JOB_STATE_SUCCEEDED)
    elif task_pb2.TASK_STATE_FAILED in states:
        culprit = next(task for task in tasks if task.state == task_pb2.TASK_STATE_FAILED)
        draft.move_job(job_pb2.JOB_STATE_FAILED, culprit.failure)
    else:
        draft.move_job(job_pb2.JOB_STATE_CANCELLED)

"""The job machine: what each thing that happens to a job does. Pure: no clock, no I/O.

Every function takes a record and returns a `Transition`: the new record, the events to record and the effects to carry
out once both are durable. Updates and events are the contract's own messages, not copies of them: they pass through
here by the ten thousand a second, and the machine only reads the ones and builds the others.

    task    WAITING ─▶ READY ─▶ LEASED ─▶ RUNNING ─▶ SUCCEEDED | FAILED | CANCELLED      SKIPPED
                         ▲────────┴─────────┘ lost, or failed with attempts left
    job     QUEUED ─▶ RUNNING ─▶ SUCCEEDED | FAILED | CANCELLED, once every task is at rest
              ▲─────────────────────────────────┴───────┘ run again
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from google.protobuf import struct_pb2

from services.orchestrator import attempts
from services.orchestrator.job_record import (
    JOB_AT_REST,
    LEASED,
    READY,
    RUNNING,
    TASK_AT_REST,
    WAITING,
    Effect,
    HandOver,
    JobRecord,
    Stop,
    TaskRecord,
    Transition,
)
from tutti.v1 import artifact_pb2, job_pb2, task_pb2


@dataclass(slots=True)
class Draft:
    """A transition while it is being put together."""

    job: JobRecord
    now_ms: int
    events: list[job_pb2.Event] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    changed: dict[str, TaskRecord] = field(default_factory=dict)
    stale: int = 0

    @classmethod
    def of(cls, job: JobRecord, now_ms: int) -> "Draft":
        return cls(job, now_ms)

    def task(self, name: str) -> TaskRecord:
        return self.changed.get(name) or self.job.tasks[name]

    def tasks(self) -> list[TaskRecord]:
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
        moved = job_pb2.Event.TaskMoved(
            state=task.state, worker_id=task.worker_id, failure=failure, result=result, cached=task.cached
        )
        self.events.append(job_pb2.Event(task=task.name, attempt=task.attempt, task_moved=moved))

    def move_job(self, state: job_pb2.JobState.ValueType, failure: task_pb2.Failure | None = None) -> None:
        self.job = self.job._replace(
            state=state,
            failure=failure,
            start_ms=self.job.start_ms or (self.now_ms if state == job_pb2.JOB_STATE_RUNNING else 0),
            end_ms=self.now_ms if state in JOB_AT_REST else 0,
        )
        moved = job_pb2.Event.JobMoved(state=state, failure=failure)
        self.events.append(job_pb2.Event(job_moved=moved))

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


def created(job: JobRecord) -> Transition:
    """The first event, and the tasks that are ready handed over."""
    event = job_pb2.Event(job_moved=job_pb2.Event.JobMoved(state=job.state))
    return Transition(job, (event,), tuple(HandOver(task.name) for task in job.tasks.values() if task.state == READY))


def resumed(job: JobRecord) -> tuple[Effect, ...]:
    """What to do for a job that was claimed from the stream: every attempt that has not ended is handed over again, or,
    where the job is coming to an end, told to stop again."""
    open_tasks = [task for task in job.tasks.values() if task.state in (READY, LEASED, RUNNING)]
    if (
        job.cancel_requested
        or job.expired
        or any(task.state == task_pb2.TASK_STATE_FAILED for task in job.tasks.values())
    ):
        return tuple(Stop(task=task.name, attempt=task.attempt, lease_id=task.lease_id) for task in open_tasks)
    return tuple(HandOver(task=task.name) for task in open_tasks)


def cancelled(job: JobRecord, now_ms: int) -> Transition:
    """Somebody wants the job stopped: what waits ends here, what was handed over is told to stop."""
    if job.at_rest or job.cancel_requested:
        return Transition(job=job)
    draft = Draft.of(job._replace(cancel_requested=True), now_ms)
    _stop_everything(draft, task_pb2.TASK_STATE_CANCELLED)
    _settle_job(draft)
    return draft.finish()


def expired(job: JobRecord, now_ms: int) -> Transition:
    """The job has taken longer than it may: it ends as soon as everything has stopped. One that comes to an end already
    is left to it."""
    draft = Draft.of(job, now_ms)
    if job.at_rest or job.cancel_requested or _failing(draft):
        return Transition(job=job)
    draft.job = job._replace(expired=True)
    _stop_everything(draft, task_pb2.TASK_STATE_SKIPPED)
    _settle_job(draft)
    return draft.finish()


def served(
    job: JobRecord, name: str, attempt: int, equal: job_pb2.Task, now_ms: int, *, handed_over: bool = False
) -> Transition:
    """An equal task has been done, and what it left is this one's: it needs no attempt. One that has begun goes on; one
    that the scheduler may know of is taken back."""
    draft, task = Draft.of(job, now_ms), job.tasks[name]
    if task.state != READY or task.attempt != attempt or job.cancel_requested or _failing(draft):
        return Transition(job=job)
    if job.state != job_pb2.JOB_STATE_RUNNING:
        draft.move_job(job_pb2.JOB_STATE_RUNNING)
    artifacts = []
    for made in equal.artifacts:
        artifact = artifact_pb2.Artifact()
        artifact.CopyFrom(made)
        artifact.task = name
        artifacts.append(artifact)
        draft.events.append(job_pb2.Event(task=name, attempt=attempt, artifact=artifact))
    if handed_over:
        draft.effects.append(Stop(task=name, attempt=attempt, lease_id=task.lease_id))
    _done(
        draft,
        task._replace(cached=True, artifacts=tuple(artifacts), start_ms=task.start_ms or now_ms, progress=None),
        equal.result,
    )
    return draft.finish()


def apply(job: JobRecord, updates: Sequence[task_pb2.Update], now_ms: int) -> Transition:
    """What updates do, one after the other. One that has been applied before does nothing; one of an attempt or a lease
    that no longer counts is stale, whatever it says."""
    draft = Draft.of(job, now_ms)
    for update in updates:
        _apply_one(draft, update)
    return draft.finish()


def _apply_one(draft: Draft, update: task_pb2.Update) -> None:
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
    return bool(lease_id) and lease_id != other and lease_order(lease_id) > lease_order(other)


def lease_order(lease_id: str) -> tuple[int, int]:
    """Leases by age: `<term>-<number>`, where a later leader's outrank an earlier one's. No lease is older than any."""
    term, _, number = lease_id.partition("-")
    return (int(term), int(number)) if term.isdigit() and number.isdigit() else (0, 0)


def _leased(draft: Draft, task: TaskRecord, update: task_pb2.Update) -> None:
    if task.state == READY or update.lease_id != task.lease_id:
        draft.move_task(task._replace(state=LEASED, lease_id=update.lease_id, worker_id=update.leased.worker_id))


def _started(draft: Draft, task: TaskRecord, update: task_pb2.Update) -> None:
    if task.state == RUNNING and update.lease_id == task.lease_id:
        return
    if draft.job.state != job_pb2.JOB_STATE_RUNNING:
        draft.move_job(job_pb2.JOB_STATE_RUNNING)
    running = task._replace(
        state=RUNNING,
        lease_id=update.lease_id,
        worker_id=update.started.worker_id,
        start_ms=task.start_ms or draft.now_ms,
        attempt_start_ms=draft.now_ms if task.start_ms else 0,
        # An attempt begins with nothing of what an earlier one left, but for what it goes on from.
        progress=None,
        artifacts=_kept(task),
    )
    draft.move_task(running)


def _kept(task: TaskRecord) -> tuple[artifact_pb2.Artifact, ...]:
    """Files that an earlier attempt stored and that belong to the last checkpoint."""
    if task.checkpoint is None:
        return ()
    keys = {artifact.key for artifact in task.checkpoint.artifacts}
    return tuple(artifact for artifact in task.artifacts if artifact.key in keys)


def _reported(draft: Draft, task: TaskRecord, update: task_pb2.Update, what: str) -> None:
    event = job_pb2.Event(task=task.name, attempt=task.attempt)
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
            # One that an earlier attempt stored under this name has been made again.
            others = [known for known in task.artifacts if known.name != artifact.name]
            draft.changed[task.name] = task._replace(artifacts=(*others, artifact))
    draft.events.append(event)


def _succeeded(draft: Draft, task: TaskRecord, update: task_pb2.Update) -> None:
    _done(draft, task._replace(lease_id=update.lease_id), update.succeeded.result)


def _done(draft: Draft, task: TaskRecord, result: struct_pb2.Struct) -> None:
    done = task._replace(
        state=task_pb2.TASK_STATE_SUCCEEDED,
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


def _failed(draft: Draft, task: TaskRecord, failure: task_pb2.Failure) -> None:
    if draft.job.cancel_requested:
        _stopped(draft, task)
        return
    task = task._replace(past=attempts.remembered(task, failure, draft.now_ms))
    if failure.retryable and not attempts.is_last(draft.job, task) and not _failing(draft):
        again = task._replace(
            state=READY, attempt=task.attempt + 1, lease_id="", worker_id="", failure=failure, progress=None
        )
        draft.move_task(again, failure=failure)
        pause = 0.0
        if failure.reason not in attempts.BLAMELESS:
            pause = draft.job.retry.pause_before(again.attempt - again.first_attempt + 1)
        draft.effects.append(HandOver(task=task.name, pause_seconds=pause))
        return
    failure = attempts.verdict(draft.job, task, failure)
    draft.move_task(
        task._replace(state=task_pb2.TASK_STATE_FAILED, failure=failure, end_ms=draft.now_ms), failure=failure
    )
    _stop_everything(draft, task_pb2.TASK_STATE_SKIPPED)
    _settle_job(draft)


def _lost_failure(lost: task_pb2.Update.Lost) -> task_pb2.Failure:
    return task_pb2.Failure(reason=attempts.WORKER_LOST, message=lost.message or "the worker is gone", retryable=True)


def _stopped(draft: Draft, task: TaskRecord) -> None:
    """The attempt has ended on request; without one (an operator stopped it at the worker) the task is tried again."""
    if not draft.job.cancel_requested and not _failing(draft):
        failure = task_pb2.Failure(reason="STOPPED", message="the attempt was stopped at its worker", retryable=True)
        _failed(draft, task, failure)
        return
    if task.worker_id:
        failure = task_pb2.Failure(reason="CANCELLED", message="stopped because its job was to end", retryable=True)
        task = task._replace(past=attempts.remembered(task, failure, draft.now_ms))
    draft.move_task(task._replace(state=task_pb2.TASK_STATE_CANCELLED, end_ms=draft.now_ms))
    _settle_job(draft)


def _stop_everything(draft: Draft, waiting_become: task_pb2.TaskState.ValueType) -> None:
    for task in draft.tasks():
        if task.state == WAITING:
            draft.move_task(task._replace(state=waiting_become, end_ms=draft.now_ms))
        elif not task.at_rest:
            draft.effects.append(Stop(task=task.name, attempt=task.attempt, lease_id=task.lease_id))


def _failing(draft: Draft) -> bool:
    return draft.job.expired or task_pb2.TASK_STATE_FAILED in [task.state for task in draft.tasks()]


def _settle_job(draft: Draft) -> None:
    """End the job if every task is at rest."""
    states = {task.state for task in draft.tasks()}
    if not states <= TASK_AT_REST:
        return
    if states == {task_pb2.TASK_STATE_SUCCEEDED}:
        draft.move_job(job_pb2.JOB_STATE_SUCCEEDED)
    elif draft.job.expired:
        draft.move_job(job_pb2.JOB_STATE_FAILED, _took_too_long(draft.job))
    elif task_pb2.TASK_STATE_FAILED in states:
        culprit = next(task for task in draft.tasks() if task.state == task_pb2.TASK_STATE_FAILED)
        draft.move_job(job_pb2.JOB_STATE_FAILED, culprit.failure)
    else:
        draft.move_job(job_pb2.JOB_STATE_CANCELLED)


def _took_too_long(job: JobRecord) -> task_pb2.Failure:
    seconds = job.spec.job_timeout.ToMilliseconds() / 1000
    return task_pb2.Failure(
        reason=attempts.TIMEOUT, message=f"the job took longer than the {seconds:g} s it was given", retryable=True
    )

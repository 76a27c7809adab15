"""A job as the fields of a Redis hash, and back.

state, owner, request_id, traceparent, create_ms, start_ms, end_ms, retry_ms,
cancel_requested, expired                                                                plain text
spec, plan, failure, task:<name> (once it has changed), checkpoint:<n>                   protobuf
revision, last_event_id, epoch, commits, driver, entry, checkpoints                      kept by the scripts
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.orchestrator.job_record import JobRecord, TaskRecord, new_task, retry_of
from tutti.clock import timestamp
from tutti.v1 import job_pb2, task_pb2

Fields = list[bytes | str | int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A job with what only the store keeps of it."""

    record: JobRecord
    revision: int
    last_event_id: str
    epoch: int
    commits: int
    entry: str
    #: Who drove it before it was read; nobody yet, where it was just created or run again.
    driver: str
    checkpoints: tuple[task_pb2.Checkpoint, ...]


def new_job_fields(job: JobRecord) -> Fields:
    # Its tasks stand as the plan says; each is written when it changes.
    return [
        "owner", job.owner, "request_id", job.request_id, "traceparent", job.traceparent, "create_ms", job.create_ms,
        "state", job.state, "revision", 1, *_asked(job),
    ]  # fmt: skip


def retried_fields(job: JobRecord, tasks: Iterable[str]) -> Fields:
    """What running a job again may have changed."""
    return [*_asked(job), "retry_ms", job.retry_ms, *changed_fields(job, tasks)]


def _asked(job: JobRecord) -> Fields:
    """What was asked for, and what it compiled to."""
    return ["spec", job.spec.SerializeToString(), "plan", job.plan.SerializeToString()]


def changed_fields(job: JobRecord, tasks: Iterable[str]) -> Fields:
    """What a transition may have changed."""
    fields: Fields = ["state", job.state]
    if job.start_ms:
        fields += ["start_ms", job.start_ms]
    if job.end_ms:
        fields += ["end_ms", job.end_ms]
    if job.expired:
        fields += ["expired", 1]
    if job.failure is not None:
        fields += ["failure", job.failure.SerializeToString()]
    for name in tasks:
        fields += [f"task:{name}", task_message(job.tasks[name]).SerializeToString()]
    return fields


def task_message(task: TaskRecord) -> job_pb2.Task:
    message = job_pb2.Task(
        name=task.name,
        kind=task.kind,
        state=task.state,
        attempt=task.attempt,
        needs=task.needs,
        worker_id=task.worker_id,
        lease_id=task.lease_id,
        result=task.result,
        start_time=timestamp(task.start_ms) if task.start_ms else None,
        end_time=timestamp(task.end_ms) if task.end_ms else None,
        first_attempt=task.first_attempt,
    )
    # Most tasks succeed at their first attempt, in no time, and have none of this.
    if task.progress is not None:
        message.progress.CopyFrom(task.progress)
    if task.failure is not None:
        message.failure.CopyFrom(task.failure)
    if task.checkpoint is not None:
        message.checkpoint.CopyFrom(task.checkpoint)
    if task.artifacts:
        message.artifacts.extend(task.artifacts)
    if task.past:
        message.past_attempts.extend(task.past)
    if task.cached:
        message.cached = True
    if task.attempt_start_ms:
        message.attempt_start_time.CopyFrom(timestamp(task.attempt_start_ms))
    return message


def parse(job_id: str, fields: Mapping[bytes, bytes]) -> Stored:
    spec, plan = job_pb2.JobSpec.FromString(fields[b"spec"]), job_pb2.Plan.FromString(fields[b"plan"])
    tasks = {planned.name: _task(planned, fields.get(f"task:{planned.name}".encode())) for planned in plan.tasks}
    failure = fields.get(b"failure")
    record = JobRecord(
        job_id=job_id,
        owner=fields[b"owner"].decode(),
        spec=spec,
        plan=plan,
        tasks=tasks,
        retry=retry_of(spec),
        request_id=fields[b"request_id"].decode(),
        traceparent=fields[b"traceparent"].decode(),
        create_ms=int(fields[b"create_ms"]),
        start_ms=int(fields.get(b"start_ms", 0)),
        end_ms=int(fields.get(b"end_ms", 0)),
        state=job_pb2.JobState.ValueType(int(fields[b"state"])),
        failure=task_pb2.Failure.FromString(failure) if failure else None,
        cancel_requested=fields.get(b"cancel_requested") == b"1",
        expired=fields.get(b"expired") == b"1",
        retry_ms=int(fields.get(b"retry_ms", 0)),
    )
    count = int(fields.get(b"checkpoints", 0))
    return Stored(
        record=record,
        revision=int(fields[b"revision"]),
        last_event_id=fields[b"last_event_id"].decode(),
        epoch=int(fields[b"epoch"]),
        commits=int(fields.get(b"commits", 0)),
        entry=fields[b"entry"].decode(),
        driver=fields.get(b"driver", b"").decode(),
        checkpoints=tuple(
            task_pb2.Checkpoint.FromString(fields[f"checkpoint:{n}".encode()]) for n in range(1, count + 1)
        ),
    )


def job_message(stored: Stored) -> job_pb2.Job:
    record = stored.record
    tasks = [task_message(task) for task in record.tasks.values()]
    return job_pb2.Job(
        job_id=record.job_id,
        owner=record.owner,
        spec=record.spec,
        state=record.state,
        tasks=tasks,
        artifacts=[artifact for task in tasks for artifact in task.artifacts],
        failure=record.failure,
        request_id=record.request_id,
        traceparent=record.traceparent,
        create_time=timestamp(record.create_ms),
        start_time=timestamp(record.start_ms) if record.start_ms else None,
        end_time=timestamp(record.end_ms) if record.end_ms else None,
        revision=stored.revision,
        last_event_id=stored.last_event_id,
        cancel_requested=record.cancel_requested,
        checkpoints=stored.checkpoints,
    )


def _task(planned: job_pb2.PlannedTask, changed: bytes | None) -> TaskRecord:
    return new_task(planned) if changed is None else _task_record(job_pb2.Task.FromString(changed))


def _task_record(task: job_pb2.Task) -> TaskRecord:
    return TaskRecord(
        name=task.name,
        kind=task.kind,
        needs=tuple(task.needs),
        state=task.state,
        attempt=task.attempt,
        lease_id=task.lease_id,
        worker_id=task.worker_id,
        progress=task.progress if task.HasField("progress") else None,
        result=task.result if task.HasField("result") else None,
        failure=task.failure if task.HasField("failure") else None,
        checkpoint=task.checkpoint if task.HasField("checkpoint") else None,
        artifacts=tuple(task.artifacts),
        start_ms=task.start_time.ToMilliseconds(),
        end_ms=task.end_time.ToMilliseconds(),
        attempt_start_ms=task.attempt_start_time.ToMilliseconds(),
        past=tuple(task.past_attempts),
        first_attempt=task.first_attempt or 1,
        cached=task.cached,
    )

"""Small builders for tests of the mesh's own words: jobs, updates, orders, workers. Defaults are plain and say nothing;
a test names what it is about.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import duration_pb2

from services.orchestrator.job_record import JobRecord, new_task, retry_of
from tutti import structs
from tutti.v1 import artifact_pb2, job_pb2, scheduler_pb2, task_pb2

JOB_ID = "0123456789abcdefghjkmnpqrs-0"
NOW_MS = 1_700_000_000_000

Graph = Mapping[str, Sequence[str]]


def seconds(value: float) -> duration_pb2.Duration:
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(int(value * 1e9))
    return duration


def task_spec(kind: str = "test.echo", input: Mapping[str, Any] | None = None, **fields: Any) -> job_pb2.JobSpec:
    """A spec of a single task; further fields are the spec's own."""
    return job_pb2.JobSpec(task=job_pb2.TaskRequest(kind=kind, input=structs.from_dict(input or {})), **fields)


def music_spec(narrative: str = "calm piano", model: str = "muscgen", **music: Any) -> job_pb2.JobSpec:
    options = structs.from_dict(music.pop("options", {}))
    return job_pb2.JobSpec(
        music=job_pb2.MusicRequest(narrative=narrative, model=model, options=options, **music),
    )


def chain_spec() -> job_pb2.JobSpec:
    """Two tasks, of which the second is given what the first has made."""
    compose = job_pb2.PlannedTask(name="compose", kind="test.echo")
    render = job_pb2.PlannedTask(name="render", kind="test.echo", needs=["compose"])
    render.input.update({"plan": "${compose.result.plan}"})
    return job_pb2.JobSpec(plan=job_pb2.Plan(tasks=[compose, render]))


def with_fields(spec: job_pb2.JobSpec, **fields: Any) -> job_pb2.JobSpec:
    """The spec with further fields of its own set."""
    spec.MergeFrom(job_pb2.JobSpec(**fields))
    return spec


def job_record(
    graph: Graph | None = None,
    *,
    job_id: str = JOB_ID,
    owner: str = "ada",
    max_attempts: int = 3,
    inputs: Mapping[str, Mapping[str, Any]] | None = None,
    **spec_fields: Any,
) -> JobRecord:
    """A job as it is before its first event. The graph says what each task needs."""
    graph = {"main": ()} if graph is None else graph
    spec = task_spec(retry=task_pb2.RetryPolicy(max_attempts=max_attempts), **spec_fields)
    plan = job_pb2.Plan(
        tasks=[
            job_pb2.PlannedTask(
                name=name, kind="test.echo", needs=needs, input=structs.from_dict((inputs or {}).get(name, {}))
            )
            for name, needs in graph.items()
        ]
    )
    return JobRecord(
        job_id=job_id,
        owner=owner,
        spec=spec,
        plan=plan,
        tasks={planned.name: new_task(planned) for planned in plan.tasks},
        retry=retry_of(spec),
        request_id="req-1",
        traceparent="",
        create_ms=NOW_MS,
    )


def update(
    task: str = "main", *, attempt: int = 1, lease: str = "1-1", job_id: str = JOB_ID, **what: Any
) -> task_pb2.Update:
    return task_pb2.Update(job_id=job_id, task=task, attempt=attempt, lease_id=lease, **what)


def leased(task: str = "main", *, worker: str = "w1", **where: Any) -> task_pb2.Update:
    return update(task, leased=task_pb2.Update.Leased(worker_id=worker), **where)


def started(task: str = "main", *, worker: str = "w1", **where: Any) -> task_pb2.Update:
    return update(task, started=task_pb2.Update.Started(worker_id=worker), **where)


def progressed(task: str = "main", *, fraction: float = 0.5, **where: Any) -> task_pb2.Update:
    return update(task, progress=task_pb2.Progress(fraction=fraction), **where)


def logged(task: str = "main", *, message: str = "hello", **where: Any) -> task_pb2.Update:
    return update(task, log=task_pb2.LogLine(level="INFO", message=message), **where)


def checkpointed(
    task: str = "main",
    *,
    note: Mapping[str, Any] | None = None,
    artifacts: Sequence[artifact_pb2.Artifact] = (),
    attempt: int = 1,
    **where: Any,
) -> task_pb2.Update:
    checkpoint = task_pb2.Checkpoint(note=structs.from_dict(note or {}), artifacts=artifacts)
    return update(task, checkpoint=checkpoint, attempt=attempt, **where)


def stored(task: str = "main", *, name: str = "mix.wav", attempt: int = 1, **where: Any) -> task_pb2.Update:
    artifact = artifact_pb2.Artifact(name=name, key=f"job/{task}/{attempt}/{name}")
    return update(task, artifact=artifact, attempt=attempt, **where)


def succeeded(
    task: str = "main", *, result: Mapping[str, Any] | None = None, version: str = "", **where: Any
) -> task_pb2.Update:
    done = task_pb2.Update.Succeeded(result=structs.from_dict(result or {}), cache_version=version)
    return update(task, succeeded=done, **where)


def failed(
    task: str = "main", *, reason: str = "HANDLER_ERROR", retryable: bool = True, **where: Any
) -> task_pb2.Update:
    return update(task, failed=task_pb2.Failure(reason=reason, message="it broke", retryable=retryable), **where)


def stopped(task: str = "main", **where: Any) -> task_pb2.Update:
    return update(task, cancelled=task_pb2.Update.Cancelled(), **where)


def lost(task: str = "main", **where: Any) -> task_pb2.Update:
    return update(task, lost=task_pb2.Update.Lost(worker_id="w1", message="gone"), **where)


def order(
    job_id: str = JOB_ID,
    task: str = "main",
    *,
    attempt: int = 1,
    kind: str = "test.echo",
    owner: str = "ada",
    input: Mapping[str, Any] | None = None,
    priority: task_pb2.Priority.ValueType = task_pb2.PRIORITY_NORMAL,
    **fields: Any,
) -> task_pb2.TaskOrder:
    return task_pb2.TaskOrder(
        job_id=job_id,
        task=task,
        attempt=attempt,
        kind=kind,
        owner=owner,
        priority=priority,
        input=structs.from_dict(input or {}),
        **fields,
    )


def worker_info(
    worker_id: str = "w1",
    *,
    slots: int = 2,
    kinds: Sequence[str | scheduler_pb2.KindInfo] = ("test.echo",),
    **fields: Any,
) -> scheduler_pb2.WorkerInfo:
    infos = [scheduler_pb2.KindInfo(kind=kind) if isinstance(kind, str) else kind for kind in kinds]
    return scheduler_pb2.WorkerInfo(worker_id=worker_id, slots=slots, kinds=infos, **fields)

"""Jobs as REST shows them: protobuf messages in, JSON-ready dictionaries out. `schemas` documents the shapes.

Written by hand instead of through the library's JSON mapping, whose names of states and 64-bit numbers are not the ones
that callers of REST expect, and which is ten times slower.
"""

import time
from collections.abc import Sequence
from typing import Any

from google.protobuf import duration_pb2, timestamp_pb2

from services.gateway import structs
from tutti.v1 import artifact_pb2, job_pb2, orchestrator_pb2, task_pb2

Json = dict[str, Any]

#: A state of a newer contract than ours has no word here yet.
_UNKNOWN = "UNKNOWN"
_JOB_WORDS = {value: name.removeprefix("JOB_STATE_") for name, value in job_pb2.JobState.items()}
_TASK_WORDS = {value: name.removeprefix("TASK_STATE_") for name, value in task_pb2.TaskState.items()}
_PRIORITY_WORDS = {
    value: name.removeprefix("PRIORITY_").lower()
    for name, value in task_pb2.Priority.items()
    if value != task_pb2.PRIORITY_UNSPECIFIED
}
_BEGUN = (task_pb2.TASK_STATE_LEASED, task_pb2.TASK_STATE_RUNNING)


def job_status(state: job_pb2.JobState.ValueType) -> str:
    return _JOB_WORDS.get(state, _UNKNOWN)


def task_status(state: task_pb2.TaskState.ValueType) -> str:
    return _TASK_WORDS.get(state, _UNKNOWN)


def job_view(job: job_pb2.Job) -> Json:
    return {
        "jobId": job.job_id,
        "status": job_status(job.state),
        "owner": job.owner,
        "requestId": job.request_id,
        **_spec_view(job.spec),
        "createTime": moment(job, "create_time"),
        "startTime": moment(job, "start_time"),
        "endTime": moment(job, "end_time"),
        "progress": _overall(job),
        "tasks": [_task_view(task) for task in job.tasks],
        "artifacts": [artifact_view(artifact) for artifact in job.artifacts],
        "checkpoints": [checkpoint_view(checkpoint) for checkpoint in job.checkpoints],
        "failure": failure_view(job),
        "cancelRequested": job.cancel_requested,
        "revision": job.revision,
        "lastEventId": job.last_event_id,
    }


def artifact_view(artifact: artifact_pb2.Artifact) -> Json:
    return {
        "name": artifact.name,
        "type": artifact.type,
        "size": artifact.size,
        "sha256": artifact.sha256,
        "url": artifact.url,
        "task": artifact.task,
    }


def checkpoint_view(checkpoint: task_pb2.Checkpoint) -> Json:
    return {
        "note": structs.plain(checkpoint.note),
        "artifacts": [artifact_view(artifact) for artifact in checkpoint.artifacts],
    }


def dead_view(dead: orchestrator_pb2.DeadJob) -> Json:
    return {"job": job_view(dead.job), "reason": dead.reason, "deadTime": moment(dead, "dead_time")}


def failure_view(
    failed: job_pb2.Job | job_pb2.Task | job_pb2.PastAttempt | job_pb2.Event.JobMoved | job_pb2.Event.TaskMoved,
) -> Json | None:
    if not failed.HasField("failure"):
        return None
    failure = failed.failure
    return {"reason": failure.reason, "message": failure.message, "retryable": failure.retryable}


def progress_view(progress: task_pb2.Progress) -> Json:
    return {"fraction": progress.fraction, "message": progress.message}


def moment(message: Any, field: str) -> str | None:
    """A timestamp as RFC 3339 in UTC with milliseconds, or nothing where it is not set."""
    return rfc3339(getattr(message, field)) if message.HasField(field) else None


def rfc3339(stamp: timestamp_pb2.Timestamp) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(stamp.seconds))
    return f"{seconds}.{stamp.nanos // 1_000_000:03d}Z"


def _spec_view(spec: job_pb2.JobSpec) -> Json:
    view: Json = {}
    match spec.WhichOneof("work"):
        case "music":
            music = spec.music
            view["model"], view["narrative"] = music.model, music.narrative
            view["duration"] = _seconds(music.duration) if music.HasField("duration") else None
            view["options"] = structs.plain(music.options)
        case "plan":
            view["plan"] = [_planned_view(task) for task in spec.plan.tasks]
        case _:
            view["kind"], view["input"] = spec.task.kind, structs.plain(spec.task.input)
    view["labels"] = dict(spec.labels)
    view["priority"] = _PRIORITY_WORDS.get(spec.priority, "normal")
    view["retry"] = _retry_view(spec.retry) if spec.HasField("retry") else None
    view["timeoutSeconds"] = _seconds(spec.attempt_timeout) if spec.HasField("attempt_timeout") else None
    view["cache"] = "off" if spec.cache == job_pb2.CACHE_POLICY_OFF else "on"
    view["jobTimeoutSeconds"] = _seconds(spec.job_timeout) if spec.HasField("job_timeout") else None
    return view


def _planned_view(task: job_pb2.PlannedTask) -> Json:
    return {
        "name": task.name,
        "kind": task.kind,
        "input": structs.plain(task.input),
        "needs": list(task.needs),
        "resources": _resources_view(task.resources) if task.HasField("resources") else None,
        "workerLabels": dict(task.worker_labels),
    }


def _resources_view(resources: task_pb2.Resources) -> Json:
    return {
        "cpu": resources.cpu,
        "memoryBytes": resources.memory_bytes,
        "gpus": resources.gpus,
        "gpuMemoryBytes": resources.gpu_memory_bytes,
    }


def _retry_view(policy: task_pb2.RetryPolicy) -> Json:
    return {
        "maxAttempts": policy.max_attempts or None,
        "initialBackoffSeconds": _seconds(policy.initial_backoff) if policy.HasField("initial_backoff") else None,
        "maxBackoffSeconds": _seconds(policy.max_backoff) if policy.HasField("max_backoff") else None,
    }


def _task_view(task: job_pb2.Task) -> Json:
    return {
        "name": task.name,
        "kind": task.kind,
        "status": task_status(task.state),
        "attempt": task.attempt,
        "needs": list(task.needs),
        "workerId": task.worker_id,
        "progress": progress_view(task.progress),
        "result": structs.plain(task.result) if task.HasField("result") else None,
        "failure": failure_view(task),
        "startTime": moment(task, "start_time"),
        "endTime": moment(task, "end_time"),
        "checkpoint": checkpoint_view(task.checkpoint) if task.HasField("checkpoint") else None,
        "firstAttempt": task.first_attempt,
        "cached": task.cached,
        "pastAttempts": [_past_view(attempt) for attempt in task.past_attempts],
    }


def _past_view(attempt: job_pb2.PastAttempt) -> Json:
    return {
        "attempt": attempt.attempt,
        "workerId": attempt.worker_id,
        "startTime": moment(attempt, "start_time"),
        "endTime": moment(attempt, "end_time"),
        "failure": failure_view(attempt),
    }


def _overall(job: job_pb2.Job) -> Json:
    """Each task counts the same; what the job is doing now is what its first running task says."""
    begun = next((task for task in job.tasks if task.state in _BEGUN), None)
    return {
        "fraction": _mean([_fraction(task) for task in job.tasks]),
        "message": begun.progress.message if begun is not None else "",
    }


def _fraction(task: job_pb2.Task) -> float:
    return 1.0 if task.state == task_pb2.TASK_STATE_SUCCEEDED else task.progress.fraction


def _mean(fractions: Sequence[float]) -> float:
    return round(sum(fractions) / len(fractions), 4) if fractions else 0.0


def _seconds(duration: duration_pb2.Duration) -> float:
    return duration.seconds + duration.nanos / 1e9

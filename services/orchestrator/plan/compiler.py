"""Checks a spec as a whole and compiles it to a plan."""

from collections.abc import Sequence

from google.protobuf import duration_pb2

from services.orchestrator.job_record import retry_of
from services.orchestrator.plan.graph import compile_plan
from services.orchestrator.plan.kinds import Kinds
from services.orchestrator.plan.music import compile_music
from services.orchestrator.plan.single import check_task
from tutti import errors
from tutti.v1 import job_pb2, task_pb2

_PRIORITIES = frozenset(task_pb2.Priority.values())
_CACHE_POLICIES = frozenset(job_pb2.CachePolicy.values())
MOST_LABELS, LONGEST_LABEL = 32, 128
MOST_ATTEMPTS = 100
LONGEST_BACKOFF_SECONDS = 3600.0
LONGEST_ATTEMPT_DAYS, LONGEST_JOB_DAYS = 7, 30


def compile_spec(spec: job_pb2.JobSpec, kinds: Kinds) -> job_pb2.Plan:
    """Raises InvalidInput, naming the field and the remedy, for a spec that can never run."""
    match spec.WhichOneof("work"):
        case "task":
            plan = _compile_task(spec.task, kinds)
        case "music":
            plan = compile_music(spec.music)
        case "plan":
            plan = compile_plan(spec.plan, kinds)
        case None:
            raise errors.InvalidInput(
                "work: nothing to do; give 'narrative' (music), 'kind' (a single task) or 'tasks' (a plan)",
                field="work",
            )
    _check_labels(spec)
    if spec.priority not in _PRIORITIES:
        raise errors.InvalidInput(f"priority: {spec.priority} is none; use LOW, NORMAL or HIGH", field="priority")
    if spec.cache not in _CACHE_POLICIES:
        raise errors.InvalidInput(f"cache: {spec.cache} is none; use ON or OFF", field="cache")
    if spec.HasField("attempt_timeout"):
        _check_timeout("attempt_timeout", spec.attempt_timeout, LONGEST_ATTEMPT_DAYS)
    if spec.HasField("job_timeout"):
        _check_timeout("job_timeout", spec.job_timeout, LONGEST_JOB_DAYS)
    _check_retry(spec)
    return plan


def kinds_of(spec: job_pb2.JobSpec) -> Sequence[str]:
    """The kinds that a spec names itself."""
    return [task.kind for task in spec.plan.tasks] if spec.HasField("plan") else [spec.task.kind]


def _compile_task(request: job_pb2.TaskRequest, kinds: Kinds) -> job_pb2.Plan:
    check_task(request, kinds)
    plan = job_pb2.Plan()
    planned = plan.tasks.add(name="main", kind=request.kind, input=request.input)
    if request.HasField("resources"):
        planned.resources.CopyFrom(request.resources)
    if request.worker_labels:
        planned.worker_labels.update(request.worker_labels)
    return plan


def _check_labels(spec: job_pb2.JobSpec) -> None:
    if len(spec.labels) > MOST_LABELS:
        raise errors.InvalidInput(f"labels: {len(spec.labels)}; at most {MOST_LABELS} are allowed", field="labels")
    for key, value in spec.labels.items():
        if not key or len(key) > LONGEST_LABEL or len(value) > LONGEST_LABEL:
            raise errors.InvalidInput(
                f"labels: key and value of {key[:32]!r} must be 1 to {LONGEST_LABEL} characters long", field="labels"
            )


def _check_timeout(field: str, given: duration_pb2.Duration, most_days: int) -> None:
    # A job's time is counted in milliseconds.
    if not 0.001 <= _seconds(given) <= most_days * 24 * 3600:
        raise errors.InvalidInput(
            f"{field}: {_seconds(given):g} s; it must be at least 1 ms and at most {most_days} days", field=field
        )


def _seconds(duration: duration_pb2.Duration) -> float:
    return duration.seconds + duration.nanos / 1e9


def _check_retry(spec: job_pb2.JobSpec) -> None:
    if not spec.HasField("retry"):
        return
    if not 0 <= spec.retry.max_attempts <= MOST_ATTEMPTS:
        raise errors.InvalidInput(
            f"retry.max_attempts: {spec.retry.max_attempts}; use 1 to {MOST_ATTEMPTS}", field="retry.max_attempts"
        )
    retry = retry_of(spec)
    _check_pause("retry.initial_backoff", retry.initial_backoff_seconds)
    _check_pause("retry.max_backoff", retry.max_backoff_seconds)


def _check_pause(field: str, seconds: float) -> None:
    if not 0 <= seconds <= LONGEST_BACKOFF_SECONDS:
        raise errors.InvalidInput(
            f"{field}: {seconds:g} s; it must lie between 0 and {LONGEST_BACKOFF_SECONDS:g} seconds", field=field
        )

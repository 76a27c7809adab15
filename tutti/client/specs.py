"""Short ways to write a job's spec."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from tutti.v1 import job_pb2


def music(
    narrative: str,
    *,
    duration: float | timedelta | None = None,
    model: str = "muscgen",
    options: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    cache: bool = True,
) -> job_pb2.JobSpec:
    """Make music from words; `duration` in seconds. Without `cache` every task is done, also one that has been done
    before."""
    spec = _spec(labels, cache, music=job_pb2.MusicRequest(narrative=narrative, model=model))
    if duration is not None:
        length = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        spec.music.duration.FromTimedelta(length)
    if options:
        spec.music.options.update(options)
    return spec


def task(
    kind: str,
    input: Mapping[str, Any] | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    cache: bool = True,
) -> job_pb2.JobSpec:
    """Run a single task of a kind that some worker serves."""
    spec = _spec(labels, cache, task=job_pb2.TaskRequest(kind=kind))
    spec.task.input.update(input or {})
    return spec


def step(
    name: str, kind: str, input: Mapping[str, Any] | None = None, *, needs: Iterable[str] = ()
) -> job_pb2.PlannedTask:
    """A task of a plan. `${<task>.result.<path>}` in its input is filled in when that task has succeeded; what is
    referred to need not be named in `needs`."""
    planned = job_pb2.PlannedTask(name=name, kind=kind, needs=needs)
    planned.input.update(input or {})
    return planned


def plan(
    tasks: Iterable[job_pb2.PlannedTask], *, labels: Mapping[str, str] | None = None, cache: bool = True
) -> job_pb2.JobSpec:
    """Run a graph of tasks: `plan([step("one", ...), step("two", ..., needs=["one"])])`."""
    return _spec(labels, cache, plan=job_pb2.Plan(tasks=tasks))


def _spec(labels: Mapping[str, str] | None, cache: bool, **work: Any) -> job_pb2.JobSpec:
    spec = job_pb2.JobSpec(labels=labels or {}, **work)
    if not cache:
        spec.cache = job_pb2.CACHE_POLICY_OFF
    return spec

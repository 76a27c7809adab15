"""`tutti submit | watch | jobs | show | cancel`: a thin layer over the SDK."""

import asyncio
import time
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from tutti import errors
from tutti.cli import arguments, connection, failures, following, inputs, tables, words
from tutti.cli.output import console, say, say_json
from tutti.cli.output import show as show_table
from tutti.client import Client, music, task
from tutti.v1 import job_pb2, orchestrator_pb2, task_pb2

T = TypeVar("T")
LARGEST_PAGE = 200


def submit(
    narrative: Annotated[str, typer.Argument(help="What to make, in words.", show_default=False)] = "",
    duration: Annotated[float | None, typer.Option("--duration", help="Length in seconds.", show_default=False)] = None,
    model: Annotated[
        str, typer.Option("--model", help="jen1 composes, muscgen renders and mixes too, track is all of it.")
    ] = "track",
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", metavar="KEY=VALUE", help="An option of the model; repeat.")
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", help="Run a single task of this kind instead.", show_default=False)
    ] = "",
    input: Annotated[str, typer.Option("--input", metavar="JSON", help="Input of that task.", show_default=False)] = "",
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Run the graph of tasks in this JSON file instead.")
    ] = None,
    priority: Annotated[str, typer.Option("--priority", help="low, normal or high.")] = "normal",
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", metavar="KEY=VALUE", help="A word to find the job by; repeat.")
    ] = None,
    request_id: Annotated[
        str, typer.Option("--request-id", help="Submitting again under it returns the same job.", show_default=False)
    ] = "",
    attempts: Annotated[int, typer.Option("--attempts", min=0, help="How often to try each task; 0: the default.")] = 0,
    job_timeout: Annotated[
        float | None,
        typer.Option("--job-timeout", min=0.001, help="Seconds that the whole job may take.", show_default=False),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Do every task, also one that has been done before.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow the job to its end.")] = False,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Follow it and download what it made into DIR.")
    ] = None,
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Submit a job: music from words, one task with --kind, or a graph of tasks with --plan. Prints its id."""
    spec = _spec(narrative, duration, model, option or [], kind, input, plan)
    spec.priority = _priority(priority)
    if attempts:
        spec.retry.max_attempts = attempts
    if job_timeout is not None:
        spec.job_timeout.FromTimedelta(timedelta(seconds=job_timeout))
    if no_cache:
        spec.cache = job_pb2.CACHE_POLICY_OFF
    spec.labels.update(inputs.labels(label or []))

    async def main() -> int:
        async with connection.connected(arguments.where(address, data_dir, timeout)) as client:
            job_id = await client.submit(spec, request_id=request_id)
            if not (watch or save):
                _accepted(job_id, as_json=json)
                return failures.OK
            return await _to_the_end(client, job_id, save, as_json=json)

    _run(main())


def _spec(
    narrative: str, duration: float | None, model: str, option: list[str], kind: str, input: str, plan: Path | None
) -> job_pb2.JobSpec:
    if sum(map(bool, (narrative, kind, plan))) != 1:
        raise errors.InvalidInput(
            'say what to make, such as: tutti submit "a chill lo-fi beat", or name a --kind or a --plan'
        )
    if plan:
        if duration is not None or option or input:
            raise errors.InvalidInput("--duration, --option and --input are not for a --plan; its file says everything")
        return job_pb2.JobSpec(plan=inputs.plan(plan))
    if kind:
        if duration is not None or option:
            raise errors.InvalidInput("--duration and --option are for music; give a task its --input")
        return task(kind, inputs.json_object(input, field="input") if input else {})
    if input:
        raise errors.InvalidInput("--input is for a task with --kind; give music its --option key=value")
    return music(narrative, duration=duration, model=model, options=inputs.options(option))


def _priority(name: str) -> task_pb2.Priority.ValueType:
    priorities = {value.removeprefix("PRIORITY_").lower(): value for value in task_pb2.Priority.keys()[1:]}
    if name.lower() not in priorities:
        raise errors.InvalidInput(f"--priority {name!r}: use one of {', '.join(priorities)}", field="priority")
    return task_pb2.Priority.Value(priorities[name.lower()])


def _accepted(job_id: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"jobId": job_id})
        return
    say(job_id)
    if console().is_terminal:
        say(f"Follow it: tutti watch {job_id}", stderr=True)


async def _to_the_end(client: Client, job_id: str, save: Path | None, *, as_json: bool) -> int:
    try:
        job = await following.follow(client, job_id, as_json=as_json)
    except asyncio.CancelledError:
        say(f"The job goes on. Follow it: tutti watch {job_id}. Stop it: tutti cancel {job_id}", stderr=True)
        raise
    if not as_json:
        following.conclude(job)
    if save is not None and job.state == job_pb2.JOB_STATE_SUCCEEDED:
        for path in await following.save(job, save):
            say(f"saved {path}", stderr=as_json)
    return failures.OK if job.state == job_pb2.JOB_STATE_SUCCEEDED else failures.FAILED


def watch(
    job_id: arguments.JobId,
    save: Annotated[Path | None, typer.Option("--save", metavar="DIR", help="Download what it made into DIR.")] = None,
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Follow a job to its end, from its first event. With --json: one event a line."""

    async def main() -> int:
        async with connection.connected(arguments.where(address, data_dir, timeout)) as client:
            return await _to_the_end(client, job_id, save, as_json=json)

    _run(main())


def jobs(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 20,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only in this state; repeat for more.", show_default=False)
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", metavar="KEY=VALUE", help="Only with this label; repeat.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Then say what happens to them and to new ones, until Ctrl-C.")
    ] = False,
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """List jobs, newest first."""
    wanted = orchestrator_pb2.JobFilter(
        states=[_job_state(name) for name in state or []], labels=inputs.labels(label or [])
    )

    async def main() -> int:
        async with connection.connected(arguments.where(address, data_dir, timeout)) as client:
            if follow:
                await following.follow_all(client, wanted, lambda: _list(client, wanted, limit, json), as_json=json)
            else:
                await _list(client, wanted, limit, json)
        return failures.OK

    _run(main())


async def _list(client: Client, wanted: orchestrator_pb2.JobFilter, limit: int, as_json: bool) -> None:
    listed = await _listed(client, wanted, limit)
    if as_json:
        for job in listed:
            say_json(job)
    elif listed:
        show_table(tables.jobs(listed, time.time()))
    else:
        say("No such jobs." if wanted.states or wanted.labels else "No jobs yet.", stderr=True)


async def _listed(client: Client, wanted: orchestrator_pb2.JobFilter, limit: int) -> list[job_pb2.Job]:
    listed: list[job_pb2.Job] = []
    token = ""
    while True:
        page = await client.jobs(page_size=min(limit - len(listed), LARGEST_PAGE), page_token=token, filter=wanted)
        listed += page.jobs
        token = page.next_page_token
        if not token or len(listed) >= limit:
            return listed


def _job_state(name: str) -> job_pb2.JobState.ValueType:
    states = [value.removeprefix("JOB_STATE_") for value in job_pb2.JobState.keys()[1:]]
    if name.upper() not in states:
        raise errors.InvalidInput(f"--state {name!r}: use one of {', '.join(states).lower()}", field="state")
    return job_pb2.JobState.Value(f"JOB_STATE_{name.upper()}")


def show(
    job_id: arguments.JobId,
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Show a job with its tasks and artifacts."""

    async def main() -> int:
        async with connection.connected(arguments.where(address, data_dir, timeout)) as client:
            job = await client.get(job_id)
        if json:
            say_json(job)
        else:
            show_table(tables.job(job, time.time()))
            # Under the tables, not in one: an address that is folded or cut short cannot be copied.
            for artifact in job.artifacts:
                say(f"\n{artifact.name}\n{artifact.url}")
        return failures.OK

    _run(main())


def cancel(
    job_id: arguments.JobId,
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Ask for a job to be stopped. Cancelling a finished job changes nothing."""

    async def main() -> int:
        async with connection.connected(arguments.where(address, data_dir, timeout)) as client:
            job = await client.cancel(job_id)
        if json:
            say_json(job)
        elif job.HasField("end_time"):
            say(f"{job_id} is {words.job_state(job.state)} already")
        else:
            say(f"{job_id} is being cancelled")
        return failures.OK

    _run(main())


def _run(main: Coroutine[Any, Any, int]) -> None:
    raise typer.Exit(asyncio.run(main))

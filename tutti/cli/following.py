"""Follows a job to its end, in one of three voices: bars on a terminal, lines into a pipe, JSON for machines."""

import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

from rich.live import Live

from tutti import errors
from tutti.cli import view, words
from tutti.cli.bars import Drawing
from tutti.cli.output import console, say, say_json
from tutti.client import Client, download
from tutti.client.client import RESTING
from tutti.v1 import artifact_pb2, job_pb2, orchestrator_pb2

FRAMES_A_SECOND = 10


async def follow(client: Client, job_id: str, *, as_json: bool) -> job_pb2.Job:
    """Returns the job as it came to rest."""
    if as_json:
        await _as_json(client, job_id)
    elif console().is_terminal:
        await _as_bars(client, job_id)
    else:
        await _as_lines(client, job_id)
    return await client.get(job_id)


async def _as_json(client: Client, job_id: str) -> None:
    async for event in client.watch(job_id):
        say_json(event)


async def _as_lines(client: Client, job_id: str) -> None:
    milestones = view.Milestones()
    async for event in client.watch(job_id):
        if line := milestones.line(event):
            say(f"{_clock(event)} {line}")


async def _as_bars(client: Client, job_id: str) -> None:
    terminal, drawing = console(), Drawing()
    seen = view.begin(await client.get(job_id))
    with Live(
        console=terminal,
        refresh_per_second=FRAMES_A_SECOND,
        # Called from the thread that draws; views are values, so it sees a whole one.
        get_renderable=lambda: drawing.frame(seen, time.time()),
    ):
        async for event in client.watch(job_id):
            if remark := view.remark(event):
                terminal.print(f"[dim]{_clock(event)}[/]", remark.replace("[", r"\["), soft_wrap=True)
            seen = view.after(seen, event)


async def follow_all(
    client: Client,
    wanted: orchestrator_pb2.JobFilter,
    show: Callable[[], Awaitable[None]],
    *,
    as_json: bool,
) -> None:
    """List the jobs that match, then say what happens to them, for as long as the mesh tells. Returns never."""
    milestones: dict[str, view.Milestones] = {}
    while True:
        try:
            async with aclosing(client.watch_jobs(wanted)) as batches:
                # Listed only when the stream has begun: what happens meanwhile is on one or on both, never on neither.
                await anext(batches)
                await show()
                async for events in batches:
                    for event in events:
                        _say_of(event, milestones, as_json=as_json)
        except errors.TooSlow as error:
            say(f"{error.message}. Here they are again:", stderr=True)


def _say_of(event: job_pb2.Event, milestones: dict[str, view.Milestones], *, as_json: bool) -> None:
    if as_json:
        say_json(event)
        return
    line = milestones.setdefault(event.job_id, view.Milestones()).line(event)
    if line:
        say(f"{_clock(event)} {event.job_id} {line}")
    if event.job_moved.state in RESTING:
        del milestones[event.job_id]


def _clock(event: job_pb2.Event) -> str:
    return time.strftime("%H:%M:%S", time.localtime(event.time.seconds))


def conclude(job: job_pb2.Job) -> None:
    """The last words about a finished job."""
    took = words.between(job.create_time, job.end_time)
    say(f"{job.job_id} {words.job_state(job.state)}" + (f" after {took}" if took else ""))
    if job.HasField("failure"):
        say(f"{job.failure.reason}: {job.failure.message}")


async def save(job: job_pb2.Job, directory: Path) -> list[Path]:
    """Download every artifact of a job."""
    return [await download(artifact, directory / name) for artifact, name in file_names(job)]


def file_names(job: job_pb2.Job) -> list[tuple[artifact_pb2.Artifact, str]]:
    """A name of its own for each artifact: two tasks may each have left a `mix.wav`."""
    names = [artifact.name for artifact in job.artifacts]
    return [
        (artifact, artifact.name if names.count(artifact.name) == 1 else f"{artifact.task}-{artifact.name}")
        for artifact in job.artifacts
    ]

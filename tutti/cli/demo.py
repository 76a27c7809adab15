"""`tutti demo`: from nothing to a sound in one command."""

import asyncio
import contextlib
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import typer

from tutti.cli import failures, following
from tutti.cli.output import say
from tutti.client import Client, download, music
from tutti.embedded import Mesh, MeshOptions, endpoints, ports
from tutti.embedded.lock import is_alive
from tutti.embedded.options import DEFAULT_DATA_DIR, DEFAULT_GATEWAY_PORT
from tutti.v1 import job_pb2

#: The tasks that make what a listener wants to have: master and stems, and what belongs to them.
FINISHED = frozenset({"compose", "mix", "finalize"})
MASTER = "master.wav"
NARRATIVE = "a chill lo-fi beat, 90 bpm, piano"


def demo(
    narrative: Annotated[str, typer.Argument(help="What to make, in words.")] = NARRATIVE,
    duration: Annotated[float, typer.Option("--duration", help="Length in seconds.")] = 12.0,
    output: Annotated[Path, typer.Option("--output", help="Directory that the audio is saved in.")] = Path("demo"),
    data_dir: Annotated[
        Path, typer.Option("--data-dir", envvar="TUTTI_DATA_DIR", help="Where the mesh keeps everything.")
    ] = DEFAULT_DATA_DIR,
) -> None:
    """Start a mesh, make a piece of music, save it, and stop."""
    raise typer.Exit(asyncio.run(_demo(narrative, duration, output, data_dir)))


async def _demo(narrative: str, duration: float, output: Path, data_dir: Path) -> int:
    async with _mesh(data_dir) as running, Client(running.orchestrator_addresses) as client:
        say(f"Gateway at {running.gateway.url}")
        say(f"Asking for {duration:g} s of: {narrative}")
        job_id = await client.submit(music(narrative, duration=duration, model="track"))
        job = await following.follow(client, job_id, as_json=False)
        following.conclude(job)
        if job.state != job_pb2.JOB_STATE_SUCCEEDED:
            return failures.FAILED
        for artifact in job.artifacts:
            if artifact.task in FINISHED:
                await download(artifact, output / artifact.name)
        master = output / MASTER
        say(f"Listen: {master.resolve()} ({_seconds(master):.1f} s)")
    return failures.OK


@contextlib.asynccontextmanager
async def _mesh(data_dir: Path) -> AsyncIterator[endpoints.Endpoints]:
    """The mesh that runs in the directory, or one of our own for as long as we need it."""
    running = endpoints.read(data_dir)
    if running is not None and is_alive(running.pid):
        say(f"Using the mesh that runs in {data_dir}")
        yield running
        return
    say(f"Starting a mesh in {data_dir}")
    port = DEFAULT_GATEWAY_PORT if ports.is_free(DEFAULT_GATEWAY_PORT) else 0
    async with Mesh(MeshOptions(data_dir=data_dir, gateway_port=port), announce=say) as mesh:
        yield mesh.endpoints
        say("Stopping")


def _seconds(file: Path) -> float:
    with wave.open(str(file)) as audio:
        return float(audio.getnframes() / audio.getframerate())

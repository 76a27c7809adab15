"""What `tutti` does with tracks: makes one again from its manifest, and plays one while it is made."""

import asyncio
import hashlib
import json
import sys
import wave
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fixtures.meshes import eventually
from tests.fixtures.songs import slowed
from tutti.client import Client, music
from tutti.embedded import Mesh

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMMAND_SECONDS = 120
MIX = "mix.master"
OPTIONS = {"seed": 7, "stems": ["drums", "bass"]}
SONG = music("rock, 140 bpm", duration=6, options=OPTIONS)


@dataclass
class Ended:
    code: int
    out: bytes
    err: str


async def tutti(mesh: Mesh, *arguments: str, into: Path | None = None) -> Ended:
    address = ",".join(mesh.endpoints.orchestrator_addresses)
    command = (sys.executable, "-P", "-m", "tutti.cli.main", *arguments, "--address", address)
    with ExitStack() as files:
        stdout = files.enter_context(into.open("wb")) if into else asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdout=stdout, stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(COMMAND_SECONDS):
        out, err = await process.communicate()
    return Ended(code=process.returncode or 0, out=out or b"", err=err.decode())


@asynccontextmanager
async def unfinished(client: Client) -> AsyncIterator[None]:
    """Meanwhile no track gets its master, however soon it is rendered and however late somebody listens."""
    await client.pause(MIX)
    try:
        yield
    finally:
        await client.resume(MIX)


async def grown(*files: Path) -> bool:
    """Whether more than a header is there."""
    return all(file.exists() and file.stat().st_size > 44 for file in files)


async def test_a_track_is_made_again_from_its_manifest(mesh: Mesh, tmp_path: Path) -> None:
    options = [part for name, value in OPTIONS.items() for part in ("--option", f"{name}={json.dumps(value)}")]
    first = await tutti(mesh, "submit", "rock, 140 bpm", "--duration", "3", *options, "--save", str(tmp_path))
    assert first.code == 0, first.err
    manifest = tmp_path / "manifest.json"

    again = await tutti(mesh, "replay", str(manifest))
    assert again.code == 0, again.out.decode() + again.err
    verdicts = [line.split() for line in again.out.decode().splitlines() if line.startswith(("same ", "different "))]
    outputs = json.loads(manifest.read_text())["outputs"]
    assert verdicts == [["same", each["name"]] for each in outputs]
    assert {"master.wav", "master.mp3", "drums.wav", "bass.wav", "composition.mid"} <= {name for _, name in verdicts}

    other = json.loads(manifest.read_text())
    other["request"]["options"]["seed"] = "8"
    manifest.write_text(json.dumps(other))
    differs = await tutti(mesh, "replay", str(manifest), "--json")
    assert differs.code == 1
    said = json.loads(differs.out.decode().splitlines()[-1])
    assert said["outputs"]["master.wav"] == "different"


async def test_a_track_that_is_being_made_is_saved_as_it_grows_and_is_its_master_in_the_end(
    mesh: Mesh, client: Client, tmp_path: Path
) -> None:
    file, pipe = tmp_path / "song.wav", tmp_path / "pipe"
    async with unfinished(client):
        job_id = await client.submit(slowed(await client.plan(SONG), 0.2))
        saving = asyncio.create_task(tutti(mesh, "listen", job_id, "--output", str(file)), name="saving")
        piping = asyncio.create_task(tutti(mesh, "listen", job_id, "--output", "-", into=pipe), name="piping")
        # Both hear something before there is a master.
        await eventually(lambda: grown(file, pipe), within=60)
    saved, piped = await saving, await piping
    assert (saved.code, piped.code) == (0, 0), saved.err + piped.err

    job = await client.wait(job_id)
    master = next(artifact for artifact in job.artifacts if artifact.name == "master.wav")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == master.sha256
    # Into a pipe goes the preview: 16 bits, all of it, under a header that knows no end.
    with wave.open(str(pipe)) as audio:
        assert (audio.getsampwidth(), audio.getframerate()) == (2, 44_100)
    assert pipe.stat().st_size == 44 + 6 * 44_100 * 4
    # Afterwards it is the master there, too.
    after = await tutti(mesh, "listen", job_id, "--output", "-")
    assert hashlib.sha256(after.out).hexdigest() == master.sha256


async def test_what_cannot_be_heard_says_why(mesh: Mesh, client: Client, tmp_path: Path) -> None:
    plan_only = await client.submit(music("folk", duration=2, model="jen1"))
    await client.wait(plan_only)
    silent = await tutti(mesh, "listen", plan_only, "--output", str(tmp_path / "a.wav"))
    assert silent.code == 2
    assert "makes no audio" in silent.err

    file = tmp_path / "b.wav"
    async with unfinished(client):
        stopped = await client.submit(slowed(await client.plan(SONG), 1.0))
        listening = asyncio.create_task(tutti(mesh, "listen", stopped, "--output", str(file)), name="listening")
        await eventually(lambda: grown(file), within=60)
        await client.cancel(stopped)
        ended = await listening
    assert ended.code == 1
    assert b"CANCELLED" in ended.out
    # What was heard is a file that knows its length.
    with wave.open(str(file)) as audio:
        assert audio.getnframes() > 0
        assert file.stat().st_size == 44 + audio.getnframes() * 4

"""A cancelled job leaves the model idle, and nothing half-written anywhere."""

import asyncio
import hashlib
import json
from pathlib import Path

import httpx
import pytest

from tests.fixtures.meshes import eventually
from tutti.client import Client, music
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def rendering(client: Client, job_id: str) -> None:
    """Return once the model has sent the first of its audio."""
    async for event in client.watch(job_id):
        if event.HasField("progress") and event.task.startswith("render-"):
            return


async def in_hand(mesh: Mesh) -> float:
    """Requests that muscgen works on, and requests that Triton holds for it, as Triton says."""
    assert mesh.endpoints.triton is not None
    counted = ("tutti_muscgen_active_requests", 'nv_inference_pending_request_count{model="muscgen"')
    # A connection of its own each time: Triton, when it is busy, hangs up on those that wait.
    async with httpx.AsyncClient(timeout=30) as fresh:
        lines = (await fresh.get(mesh.endpoints.triton.metrics)).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(counted))


def files_below(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def whole_files(directory: Path) -> set[str]:
    """The names of the artifacts below it, each of which is what it says."""
    found = set()
    for description in directory.rglob(".artifact.json"):
        said = json.loads(description.read_text())
        content = next(path for path in description.parent.iterdir() if path != description).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (said["size"], said["sha256"])
        found.add(description.parent.name)
    return found


async def test_a_cancelled_render_leaves_an_idle_model_and_no_half_of_a_file(
    mesh: Mesh, http: httpx.AsyncClient, client: Client, data_dir: Path
) -> None:
    # Two stems each: all of them find a slot at once.
    song = music("a very long piece", duration=600, options={"stems": ["drums", "chords"]})
    ids = [await client.submit(song) for _ in range(3)]
    await asyncio.wait_for(asyncio.gather(*(rendering(client, job_id) for job_id in ids)), 60)
    assert await in_hand(mesh) >= 3
    # What is being written is there, so that its absence later says something.
    assert [name for name in files_below(data_dir / "work") if name.endswith(".wav")]

    for answer in await asyncio.gather(*(http.delete(f"/jobs/{job_id}") for job_id in ids)):
        assert answer.status_code == 202

    async def idle() -> bool:
        return await in_hand(mesh) == 0

    await eventually(idle, within=20)
    jobs = await asyncio.wait_for(asyncio.gather(*(client.wait(job_id) for job_id in ids)), 20)
    assert {job.state for job in jobs} == {job_pb2.JOB_STATE_CANCELLED}
    for job in jobs:
        stored = whole_files(data_dir / "artifacts" / job.job_id)
        # One may have been stored just as its attempt was stopped, so that nobody heard of it.
        assert {artifact.name for artifact in job.artifacts} <= stored
        assert not [name for name in stored if name.startswith("master")]
    assert files_below(data_dir / "artifacts" / ".staging") == []
    await eventually(lambda: _holds(files_below(data_dir / "work") == []), why=lambda: "scratch files are left")


async def _holds(what: bool) -> bool:
    return what

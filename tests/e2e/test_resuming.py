"""A worker that dies in the middle of a render costs the section in hand, and nothing that is heard."""

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

from tests.fixtures.meshes import client_of, eventually, kill, running_mesh
from tests.fixtures.songs import slowed
from tutti import structs
from tutti.client import Client, music
from tutti.v1 import job_pb2, task_pb2

SONG = music(
    "an upbeat rock song, 140 bpm",
    duration=12,
    model="track",
    options={
        "seed": 3,
        "stems": ["drums", "bass"],
        "structure": [{"section": name, "bars": 2} for name in ("intro", "verse", "chorus", "outro")],
    },
)
#: Seconds between pieces, of which a section has two.
PAUSE = 0.7
#: Without these a render would be over before it was killed.
SECTIONS = 4


def digests(job: job_pb2.Job) -> dict[str, str]:
    """Of everything but the manifest, which says when and how long."""
    assert job.state == job_pb2.JOB_STATE_SUCCEEDED, job.failure
    found = {artifact.name: artifact.sha256 for artifact in job.artifacts}
    assert {"master.wav", "drums.wav", "bass.wav", "composition.mid"} <= found.keys()
    assert len(found) == len(job.artifacts), "something is listed twice"
    for task in job.tasks:
        if task.kind == "muscgen.render":
            # Whoever made them, the sections of the result are on the list, and no others.
            sections = structs.to_dict(task.result)["sections"]
            assert len(sections) == SECTIONS
            assert [section["key"] for section in sections] == [artifact.key for artifact in task.artifacts]
    del found["manifest.json"]
    return found


async def rendering(client: Client, job_id: str) -> bool:
    """Whether each render has a section behind it and one before it."""
    renders = [task for task in (await client.get(job_id)).tasks if task.kind == "muscgen.render"]
    return all(1 <= len(task.checkpoint.artifacts) < SECTIONS for task in renders)


@pytest.mark.slow
async def test_a_render_goes_on_from_its_last_section_and_sounds_as_if_nothing_had_happened(tmp_path: Path) -> None:
    async with (
        running_mesh(tmp_path / "data", triton=True) as mesh,
        client_of(mesh.endpoints) as client,
    ):
        undisturbed = digests(await client.wait(await client.submit(SONG)))
        job_id = await client.submit(slowed(await client.plan(SONG), PAUSE))
        await eventually(lambda: rendering(client, job_id), within=60)
        (worker,) = mesh.endpoints.workers
        kill(worker.pid)
        job = await asyncio.wait_for(client.wait(job_id), 120)

        assert digests(job) == undisturbed
        kept, made = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        async for event in client.watch(job_id):
            if event.HasField("checkpoint") and event.attempt == 1:
                kept[event.task] = [artifact.name for artifact in event.checkpoint.artifacts]
            if event.HasField("artifact") and event.attempt > 1:
                made[event.task].append(event.artifact.name)
        for task in job.tasks:
            if task.kind == "muscgen.render":
                assert task.attempt == 2
                assert task.state == task_pb2.TASK_STATE_SUCCEEDED
                # What the first attempt had finished was not made again.
                assert kept[task.name]
                assert len(kept[task.name]) + len(made[task.name]) == SECTIONS
                assert not set(kept[task.name]) & set(made[task.name])
                assert [artifact.name for artifact in task.artifacts] == [*kept[task.name], *made[task.name]]
                assert {artifact.key.split("/")[2] for artifact in task.artifacts} == {"1", "2"}
                assert all(artifact.url for artifact in task.artifacts)

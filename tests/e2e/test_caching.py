"""Work that is spared, seen through the public doors of a whole mesh, and in a file that whoever works writes to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.fixtures.meshes import client_of, eventually, http_of, kill, running_mesh
from tutti import structs
from tutti.client import Client, plan, step, task
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")

SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    async with running_mesh(tmp_path_factory.mktemp("caching") / "data", orchestrators=2, workers=2) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(mesh: Mesh) -> AsyncIterator[Client]:
    async with client_of(mesh.endpoints) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def http(mesh: Mesh) -> AsyncIterator[httpx.AsyncClient]:
    async with http_of(mesh.endpoints) as http:
        yield http


class Effects:
    """Which jobs really computed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def jobs(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []

    async def begun(self, count: int = 1) -> None:
        async def enough() -> bool:
            return len(self.jobs()) >= count

        await eventually(enough, why=lambda: f"computed: {self.jobs()}")

    def spec(self, value: str = "la", seconds: float = 0, *, cache: bool = True) -> job_pb2.JobSpec:
        return task("test.cached", {"path": str(self.path), "value": value, "seconds": seconds}, cache=cache)


@pytest.fixture
def effects(tmp_path: Path) -> Effects:
    return Effects(tmp_path / "effects")


async def test_equal_jobs_at_once_are_computed_once(client: Client, effects: Effects) -> None:
    first = await client.submit(effects.spec(seconds=1))
    others = await asyncio.gather(*(client.submit(effects.spec(seconds=1), owner=f"o{n}") for n in range(20)))

    ended = [await client.wait(job_id, owner=f"o{n}") for n, job_id in enumerate(others)]
    done = await client.wait(first)

    assert len(effects.jobs()) == 1
    assert {job.state for job in (done, *ended)} == {SUCCEEDED}
    assert {job.tasks[0].result["value"] for job in (done, *ended)} == {"la"}
    assert sum(job.tasks[0].cached for job in (done, *ended)) == 20


async def test_a_job_that_has_been_done_is_answered_with_its_files(
    client: Client, http: httpx.AsyncClient, effects: Effects
) -> None:
    await client.wait(await client.submit(effects.spec("do re mi")))

    answer = await http.post(
        "/jobs", json={"kind": "test.cached", "input": {"path": str(effects.path), "value": "do re mi", "seconds": 0}}
    )
    job_id = answer.json()["jobId"]

    async def ended() -> Any:
        job = (await http.get(f"/jobs/{job_id}")).json()
        return job if job["status"] == "SUCCEEDED" else None

    job = await eventually(ended)
    assert job["tasks"][0]["cached"] is True
    assert len(effects.jobs()) == 1
    (artifact,) = job["artifacts"]
    downloaded = await http.get(artifact["url"])
    assert downloaded.text == "do re mi"
    assert (artifact["task"], artifact["name"]) == ("main", "value.txt")


async def test_with_the_cache_off_everything_is_done(client: Client, effects: Effects) -> None:
    for cache in (True, False, False):
        await client.wait(await client.submit(effects.spec(cache=cache)))

    assert len(effects.jobs()) == 3


async def test_a_later_task_reads_the_file_of_one_that_was_spared(client: Client, effects: Effects) -> None:
    await client.wait(await client.submit(effects.spec("fa")))
    steps = [
        step("make", "test.cached", {"path": str(effects.path), "value": "fa", "seconds": 0}),
        step("read", "test.read", {"file": "${make.result.file}"}),
    ]

    job = await client.wait(await client.submit(plan(steps)))

    assert (job.state, job.failure.message) == (SUCCEEDED, "")
    assert [task.cached for task in job.tasks] == [True, False]
    assert job.tasks[1].result["text"] == "fa"
    assert len(effects.jobs()) == 1


async def test_a_file_of_another_job_is_still_nobody_elses(client: Client, effects: Effects) -> None:
    theirs = await client.wait(await client.submit(effects.spec("sol")))
    described = structs.to_dict(theirs.tasks[0].result)["file"]
    spec = task("test.read", {"file": described})
    spec.retry.max_attempts = 1

    job = await client.wait(await client.submit(spec, owner="curious"), owner="curious")

    assert job.state == job_pb2.JOB_STATE_FAILED
    assert "another job" in job.failure.message


async def test_when_the_job_that_computes_is_cancelled_another_computes(client: Client, effects: Effects) -> None:
    first = await client.submit(effects.spec(seconds=3))
    await effects.begun()
    second = await client.submit(effects.spec(seconds=3))

    await client.cancel(first)

    assert (await client.wait(second)).state == SUCCEEDED
    assert effects.jobs() == [first, second]


async def test_when_every_orchestrator_dies_the_attempt_goes_on_and_all_get_its_result(
    tmp_path: Path, effects: Effects
) -> None:
    async with running_mesh(tmp_path / "data", orchestrators=2, workers=2) as mesh, client_of(mesh.endpoints) as client:
        spec = effects.spec(seconds=5)
        jobs = await asyncio.gather(*(client.submit(spec) for _ in range(10)))
        await effects.begun()
        for replica in mesh.endpoints.orchestrators:
            kill(replica.pid)
        ended = [await asyncio.wait_for(client.wait(job_id), 60) for job_id in jobs]

    assert {job.state for job in ended} == {SUCCEEDED}
    assert len(effects.jobs()) == 1

"""What happens when something dies: nothing acknowledged is lost, nothing is seen twice, nothing runs twice."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.fixtures.meshes import client_of, eventually, http_of, kill, ready_workers, running_mesh
from tutti.client import Client, task
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    """Two of everything; each test leaves it whole again, for the supervisor restarts what was killed."""
    data_dir = tmp_path_factory.mktemp("survival") / "data"
    async with running_mesh(data_dir, orchestrators=2, schedulers=2, workers=2) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(mesh: Mesh) -> AsyncIterator[Client]:
    async with client_of(mesh.endpoints) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(mesh: Mesh) -> AsyncIterator[httpx.AsyncClient]:
    async with http_of(mesh.endpoints) as http:
        yield http


async def whole(mesh: Mesh, client: Client) -> None:
    async def both() -> bool:
        return await ready_workers(client) == 2

    await eventually(both, within=40)


async def started(client: Client, job_id: str) -> None:
    async for event in client.watch(job_id):
        if event.HasField("progress"):
            return


async def watched_to_the_end(client: Client, job_id: str) -> list[job_pb2.Event]:
    return [event async for event in client.watch(job_id)]


def check_log(events: list[job_pb2.Event]) -> None:
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert sum(event.HasField("job_moved") and event.job_moved.state >= 4 for event in events) == 1


async def test_jobs_of_a_killed_worker_are_run_by_another(mesh: Mesh, client: Client) -> None:
    await whole(mesh, client)
    ids = [await client.submit(task("test.sleep", {"seconds": 2, "steps": 20})) for _ in range(8)]
    await asyncio.gather(*(started(client, job_id) for job_id in ids))
    watching = [asyncio.create_task(watched_to_the_end(client, job_id)) for job_id in ids]

    kill(mesh.endpoints.workers[0].pid)

    logs = await asyncio.wait_for(asyncio.gather(*watching), 60)
    jobs = [await client.get(job_id) for job_id in ids]
    assert {job.state for job in jobs} == {job_pb2.JOB_STATE_SUCCEEDED}
    attempts = {job.tasks[0].attempt for job in jobs}
    assert 1 in attempts, "what the other worker ran is not disturbed"
    assert max(attempts) > 1
    for log in logs:
        check_log(log)


async def test_a_worker_that_is_told_to_stop_finishes_what_it_has(mesh: Mesh, client: Client) -> None:
    await whole(mesh, client)
    ids = [await client.submit(task("test.sleep", {"seconds": 1, "steps": 4})) for _ in range(6)]
    await asyncio.gather(*(started(client, job_id) for job_id in ids))

    os.kill(mesh.endpoints.workers[0].pid, signal.SIGTERM)

    jobs = await asyncio.wait_for(asyncio.gather(*(client.wait(job_id) for job_id in ids)), 30)
    assert {job.tasks[0].worker_id for job in jobs} == {"worker-1", "worker-2"}
    assert {(job.state, job.tasks[0].attempt) for job in jobs} == {(job_pb2.JOB_STATE_SUCCEEDED, 1)}


async def test_a_running_task_survives_its_scheduler_and_runs_once(mesh: Mesh, client: Client, tmp_path: Path) -> None:
    await whole(mesh, client)
    ids = [await client.submit(task("test.sleep", {"seconds": 4, "steps": 40})) for _ in range(4)]
    await asyncio.gather(*(started(client, job_id) for job_id in ids))
    watching = [asyncio.create_task(watched_to_the_end(client, job_id)) for job_id in ids]

    for scheduler in mesh.endpoints.schedulers:
        kill(scheduler.pid)

    logs = await asyncio.wait_for(asyncio.gather(*watching), 60)
    for job_id, log in zip(ids, logs, strict=True):
        check_log(log)
        job = await client.get(job_id)
        assert (job.state, job.tasks[0].attempt) == (job_pb2.JOB_STATE_SUCCEEDED, 1)
        runs = [event for event in log if event.HasField("task_moved") and event.task_moved.state == 4]
        assert len(runs) == 1


async def test_jobs_of_a_killed_orchestrator_are_taken_over_and_watchers_miss_nothing(
    mesh: Mesh, client: Client
) -> None:
    await whole(mesh, client)
    ids = [await client.submit(task("test.sleep", {"seconds": 5, "steps": 50})) for _ in range(6)]
    await asyncio.gather(*(started(client, job_id) for job_id in ids))
    watching = [asyncio.create_task(watched_to_the_end(client, job_id)) for job_id in ids]

    kill(mesh.endpoints.orchestrators[0].pid)

    logs = await asyncio.wait_for(asyncio.gather(*watching), 60)
    for job_id, log in zip(ids, logs, strict=True):
        check_log(log)
        assert (await client.get(job_id)).state == job_pb2.JOB_STATE_SUCCEEDED
        assert (await client.get(job_id)).tasks[0].attempt == 1


async def test_jobs_are_run_on_over_killed_orchestrators(mesh: Mesh, client: Client) -> None:
    await whole(mesh, client)
    spec = task("test.sleep", {"seconds": 1, "steps": 10})
    # Streams that are kept for more jobs lead to both replicas.
    await asyncio.gather(*(_run(client, task("test.echo", {"n": n})) for n in range(8)))
    begun: list[job_pb2.Event] = []
    running = [asyncio.create_task(_run(client, spec, begun)) for _ in range(4)]

    async def under_way() -> bool:
        return any(event.HasField("progress") for event in begun)

    await eventually(under_way)

    for replica in mesh.endpoints.orchestrators:
        kill(replica.pid)
    running += [asyncio.create_task(_run(client, spec)) for _ in range(4)]

    for log in await asyncio.wait_for(asyncio.gather(*running), 60):
        check_log(log)
        assert log[-1].job_moved.state == job_pb2.JOB_STATE_SUCCEEDED


async def _run(client: Client, spec: job_pb2.JobSpec, heard: list[job_pb2.Event] | None = None) -> list[job_pb2.Event]:
    log = []
    async for event in client.run(spec):
        log.append(event)
        if heard is not None:
            heard.append(event)
    return log


@pytest.mark.alone
async def test_a_killed_redis_comes_back_with_everything_that_was_acknowledged(mesh: Mesh, client: Client) -> None:
    await whole(mesh, client)
    ids = [await client.submit(task("test.sleep", {"seconds": 2, "steps": 4})) for _ in range(20)]
    kill(mesh.endpoints.redis.pid)

    jobs = await asyncio.wait_for(asyncio.gather(*(client.wait(job_id) for job_id in ids)), 90)
    assert {job.state for job in jobs} == {job_pb2.JOB_STATE_SUCCEEDED}
    for job_id in ids:
        check_log(await watched_to_the_end(client, job_id))


async def test_a_browser_resumes_over_a_killed_gateway(mesh: Mesh, client: Client, http: httpx.AsyncClient) -> None:
    await whole(mesh, client)
    body = {"kind": "test.sleep", "input": {"seconds": 3, "steps": 30}}
    job_id = (await http.post("/jobs", json=body)).json()["jobId"]
    seen: list[str] = []

    async def read() -> bool:
        """Follow the stream as a browser does; True once it has ended."""
        headers = {"Last-Event-ID": seen[-1]} if seen else {}
        try:
            async with http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
                if answer.status_code == 204:
                    return True
                async for line in answer.aiter_lines():
                    if line.startswith("id: "):
                        seen.append(line[4:])
                    if len(seen) == 4 and line.startswith("id: "):
                        kill(mesh.endpoints.gateway.pid)
        except httpx.TransportError:
            return False
        return False

    await eventually(read, within=60)
    assert seen == [event.event_id async for event in client.watch(job_id)]


async def test_a_second_start_on_the_same_directory_finds_its_jobs(tmp_path: Path) -> None:
    async with running_mesh(tmp_path / "data") as first, client_of(first.endpoints) as client:
        done = await client.submit(task("test.echo", {"n": 1}))
        await client.wait(done)
        running = await client.submit(task("test.sleep", {"seconds": 4, "steps": 40}))
        await started(client, running)
    async with running_mesh(tmp_path / "data") as second, client_of(second.endpoints) as client:
        assert (await client.get(done)).state == job_pb2.JOB_STATE_SUCCEEDED
        job = await asyncio.wait_for(client.wait(running), 60)
        assert job.state == job_pb2.JOB_STATE_SUCCEEDED
        check_log(await watched_to_the_end(client, running))

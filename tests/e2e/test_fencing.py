"""Processes that are paused for longer than what they hold is good for, and then go on: they change nothing."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from services.scheduler.config import SchedulerSettings
from tests.builders import seconds
from tests.fixtures.journal import Journal
from tests.fixtures.meshes import client_of, eventually, kill, ready_workers, running_mesh
from tutti import errors, lanes, rpc
from tutti.client import Client, task
from tutti.embedded import Mesh
from tutti.embedded.endpoints import Replica
from tutti.v1 import job_pb2, task_pb2, worker_pb2, worker_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
#: Leases are short, because the tests wait for them to run out. A new leader waits long for what runs to be named: how
#: soon workers notice that theirs hangs depends on what else keeps the machine busy.
ENVIRONMENT = {
    "TUTTI_LEASE_SECONDS": "2",
    "TUTTI_LEADER_LEASE_SECONDS": "1",
    "TUTTI_SETTLE_SECONDS": "12",
    "HEARTBEAT_TTL_SEC": "3",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    data_dir = tmp_path_factory.mktemp("fencing") / "data"
    async with running_mesh(data_dir, orchestrators=2, schedulers=2, workers=2, environment=ENVIRONMENT) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(mesh: Mesh) -> AsyncIterator[Client]:
    async with client_of(mesh.endpoints) as client:
        yield client


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(path=tmp_path / "journal")


@contextmanager
def paused(replica: Replica) -> Iterator[None]:
    os.kill(replica.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(replica.pid, signal.SIGCONT)


async def metric(replica: Replica, *names: str) -> float:
    """The sum of some counters or gauges over their labels; 0 while the process does not answer."""
    try:
        async with httpx.AsyncClient(timeout=5) as http:
            text = (await http.get(replica.metrics)).text
    except httpx.TransportError:
        return 0.0
    values = [line for line in text.splitlines() if line.partition(" ")[0].partition("{")[0] in names]
    return sum(float(line.rpartition(" ")[2]) for line in values)


async def leader(replicas: Sequence[Replica]) -> Replica | None:
    for replica in replicas:
        if await metric(replica, "tutti_scheduler_leader") == 1:
            return replica
    return None


async def whole(mesh: Mesh, client: Client) -> Replica:
    """Both workers are there; returns the leading scheduler."""

    async def settled() -> Replica | None:
        return await leader(mesh.endpoints.schedulers) if await ready_workers(client) == 2 else None

    found: Replica = await eventually(settled, within=60)
    return found


async def until(check: Callable[[], object], *, within: float = 60.0, why: str = "") -> None:
    async def asked() -> object:
        return check()

    await eventually(asked, within=within, why=lambda: why)


async def watched_to_the_end(client: Client, job_id: str) -> list[job_pb2.Event]:
    return [event async for event in client.watch(job_id)]


def watch_all(client: Client, ids: Sequence[str]) -> "Awaitable[list[list[job_pb2.Event]]]":
    watching = [asyncio.create_task(watched_to_the_end(client, job_id), name=f"watch-{job_id}") for job_id in ids]
    return asyncio.wait_for(asyncio.gather(*watching), 90)


async def first_checkpoint(client: Client, job_id: str) -> None:
    """Return once one is recorded."""
    async with aclosing(client.watch(job_id)) as events:
        async for event in events:
            if event.HasField("checkpoint"):
                return


def check_logs(logs: Sequence[Sequence[job_pb2.Event]]) -> None:
    for log in logs:
        assert [event.sequence for event in log] == list(range(1, len(log) + 1))
        ends = [event.job_moved.state for event in log if event.HasField("job_moved") and event.job_moved.state >= 4]
        assert ends == [SUCCEEDED]


async def test_a_paused_orchestrator_finds_its_jobs_taken_and_changes_nothing(
    mesh: Mesh, client: Client, journal: Journal
) -> None:
    await whole(mesh, client)
    zombie, other = mesh.endpoints.orchestrators
    later = task_pb2.RetryPolicy(initial_backoff=seconds(4), max_backoff=seconds(4))
    async with Client([zombie.address]) as direct:
        running = [await direct.submit(journal.spec(seconds=9, steps=90)) for _ in range(3)]
        failing = await direct.submit(journal.spec(seconds=0.1, steps=1, fails=1, retry=later))

    async def waits_for_its_second_attempt() -> bool:
        return (await client.get(failing)).tasks[0].attempt == 2

    await eventually(waits_for_its_second_attempt)
    await until(lambda: all(journal.lines(job_id) for job_id in running))
    watching = watch_all(client, [*running, failing])
    refused = ("tutti_fenced_commits_total", "tutti_stale_updates_total")
    before = await metric(zombie, *refused)
    taken = await metric(other, "tutti_job_take_overs_total")
    with paused(zombie):

        async def taken_over() -> bool:
            return await metric(other, "tutti_job_take_overs_total") >= taken + 4

        await eventually(taken_over, within=60)
        await until(lambda: ("end", 2) in journal.told(failing), why="the successor runs the second attempt")

    async def lets_go() -> bool:
        return await metric(zombie, *refused) > before and await metric(zombie, "tutti_jobs_driven") == 0

    await eventually(lets_go, within=30)
    check_logs(await watching)
    assert [journal.told(job_id) for job_id in running] == [[("begin", 1), ("end", 1)]] * 3
    assert journal.told(failing) == [("begin", 1), ("fail", 1), ("begin", 2), ("end", 2)]


async def test_a_paused_leader_steps_down_and_nothing_runs_twice(mesh: Mesh, client: Client, journal: Journal) -> None:
    zombie = await whole(mesh, client)
    standbys = [replica for replica in mesh.endpoints.schedulers if replica != zombie]
    ids = [await client.submit(journal.spec(seconds=10, steps=100)) for _ in range(4)]
    await until(lambda: all(journal.lines(job_id) for job_id in ids))
    watching = watch_all(client, ids)
    led = await metric(standbys[0], "tutti_tasks_attached_total")
    with paused(zombie):

        async def attached() -> bool:
            return await metric(standbys[0], "tutti_tasks_attached_total") >= led + 4

        await eventually(attached, within=60)
        meanwhile = await client.submit(journal.spec(seconds=0, steps=1))
        await until(lambda: ("end", 1) in journal.told(meanwhile), why="the new leader places what is new")

    async def steps_down() -> bool:
        return await leader([zombie]) is None and await leader(standbys) is not None

    await eventually(steps_down, within=30)
    for worker in mesh.endpoints.workers:
        async with rpc.channel([worker.address]) as channel:
            stub = worker_pb2_grpc.WorkerServiceStub(channel)
            with pytest.raises(errors.PreconditionFailed) as caught:
                await lanes.Lane(stub.Execute).call(worker_pb2.ExecuteRequest(term=1), timeout=10)
        assert caught.value.reason == "STALE_EPOCH"
        assert await metric(worker, "tutti_worker_stale_calls_total") >= 1
    check_logs(await watching)
    assert [journal.told(job_id) for job_id in ids] == [[("begin", 1), ("end", 1)]] * 4


async def test_a_paused_worker_stops_what_others_have_and_takes_new_work(
    mesh: Mesh, client: Client, journal: Journal
) -> None:
    leading = await whole(mesh, client)
    ids = [await client.submit(journal.spec(seconds=8, steps=40)) for _ in range(6)]

    async def of_the_first_worker() -> list[str]:
        jobs = [await client.get(job_id) for job_id in ids]
        started = all(job.tasks[0].worker_id and journal.lines(job.job_id) for job in jobs)
        return [job.job_id for job in jobs if job.tasks[0].worker_id == "worker-1"] if started else []

    lost = await eventually(of_the_first_worker)
    await asyncio.wait_for(asyncio.gather(*(first_checkpoint(client, job_id) for job_id in lost)), 30)
    watching = watch_all(client, ids)
    refused = await metric(leading, "tutti_scheduler_stale_updates_total")
    with paused(mesh.endpoints.workers[0]):
        await until(lambda: all(("begin", 2) in journal.told(job_id) for job_id in lost), why="they run elsewhere")

    await until(lambda: all(("cancelled", 1) in journal.told(job_id) for job_id in lost), why="the zombies stop")

    async def counted() -> bool:
        return await metric(leading, "tutti_scheduler_stale_updates_total") > refused

    await eventually(counted, within=30)
    await whole(mesh, client)
    more = [await client.submit(task("test.sleep", {"seconds": 0.2})) for _ in range(8)]
    jobs = await asyncio.wait_for(asyncio.gather(*(client.wait(job_id) for job_id in more)), 60)
    assert {job.tasks[0].worker_id for job in jobs} == {"worker-1", "worker-2"}

    check_logs(await watching)
    for job_id in ids:
        attempts = 2 if job_id in lost else 1
        job = await client.get(job_id)
        assert (job.state, job.tasks[0].attempt) == (SUCCEEDED, attempts)
        assert [line.attempt for line in journal.lines(job_id) if line.what == "end"] == [attempts]
        if job_id in lost:
            # From the last checkpoint that was recorded, not from the beginning.
            assert next(line.done for line in journal.lines(job_id) if (line.what, line.attempt) == ("begin", 2)) > 0


async def test_a_ten_second_task_survives_its_scheduler_with_one_execution(
    mesh: Mesh, client: Client, journal: Journal
) -> None:
    leading = await whole(mesh, client)
    job_id = await client.submit(journal.spec(seconds=10, steps=100))
    await until(lambda: bool(journal.lines(job_id)))
    watching = watch_all(client, [job_id])

    kill(leading.pid)

    check_logs(await watching)
    assert journal.told(job_id) == [("begin", 1), ("end", 1)]
    assert (await client.get(job_id)).tasks[0].attempt == 1


async def test_the_last_checkpoint_outlives_its_orchestrator_and_its_worker(
    mesh: Mesh, client: Client, journal: Journal
) -> None:
    await whole(mesh, client)
    driving = mesh.endpoints.orchestrators[0]
    async with Client([driving.address]) as direct:
        job_id = await direct.submit(journal.spec(seconds=10, steps=50))

    await asyncio.wait_for(first_checkpoint(client, job_id), 30)
    other, counter = mesh.endpoints.orchestrators[1], "tutti_job_take_overs_total"
    taken = await metric(other, counter)
    kill(driving.pid)

    async def taken_over() -> bool:
        # By the other one, or by the process that is started in its place and begins to count at 0.
        return await metric(other, counter) > taken or await metric(driving, counter) > 0

    await eventually(taken_over, within=30)
    running_on = (await client.get(job_id)).tasks[0].worker_id
    kill(next(worker.pid for worker in mesh.endpoints.workers if worker.name == running_on))

    check_logs(await watch_all(client, [job_id]))
    second = [line for line in journal.lines(job_id) if line.attempt == 2]
    assert [line.what for line in second] == ["begin", "end"]
    assert second[0].done > 0


async def test_a_lone_scheduler_that_was_paused_goes_on_where_it_was(tmp_path: Path, journal: Journal) -> None:
    """For longer than its lease, than the workers' heartbeats and than any connection lasts."""
    async with (
        running_mesh(tmp_path / "data", workers=2, environment=ENVIRONMENT) as mesh,
        client_of(mesh.endpoints) as client,
    ):
        ids = [await client.submit(journal.spec(seconds=12, steps=60)) for _ in range(4)]
        await until(lambda: all(journal.lines(job_id) for job_id in ids))
        watching = watch_all(client, ids)
        (scheduler,) = mesh.endpoints.schedulers
        with paused(scheduler):
            # Every checkpoint is said while nobody hears it.
            done = time.monotonic() + 7
            await until(lambda: time.monotonic() > done)

        check_logs(await watching)
        assert [journal.told(job_id) for job_id in ids] == [[("begin", 1), ("end", 1)]] * 4
        assert await metric(scheduler, "tutti_attempts_lost_total") == 0


@pytest.mark.alone
async def test_a_standby_leads_soon_with_default_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with (
        running_mesh(tmp_path / "data", schedulers=2, environment={}) as mesh,
        client_of(mesh.endpoints) as client,
    ):
        first = await eventually(lambda: leader(mesh.endpoints.schedulers))
        standby = next(replica for replica in mesh.endpoints.schedulers if replica != first)
        await client.wait(await client.submit(task("test.echo")))

        # Killed, it would be started again at once, and might be the one that is elected.
        with paused(first):
            silent = time.monotonic()
            await eventually(lambda: leader([standby]), within=60)
            led = time.monotonic() - silent
            job = await asyncio.wait_for(client.wait(await client.submit(task("test.echo"))), 60)
            ran = time.monotonic() - silent

        assert job.state == SUCCEEDED
        with capsys.disabled():
            print(f"\na standby led {led:.1f} s after the leader fell silent, the next job had run after {ran:.1f} s")  # noqa: T201
        assert SchedulerSettings().leader_lease_seconds < 5

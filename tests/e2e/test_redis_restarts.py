"""Redis killed again and again under load: what was acknowledged is there, nothing is there twice, and everybody finds
back by themselves. And what is left of it all in Redis when its time is over: nothing."""

import asyncio
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from services.orchestrator.store import keys
from tests.fixtures.keyspace import leftovers
from tests.fixtures.meshes import client_of, eventually, kill, running_mesh
from tutti import redis_client
from tutti.client import Client, task
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

JOBS, SUBMITTERS, KILLS = 300, 10, 4
RESTING = {job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED}

# Alone: while a disk is slow to sync, Redis keeps what it has acknowledged to itself for up to two seconds.
pytestmark = [pytest.mark.timeout(300), pytest.mark.alone]


def specs(effects: Path) -> list[job_pb2.JobSpec]:
    made = []
    for n in range(JOBS):
        made.append(
            (
                lambda n: task("test.echo", {"n": n}),
                lambda n: task("test.sleep", {"seconds": 0.3, "steps": 3}),
                lambda n: task("test.ticks", {"count": 5, "pause": 0.02}),
                lambda n: task("test.fail", {"times": 1 if n % 12 == 3 else 99}),
                lambda n: task("test.effect", {"path": str(effects), "line": str(n)}),
                lambda n: task("test.sleep", {"seconds": 600}),
            )[n % 6](n)
        )
        made[-1].retry.initial_backoff.nanos = 10_000_000
    return made


def outcome(n: int) -> job_pb2.JobState.ValueType:
    if n % 6 == 5:
        return job_pb2.JOB_STATE_CANCELLED
    return job_pb2.JOB_STATE_FAILED if n % 12 == 9 else job_pb2.JOB_STATE_SUCCEEDED


class Load:
    """Submitters that repeat themselves with their request ids, and a watcher for each job that was accepted."""

    def __init__(self, client: Client, specs: list[job_pb2.JobSpec]) -> None:
        self.client = client
        self.specs = specs
        self.accepted: dict[int, str] = {}
        self.watching: dict[str, asyncio.Task[list[job_pb2.Event]]] = {}

    async def run(self) -> None:
        await asyncio.gather(*(self._submit(range(first, JOBS, SUBMITTERS)) for first in range(SUBMITTERS)))

    async def logs(self) -> dict[str, list[job_pb2.Event]]:
        return dict(zip(self.watching, await asyncio.gather(*self.watching.values()), strict=True))

    async def _submit(self, numbers: range) -> None:
        for n in numbers:
            job_id = await self.client.submit(self.specs[n], request_id=f"request-{n}")
            self.accepted[n] = job_id
            self.watching[job_id] = asyncio.create_task(self._watch(job_id), name=f"watch-{n}")
            if n % 6 == 5:
                # It would run for ten minutes: the wish must be durable too.
                await self.client.cancel(job_id)

    async def _watch(self, job_id: str) -> list[job_pb2.Event]:
        return [event async for event in self.client.watch(job_id)]


async def restarted(mesh: Mesh) -> None:
    """Kill Redis, and return once another is there in its place."""
    former = mesh.endpoints.redis.pid
    kill(former)

    async def again() -> bool:
        return mesh.endpoints.redis.pid not in (0, former)

    await eventually(again, within=60)


async def _reached(load: Load, running: "asyncio.Task[None]", jobs: int) -> bool:
    return len(load.accepted) >= jobs or running.done()


async def test_a_redis_that_is_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async with (
        running_mesh(tmp_path / "data", orchestrators=2, schedulers=2, workers=2) as mesh,
        client_of(mesh.endpoints) as client,
    ):
        load = Load(client, specs(tmp_path / "effects"))
        running = asyncio.create_task(load.run(), name="load")
        for number in range(1, KILLS + 1):
            due = number * JOBS // (KILLS + 1)
            await eventually(partial(_reached, load, running, due), within=120)
            await restarted(mesh)
        await asyncio.wait_for(running, 120)
        logs = await asyncio.wait_for(load.logs(), 120)

        assert len(set(load.accepted.values())) == JOBS
        for job_id, log in logs.items():
            check_log(log)
            assert [event.event_id for event in log] == [event.event_id async for event in client.watch(job_id)]
        jobs = {n: await client.get(job_id) for n, job_id in load.accepted.items()}
        assert {n: job.state for n, job in jobs.items()} == {n: outcome(n) for n in range(JOBS)}
        # Attempts run at least once; an effect may be there twice, but none may be missing.
        effects = set((tmp_path / "effects").read_text().split())
        assert effects == {str(n) for n in range(JOBS) if n % 6 == 4}
        for n in range(0, JOBS, 7):
            assert await client.submit(load.specs[n], request_id=f"request-{n}") == load.accepted[n]
        assert await listed(client) == Counter(load.accepted.values())
        await nothing_waits(mesh)


async def test_nothing_is_left_in_redis_when_its_time_is_over(tmp_path: Path) -> None:
    short = {
        "TUTTI_RETENTION_SECONDS": "3",
        "TUTTI_DEAD_RETENTION_SECONDS": "3",
        "TUTTI_REQUEST_TTL_SECONDS": "3",
        "TUTTI_LEASE_SECONDS": "1",
        "TUTTI_LEADER_LEASE_SECONDS": "1",
    }
    async with (
        running_mesh(tmp_path / "data", orchestrators=2, workers=2, environment=short) as mesh,
        client_of(mesh.endpoints) as client,
    ):
        load = Load(client, specs(tmp_path / "effects"))
        running = asyncio.create_task(load.run(), name="load")
        await eventually(partial(_reached, load, running, JOBS // 3), within=120)
        kill(mesh.endpoints.orchestrators[0].pid)
        await asyncio.wait_for(running, 120)
        await asyncio.wait_for(load.logs(), 120)

        redis = redis_client.connect(mesh.endpoints.redis.url)
        try:
            left: list[str] = []

            async def empty() -> bool:
                left[:] = await leftovers(redis)
                return not left

            await eventually(empty, within=60, why=lambda: "\n".join(left))
        finally:
            await redis.aclose()


async def listed(client: Client) -> "Counter[str]":
    found: Counter[str] = Counter()
    token = ""
    while True:
        page = await client.jobs(page_size=200, page_token=token)
        found.update(job.job_id for job in page.jobs)
        token = page.next_page_token
        if not token:
            return found


def check_log(events: list[job_pb2.Event]) -> None:
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert sum(event.HasField("job_moved") and event.job_moved.state in RESTING for event in events) == 1
    assert events[-1].job_moved.state in RESTING


async def nothing_waits(mesh: Mesh) -> None:
    redis = redis_client.connect(mesh.endpoints.redis.url)
    try:
        for stream in keys.streams(0):
            assert await redis.xlen(stream) == 0
            assert (await redis.xpending(stream, keys.GROUP))["pending"] == 0
    finally:
        await redis.aclose()

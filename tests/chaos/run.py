"""One run, from a scenario to what was found: a mesh of its own, callers and faults side by side, then the look."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.orchestrator.store.jobs import JobStore
from tests.chaos import collect, faults, found, scenario
from tests.chaos.counters import Counters
from tests.chaos.scenario import Scenario
from tests.chaos.workload import Workload
from tests.fixtures.meshes import client_of, ready_workers
from tests.fixtures.waiting import eventually_true
from tutti import errors, process, redis_client
from tutti.embedded import Mesh, MeshOptions

#: Seconds that the mesh has, once the faults are over, to finish everything. The supervisor alone may wait ten before
#: it starts a part again that died often.
CALM = 90.0


@dataclass(frozen=True, kw_only=True)
class Ran:
    found: found.Found
    counted: Counters


async def run(drawn: Scenario, data_dir: Path, *, say: Callable[[str], None]) -> Ran:
    announced: list[str] = []

    def announce(line: str) -> None:
        announced.append(line)
        say(line)

    async with _mesh(drawn, data_dir, announce) as mesh:
        log, done, counted = data_dir / "effects.log", list[faults.Done](), Counters(mesh)
        workload = Workload(drawn, mesh.endpoints, log)
        async with _beside(counted.run()):
            await _attack(drawn, mesh, workload, done)
            say("the faults are over; waiting for everything to end")
            async with _store(mesh) as store:
                await _settled(store, mesh, workload)
                jobs = await collect.jobs_of(store)
                left = await collect.leftovers(store, jobs)
    deaths = collect.strange_deaths(announced, done)
    return Ran(
        found=found.Found(
            scenario=drawn,
            accepted=workload.accepted,
            jobs=jobs,
            effects=found.read_effects(log),
            followed=workload.followed,
            faults=done,
            leftovers=left,
            surprises=[*workload.surprises, *deaths, *collect.logged_errors(data_dir / "logs")],
        ),
        counted=counted,
    )


async def _attack(drawn: Scenario, mesh: Mesh, workload: Workload, done: list[faults.Done]) -> None:
    """Callers and faults at the same time. Callers who are still waiting long after the last fault are given up."""
    working = asyncio.create_task(workload.run(), name="workload")
    try:
        await faults.commit(mesh, drawn.faults, done)
        await asyncio.wait([working], timeout=CALM)
        if working.done():
            working.result()
    finally:
        if not working.done():
            working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _settled(store: JobStore, mesh: Mesh, workload: Workload) -> None:
    """Wait until every job is at rest and every part is back. What is not by then is what the verdict will find."""

    async def nothing_left() -> bool:
        with contextlib.suppress(errors.Unavailable), redis_client.translated():
            return not await collect.unfinished(store)
        return False

    try:
        await eventually_true(nothing_left, seconds=CALM)
    except AssertionError:
        workload.surprises.append(f"jobs were still unfinished {CALM:g} s after the last fault")
    async with client_of(mesh.endpoints) as client:

        async def whole() -> bool:
            return await ready_workers(client) == len(scenario.WORKERS)

        try:
            await eventually_true(whole, seconds=CALM)
        except (AssertionError, errors.TuttiError):
            workload.surprises.append(f"the fleet was still not whole {CALM:g} s after the last fault")


@contextlib.asynccontextmanager
async def _mesh(drawn: Scenario, data_dir: Path, announce: Callable[[str], None]) -> AsyncIterator[Mesh]:
    options = MeshOptions(
        data_dir=data_dir,
        gateway_port=0,
        orchestrators=len(scenario.ORCHESTRATORS),
        schedulers=len(scenario.SCHEDULERS),
        workers=len(scenario.WORKERS),
        test_handlers=True,
        triton=False,
        start_timeout_seconds=90.0,
        environment={
            "TUTTI_LEASE_SECONDS": str(scenario.ORCHESTRATOR_LEASE),
            "TUTTI_LEADER_LEASE_SECONDS": str(scenario.LEADER_LEASE),
            "HEARTBEAT_TTL_SEC": str(scenario.HEARTBEAT_TTL),
            "TUTTI_SETTLE_SECONDS": str(scenario.SETTLE),
            "TUTTI_PARTITIONS": str(drawn.partitions),
        },
    )
    async with Mesh(options, announce=announce) as mesh:
        yield mesh


@contextlib.asynccontextmanager
async def _store(mesh: Mesh) -> AsyncIterator[JobStore]:
    """A look at the truth itself."""
    store = JobStore(mesh.endpoints.redis.url, retention_seconds=1, dead_retention_seconds=1, request_ttl_seconds=1)
    try:
        await process.wait_for(lambda: store.open(1), what="Redis")
        yield store
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def _beside(body: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something that goes on until the block ends."""
    task = asyncio.create_task(body, name="counters")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

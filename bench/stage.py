"""The mesh that is measured: two workers, no models, a Redis of its own. Also how its queue is held and released, and
how to tell that all of its jobs have ended."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc

from services.orchestrator.store import keys
from tutti import redis_client, rpc
from tutti.client import Client
from tutti.client.client import SCHEDULER
from tutti.embedded.children import Child
from tutti.embedded.endpoints import Endpoints
from tutti.embedded.mesh import Mesh
from tutti.embedded.options import MeshOptions
from tutti.embedded.programs import Programs
from tutti.redis_client import Connection
from tutti.v1 import scheduler_pb2, scheduler_pb2_grpc

#: Attempts that a worker runs at a time: a no-op leaves its slot before the scheduler hears of it.
SLOTS = 256
KIND = "test.echo"
POLL_SECONDS = 0.01
CALL_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Stage:
    mesh: Mesh
    client: Client
    redis: Connection
    scheduler: scheduler_pb2_grpc.SchedulerServiceStub

    @property
    def endpoints(self) -> Endpoints:
        return self.mesh.endpoints

    async def waiting(self) -> int:
        """Jobs that have not ended: an entry leaves its stream in the same script that records its job's end."""
        async with self.redis.pipeline(transaction=False) as pipeline:
            for stream in keys.streams(0):
                pipeline.xlen(stream)
            return sum(await pipeline.execute())

    async def fewer_than(self, jobs: int) -> None:
        """Return once fewer jobs than that have yet to end."""
        while await self.waiting() >= jobs:  # noqa: ASYNC110  the answer lies in another process
            await asyncio.sleep(POLL_SECONDS)

    async def drained(self) -> None:
        await self.fewer_than(1)

    async def queued(self, jobs: int) -> None:
        """Return once the scheduler holds so many jobs back."""
        while True:
            queues = await self.scheduler.GetQueues(scheduler_pb2.GetQueuesRequest(), timeout=CALL_SECONDS)
            if sum(queue.depth for queue in queues.queues if queue.kind == KIND) >= jobs:
                return
            await asyncio.sleep(POLL_SECONDS)

    async def hold(self) -> None:
        """From now on nothing is placed, and jobs are accepted as ever."""
        try:
            await self.scheduler.PauseQueue(scheduler_pb2.PauseQueueRequest(kind=KIND), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            await _stop_workers(self.mesh)

    async def release(self, jobs: int) -> None:
        """Let go of so many held jobs. Returns with the first of them placed."""
        try:
            await self.scheduler.ResumeQueue(scheduler_pb2.ResumeQueueRequest(kind=KIND), timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                raise
            await _start_workers(self.mesh)
            await self.fewer_than(jobs)


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="tutti-bench-") as directory:
        async with Mesh(_options(Path(directory))) as mesh:
            endpoints = mesh.endpoints
            redis = redis_client.connect(endpoints.redis.url)
            async with (
                Client(endpoints.orchestrator_addresses) as client,
                rpc.channel(endpoints.scheduler_addresses, service=SCHEDULER) as channel,
                contextlib.aclosing(redis),
            ):
                scheduler = scheduler_pb2_grpc.SchedulerServiceStub(channel)
                yield Stage(mesh=mesh, client=client, redis=redis, scheduler=scheduler)


def _options(directory: Path) -> MeshOptions:
    return MeshOptions(
        data_dir=directory,
        gateway_port=0,
        workers=2,
        worker_concurrency=SLOTS,
        test_handlers=True,
        triton=False,
        environment={"LOG_LEVEL": "WARNING"},
    )


# A scheduler that cannot hold a queue yet has its workers taken away instead, and given back once everything waits. The
# mesh offers that to nobody, so it is done behind its back.


async def _stop_workers(mesh: Mesh) -> None:
    await asyncio.gather(*(worker.stop(CALL_SECONDS) for worker in _worker_stage(mesh)))


async def _start_workers(mesh: Mesh) -> None:
    assert mesh._layout is not None  # noqa: S101  the mesh is running
    stopped = _worker_stage(mesh)
    stopped[:] = mesh._add(Programs(mesh._options, mesh._layout).workers())
    mesh._stages.pop()
    await asyncio.gather(*(worker.started() for worker in stopped))


def _worker_stage(mesh: Mesh) -> list[Child]:
    return next(stage for stage in mesh._stages if stage and stage[0].name.startswith("worker"))

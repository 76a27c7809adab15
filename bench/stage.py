"""The mesh that is measured: two workers, no models, a Redis of its own. Also how its queue is held and released, and
how to tell that all of its jobs have ended."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from services.orchestrator.store import keys
from tutti import redis_client, rpc
from tutti.client import Client
from tutti.client.client import SCHEDULER
from tutti.embedded.endpoints import Endpoints
from tutti.embedded.mesh import Mesh
from tutti.embedded.options import MeshOptions
from tutti.redis_client import Connection
from tutti.v1 import scheduler_pb2, scheduler_pb2_grpc

#: Attempts that a worker runs at a time: a no-op leaves its slot before the scheduler hears of it.
SLOTS = 256
KIND = "test.echo"
POLL_SECONDS = 0.01
CALL_SECONDS = 30.0
#: A metric of the orchestrators.
SUCCEEDED = 'tutti_jobs_ended_total{state="SUCCEEDED"}'
_NOTHING: Mapping[str, str] = {}


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

    async def ended(self) -> int:
        """Jobs that the orchestrators say have succeeded."""
        pages = [await self._page(replica.metrics) for replica in self.endpoints.orchestrators]
        lines = [line for page in pages for line in page.splitlines() if line.startswith(SUCCEEDED)]
        return int(sum(float(line.rpartition(" ")[2]) for line in lines))

    async def _page(self, url: str) -> str:
        async with httpx.AsyncClient(timeout=CALL_SECONDS, trust_env=False) as http:
            return (await http.get(url)).raise_for_status().text

    async def hold(self) -> None:
        """From now on nothing is placed, and jobs are accepted as ever."""
        await self.scheduler.PauseQueue(scheduler_pb2.PauseQueueRequest(kind=KIND), timeout=CALL_SECONDS)

    async def release(self) -> None:
        """Let go of what is held."""
        await self.scheduler.ResumeQueue(scheduler_pb2.ResumeQueueRequest(kind=KIND), timeout=CALL_SECONDS)


@contextlib.asynccontextmanager
async def stage(environment: Mapping[str, str] = _NOTHING) -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="tutti-bench-") as directory:
        async with Mesh(_options(Path(directory), environment)) as mesh:
            endpoints = mesh.endpoints
            redis = redis_client.connect(endpoints.redis.url)
            async with (
                Client(endpoints.orchestrator_addresses) as client,
                rpc.channel(endpoints.scheduler_addresses, service=SCHEDULER) as channel,
                contextlib.aclosing(redis),
            ):
                scheduler = scheduler_pb2_grpc.SchedulerServiceStub(channel)
                yield Stage(mesh=mesh, client=client, redis=redis, scheduler=scheduler)


def _options(directory: Path, environment: Mapping[str, str]) -> MeshOptions:
    return MeshOptions(
        data_dir=directory,
        gateway_port=0,
        workers=2,
        worker_concurrency=SLOTS,
        test_handlers=True,
        triton=False,
        # As the peers' Redis does.
        appendfsync="everysec",
        environment={"LOG_LEVEL": "WARNING", **environment},
    )

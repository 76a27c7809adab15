"""What a caller gets of an idle mesh, and what its gateway takes. Each measurement takes a running mesh and returns
figures; none decides whether they are good."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

from grpc_health.v1 import health_pb2, health_pb2_grpc

from bench import http_load, load
from bench.figures import Latency, latency
from bench.programs import running
from bench.stage import KIND
from tutti import rpc
from tutti.client import Client, task
from tutti.client.client import RESTING
from tutti.embedded import ports, probes

CONNECTIONS = 64
START_SECONDS = 20.0


async def bare_call(addresses: Sequence[str], calls: int) -> Latency:
    """One call at a time that does nothing: what any message between two processes costs here and now."""
    taken = []
    request = health_pb2.HealthCheckRequest()
    async with rpc.channel(addresses) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for _ in range(calls):
            begun = time.perf_counter()
            await health.Check(request, timeout=START_SECONDS)
            taken.append(time.perf_counter() - begun)
    return latency(taken)


async def round_trip(client: Client, jobs: int) -> Latency:
    """One job at a time with `run`: from the call to the job's last event in the caller's hands."""
    taken = []
    for _ in range(jobs):
        begun = time.perf_counter()
        async for event in client.run(load.noop()):
            if event.job_moved.state in RESTING:
                break
        taken.append(time.perf_counter() - begun)
    return latency(taken)


async def two_calls(client: Client, jobs: int) -> Latency:
    """The same with `submit`, then `watch`."""
    taken = []
    for _ in range(jobs):
        begun = time.perf_counter()
        job_id = await client.submit(load.noop())
        async for event in client.watch(job_id):
            if event.job_moved.state in RESTING:
                break
        taken.append(time.perf_counter() - begun)
    return latency(taken)


async def event_latency(client: Client, ticks: int) -> Latency:
    """From a handler's `log` to the line in a watcher's hands: worker, scheduler, orchestrator, Redis, watcher."""
    job_id = await client.submit(task("test.ticks", {"count": ticks, "pause": 0.01}))
    return latency(
        [time.monotonic() - float(event.log.message) async for event in client.watch(job_id) if event.HasField("log")]
    )


async def submits(url: str, requests: int) -> float:
    """`POST /jobs` per second, of a gateway or of what stands in for one."""
    address = urlsplit(url)
    body = {"kind": KIND, "input": load.INPUT}
    host, port = address.hostname or "127.0.0.1", address.port or 80
    return await http_load.post(host, port, "/jobs", body, requests=requests, connections=CONNECTIONS)


@contextlib.asynccontextmanager
async def echo() -> AsyncIterator[str]:
    """The URL of a bare FastAPI service that runs meanwhile."""
    port = ports.pick(1)[0]
    url = f"http://{ports.LOOPBACK}:{port}"
    async with running((sys.executable, "-m", "bench.echo", str(port))):
        async with asyncio.timeout(START_SECONDS):
            await probes.until(lambda: probes.http_ok(f"{url}/docs"))
        yield url

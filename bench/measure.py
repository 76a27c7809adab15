"""The measurements. Each takes a running mesh and returns figures; none decides whether they are good."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench import http_load
from tutti.client import Client, task
from tutti.client.client import RESTING
from tutti.v1 import job_pb2

#: A small but real input: what a no-op job carries through every hop.
INPUT = {"prompt": "a chill lo-fi beat, 90 bpm, piano", "bars": 16}


@dataclass(frozen=True, kw_only=True)
class Latency:
    p50_ms: float
    p99_ms: float


def latency(seconds: Sequence[float]) -> Latency:
    ordered = sorted(seconds)
    return Latency(
        p50_ms=ordered[len(ordered) // 2] * 1e3, p99_ms=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1e3
    )


def noop() -> job_pb2.JobSpec:
    return task("test.echo", INPUT)


async def round_trip(client: Client, jobs: int) -> Latency:
    """One job at a time, from `submit` to its last event in the caller's hands."""
    taken = []
    for _ in range(jobs):
        begun = time.perf_counter()
        job_id = await client.submit(noop())
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


@dataclass(frozen=True, kw_only=True)
class Throughput:
    submitted_per_second: float
    finished_per_second: float


#: Returns once every job has come to rest.
Drained = Callable[[], Awaitable[None]]


async def calls_of_one(client: Client, drained: Drained, jobs: int, *, in_flight: int = 100) -> Throughput:
    """`client.submit` once per job, so many at a time, until every job has ended."""

    async def submitter(count: int) -> None:
        for _ in range(count):
            await client.submit(noop())

    begun = time.perf_counter()
    await asyncio.gather(*(submitter(jobs // in_flight) for _ in range(in_flight)))
    submitted = time.perf_counter() - begun
    await drained()
    return _throughput(jobs, submitted, time.perf_counter() - begun)


async def batches(client: Client, drained: Drained, jobs: int, *, size: int = 100, in_flight: int = 10) -> Throughput:
    """`client.submit_all` with so many jobs each, until every job has ended."""

    async def submitter(rounds: int) -> None:
        for _ in range(rounds):
            await client.submit_all([noop() for _ in range(size)])

    begun = time.perf_counter()
    rounds = jobs // size // in_flight
    await asyncio.gather(*(submitter(rounds) for _ in range(in_flight)))
    submitted = time.perf_counter() - begun
    await drained()
    return _throughput(rounds * size * in_flight, submitted, time.perf_counter() - begun)


async def rest_submits(gateway: str, *, requests: int, connections: int = 64) -> float:
    """`POST /jobs` per second."""
    address = urlsplit(gateway)
    body = {"kind": "test.echo", "input": INPUT}
    return await http_load.post(
        address.hostname or "127.0.0.1",
        address.port or 80,
        "/jobs",
        body,
        requests=requests,
        connections=connections,
    )


def _throughput(jobs: int, submitted: float, finished: float) -> Throughput:
    return Throughput(submitted_per_second=jobs / submitted, finished_per_second=jobs / finished)

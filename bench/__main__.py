"""`make bench`: one table, from one run, on a mesh of its own with real Redis and no models.

python -m bench [--jobs N]
"""

import argparse
import asyncio
import contextlib
import os
import platform
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench import measure
from services.orchestrator.store import keys
from tutti import redis_client
from tutti.client import Client
from tutti.embedded.endpoints import Endpoints
from tutti.embedded.mesh import Mesh
from tutti.embedded.options import MeshOptions

#: Attempts that a worker runs at a time: a no-op leaves its slot before the scheduler hears of it.
SLOTS = 256


async def main(jobs: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tutti-bench-") as directory:
        options = MeshOptions(
            data_dir=Path(directory),
            gateway_port=0,
            workers=2,
            worker_concurrency=SLOTS,
            test_handlers=True,
            triton=False,
            environment={"LOG_LEVEL": "WARNING"},
        )
        async with Mesh(options) as mesh:
            await run(mesh.endpoints, jobs)


async def run(endpoints: Endpoints, jobs: int) -> None:
    rows: list[tuple[str, str]] = []
    addresses = [orchestrator.address for orchestrator in endpoints.orchestrators]
    async with Client(addresses) as client, drain_of(endpoints.redis.url) as drained:
        await measure.batches(client, drained, min(jobs, 1000))  # warm
        idle = await measure.round_trip(client, 300)
        rows.append(("round trip, idle, submit to last event", f"p50 {idle.p50_ms:.1f} ms, p99 {idle.p99_ms:.1f} ms"))
        event = await measure.event_latency(client, 300)
        rows.append(("event, worker to watcher, idle", f"p50 {event.p50_ms:.1f} ms, p99 {event.p99_ms:.1f} ms"))
        ended = ended_jobs(endpoints)
        many = await measure.batches(client, drained, jobs)
        rows.append(("no-op jobs, submitted 100 at a time", f"{many.submitted_per_second:,.0f} /s"))
        rows.append(("  submitted and finished", f"{many.finished_per_second:,.0f} /s"))
        single = await measure.calls_of_one(client, drained, jobs)
        rows.append(("no-op jobs, one call each, 100 in flight", f"{single.submitted_per_second:,.0f} /s"))
        rows.append(("  submitted and finished", f"{single.finished_per_second:,.0f} /s"))
        finished = ended_jobs(endpoints) - ended
        if finished != 2 * jobs:
            raise SystemExit(f"{finished} jobs ended, not {2 * jobs}: the figures count for nothing")
        rest = await measure.rest_submits(endpoints.gateway.url, requests=jobs // 2)
        rows.append(("POST /jobs, 64 connections", f"{rest:,.0f} /s"))
        await drained()
    show(rows, jobs)


@contextlib.asynccontextmanager
async def drain_of(redis_url: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Waits for the streams to run empty: an entry leaves in the same script that records its job's end."""
    redis = redis_client.connect(redis_url)

    async def drained() -> None:
        while True:
            left = [await redis.xlen(stream) for stream in keys.streams(0)]
            if not any(left):
                return
            await asyncio.sleep(0.005)

    try:
        yield drained
    finally:
        await redis.aclose()


def ended_jobs(endpoints: Endpoints) -> int:
    """Jobs that the orchestrators say have succeeded."""
    total = 0.0
    for orchestrator in endpoints.orchestrators:
        with urllib.request.urlopen(orchestrator.metrics, timeout=5) as answer:  # noqa: S310  our own http address
            for line in answer.read().decode().splitlines():
                if line.startswith('tutti_jobs_ended_total{state="SUCCEEDED"}'):
                    total += float(line.rpartition(" ")[2])
    return int(total)


def show(rows: list[tuple[str, str]], jobs: int) -> None:
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}, Redis with AOF everysec"
    table = Table(title=f"Tutti, {jobs:,} jobs a row ({machine})", title_justify="left")
    table.add_column("what")
    table.add_column("measured", justify="right")
    for what, measured in rows:
        table.add_row(what, measured)
    Console(width=110).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure a mesh on this machine.")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs per throughput row, a multiple of 1,000")
    uvloop.run(main(parser.parse_args().jobs))

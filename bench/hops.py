"""Where the milliseconds of a round trip go on an idle mesh, as far as that can be seen from outside, above what the
machine takes for the barest of calls.

python -m bench.hops [--trips N] [--json FILE]
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path

import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.console import Console
from rich.table import Table

from bench import load, machine
from bench.figures import Latency, latency
from bench.stage import Stage, stage
from tutti import rpc
from tutti.client import Client
from tutti.client.client import RESTING
from tutti.v1 import job_pb2, task_pb2

CALL_SECONDS = 10.0

#: What was timed → seconds, one figure per trip.
Taken = dict[str, list[float]]


async def floors(mesh: Stage, trips: int) -> Taken:
    """What any design on this machine pays: one bare call, one bare stream, one command to Redis."""
    found: Taken = {}
    request = health_pb2.HealthCheckRequest()
    async with rpc.channel(mesh.endpoints.orchestrator_addresses) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def check() -> None:
            await health.Check(request, timeout=CALL_SECONDS)

        async def first_of_a_stream() -> None:
            call = health.Watch(request, timeout=CALL_SECONDS)
            await call.read()
            call.cancel()

        found["gRPC: a call (health check)"] = await timed(check, trips)
        found["gRPC: a stream's first message (health watch)"] = await timed(first_of_a_stream, trips)

    async def write() -> None:
        await mesh.redis.xadd("bench:hops", {"a": "b"}, maxlen=100)

    found["Redis: PING"] = await timed(mesh.redis.ping, trips)
    found["Redis: XADD"] = await timed(write, trips)
    ended = await mesh.client.submit(load.noop())
    await mesh.client.wait(ended)

    async def get() -> None:
        await mesh.client.get(ended)

    async def watch() -> None:
        async for _ in mesh.client.watch_batches(ended):
            pass

    found["GetJob: a call and a read from Redis"] = await timed(get, trips)
    found["WatchJob of a job that has ended: a stream and its reads"] = await timed(watch, trips)
    return found


async def timed(call: Callable[[], Awaitable[object]], trips: int) -> list[float]:
    found = []
    for _ in range(trips):
        begun = time.perf_counter()
        await call()
        found.append(time.perf_counter() - begun)
    return found


async def trips_of(client: Client, trips: int) -> Taken:
    """Round trips one at a time, with the moment at which each event is in the caller's hands."""
    found: Taken = defaultdict(list)
    for _ in range(trips):
        begun = time.perf_counter()
        job_id = await client.submit(load.noop())
        submitted = time.perf_counter()
        found["submit returned: durable"].append(submitted - begun)
        async for events in client.watch_batches(job_id):
            now = time.perf_counter() - begun
            for event in events:
                found[f"event: {name_of(event)}"].append(now)
            if events[-1].job_moved.state in RESTING:
                break
        found["last event, since submit returned"].append(time.perf_counter() - submitted)
        found["round trip"].append(time.perf_counter() - begun)
    return found


def name_of(event: job_pb2.Event) -> str:
    what = event.WhichOneof("what") or "nothing"
    if what == "job_moved":
        return f"job {job_pb2.JobState.Name(event.job_moved.state).removeprefix('JOB_STATE_')}"
    if what == "task_moved":
        return f"task {task_pb2.TaskState.Name(event.task_moved.state).removeprefix('TASK_STATE_')}"
    return what


def table_of(found: dict[str, Latency], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("ms")
    table.add_column("p50", justify="right")
    table.add_column("p99", justify="right")
    for what, figure in found.items():
        table.add_row(what, f"{figure.p50_ms:.2f}", f"{figure.p99_ms:.2f}")
    return table


async def main(trips: int, json_file: Path | None) -> None:
    async with stage() as mesh:
        await load.running(mesh, 1000)  # warm
        taken = {**await floors(mesh, trips), **await trips_of(mesh.client, trips)}
    found = {what: latency(seconds) for what, seconds in taken.items()}
    about = machine.about(trips=trips)
    Console(width=110).print(table_of(found, machine.title(about)))
    if json_file is not None:
        machine.write_json(json_file, about, {what: asdict(figure) for what, figure in found.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure where the time of a round trip goes.")
    parser.add_argument("--trips", type=int, default=500, help="round trips, and repetitions of each other figure")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file as well")
    arguments = parser.parse_args()
    uvloop.run(main(arguments.trips, arguments.json))

"""Measures one peer, within the peers' environment: `drive.py saq --jobs N --trips N`, Redis in BENCH_REDIS, JSON out.

As Tutti is measured: so many jobs are submitted one call per job with 100 in flight, then drained by two worker
processes, of which the first tenth is not timed because workers that have just begun are still importing; then single
jobs, one at a time, from submit to result.

A peer is a module with WORKERS (commands, one per entry), and `connect`, `submit`, `left`, `trip` and `close`. A
client that blocks has one call in flight, whatever it is asked.
"""

import argparse
import asyncio
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

IN_FLIGHT = 100
POLL_SECONDS = 0.01
STOP_SECONDS = 8.0


async def enqueue(peer: Any, jobs: int) -> float:
    async def submitter(first: int) -> None:
        for number in range(first, jobs, IN_FLIGHT):
            await peer.submit(number)

    begun = time.perf_counter()
    await asyncio.gather(*(submitter(first) for first in range(IN_FLIGHT)))
    return time.perf_counter() - begun


async def drain(peer: Any, jobs: int) -> tuple[int, float]:
    while (left := await peer.left(jobs)) > jobs - jobs // 10:  # noqa: ASYNC110  the answer lies in Redis
        await asyncio.sleep(POLL_SECONDS)
    begun = time.perf_counter()
    while await peer.left(jobs) > 0:  # noqa: ASYNC110
        await asyncio.sleep(POLL_SECONDS)
    return left, time.perf_counter() - begun


async def trips_of(peer: Any, trips: int) -> list[float]:
    found = []
    for number in range(trips):
        begun = time.perf_counter()
        await peer.trip(number)
        found.append(time.perf_counter() - begun)
    return found


def start(command: list[str]) -> "subprocess.Popen[bytes]":
    program = Path(sys.executable).parent / command[0]
    return subprocess.Popen(
        [str(program), *command[1:]],
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def stop(worker: "subprocess.Popen[bytes]") -> None:
    # Whoever started this program ends what a worker may leave behind.
    worker.terminate()
    try:
        worker.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


async def measure(name: str, jobs: int, trips: int) -> dict[str, Any]:
    peer = importlib.import_module(f"{name}_peer")
    await peer.connect()
    enqueued = await enqueue(peer, jobs)
    workers = [start(command) for command in peer.WORKERS]
    try:
        left, drained = await drain(peer, jobs)
        taken = await trips_of(peer, trips)
    finally:
        for worker in workers:
            stop(worker)
    await peer.close()
    return {"submitted_per_second": jobs / enqueued, "drained_per_second": left / drained, "trips": taken}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure one peer.")
    parser.add_argument("name")
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--trips", type=int, required=True)
    arguments = parser.parse_args()
    print(json.dumps(uvloop.run(measure(arguments.name, arguments.jobs, arguments.trips))))

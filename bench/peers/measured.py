"""Runs a peer's program against a Redis of its own, of the same binary and with the same options as a mesh's."""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from bench.figures import latency
from bench.peers.catalogue import Peer
from bench.programs import running
from tutti.embedded import ports, probes, redis

#: One round of the slowest peer takes a tenth of it.
ROUND_SECONDS = 300.0
START_SECONDS = 10.0


class PeerFailed(Exception):
    """The end of what its program said."""


async def measure(peer: Peer, command: Sequence[str], *, jobs: int, trips: int) -> dict[str, float]:
    """One round; the names of the figures are those of Tutti's own."""
    async with _redis() as url:
        arguments = (*command, "--jobs", str(min(jobs, peer.most_jobs)), "--trips", str(trips))
        answer = json.loads(await _output(arguments, {"BENCH_REDIS": url}))
    submitted, drained = answer["submitted_per_second"], answer["drained_per_second"]
    trip = latency(answer["trips"])
    return {
        "submit": submitted,
        "drain": drained,
        "submit and drain": 1 / (1 / submitted + 1 / drained),
        "trip p50": trip.p50_ms,
        "trip p99": trip.p99_ms,
    }


@contextlib.asynccontextmanager
async def _redis() -> AsyncIterator[str]:
    with tempfile.TemporaryDirectory(prefix="tutti-bench-") as directory:
        port = ports.pick(1)[0]
        url = f"redis://{ports.LOOPBACK}:{port}/0"
        command = redis.command(redis.find_redis(), port=port, directory=Path(directory))
        async with running(command):
            async with asyncio.timeout(START_SECONDS):
                await probes.until(lambda: probes.redis_pong(url))
            yield url


async def _output(command: Sequence[str], environment: Mapping[str, str]) -> bytes:
    """What a program prints."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as complaint:
        async with (
            asyncio.timeout(ROUND_SECONDS),
            running(command, environment={**inherited, **environment}, output=printed, errors=complaint) as program,
        ):
            status = await program.ended
        printed.seek(0)
        complaint.seek(0)
        if status:
            raise PeerFailed(complaint.read().decode(errors="replace").strip()[-500:])
        return printed.read()

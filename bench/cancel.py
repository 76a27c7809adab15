"""How long a cancel takes to reach the model: from `DELETE /jobs/{id}` to muscgen having nothing in hand.

python -m bench.cancel [--cancels N]

A mesh of its own with a real Triton. Each time a track of ten minutes is being rendered, all of its stems at once; the
model's own gauge is asked every few milliseconds, so a figure is too large by as much as one look takes.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import httpx
import uvloop

from bench.figures import Latency, latency
from tutti.client import Client, music
from tutti.embedded.endpoints import Endpoints
from tutti.embedded.mesh import Mesh
from tutti.embedded.options import MeshOptions

GAUGE = "tutti_muscgen_active_requests"
LOOK_SECONDS = 0.002


async def main(cancels: int) -> None:
    with tempfile.TemporaryDirectory(prefix="tutti-bench-") as directory:
        options = MeshOptions(data_dir=Path(directory), gateway_port=0, environment={"LOG_LEVEL": "WARNING"})
        async with Mesh(options) as mesh:
            taken = await measured(mesh.endpoints, cancels)
    print(f"DELETE to idle model, {cancels} cancels: p50 {taken.p50_ms:.0f} ms, p99 {taken.p99_ms:.0f} ms")


async def measured(endpoints: Endpoints, cancels: int) -> Latency:
    if endpoints.triton is None:
        raise SystemExit("this mesh has no models")
    async with Client(endpoints.orchestrator_addresses) as client, httpx.AsyncClient(timeout=30) as http:
        taken = []
        for _ in range(cancels):
            job_id = await client.submit(music("a very long piece", duration=600))
            await _rendering(client, job_id)
            begun = time.perf_counter()
            (await http.delete(f"{endpoints.gateway.url}/jobs/{job_id}")).raise_for_status()
            while await _in_hand(http, endpoints.triton.metrics):  # noqa: ASYNC110  a gauge can only be asked
                await asyncio.sleep(LOOK_SECONDS)
            taken.append(time.perf_counter() - begun)
            await client.wait(job_id)
    return latency(taken)


async def _rendering(client: Client, job_id: str) -> None:
    async for event in client.watch(job_id):
        if event.HasField("progress") and event.task.startswith("render-"):
            return


async def _in_hand(http: httpx.AsyncClient, metrics: str) -> bool:
    lines = (await http.get(metrics)).text.splitlines()
    return any(line.startswith(GAUGE) and float(line.rpartition(" ")[2]) for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure how soon a cancel frees the model.")
    parser.add_argument("--cancels", type=int, default=20, help="how many tracks to cancel, one after the other")
    uvloop.run(main(parser.parse_args().cancels))

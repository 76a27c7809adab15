"""Tutti's turns within a run. Each has a mesh of its own, so that nothing of Tutti runs while a peer is measured, and
returns its figures by name."""

import asyncio

from bench import load, measure, watching
from bench.load import Phase
from bench.stage import Stage, stage

WARM_JOBS = 1_000
TRIPS = 300
TICKS = 300
#: Of the job that a crowd watches: enough for some ten seconds of delivery.
LINES = 400


async def throughput(jobs: int) -> dict[str, float]:
    """No-op jobs by the thousand; what a peer's turn stands beside."""
    async with stage() as mesh:
        await _warm(mesh)
        ended = await mesh.ended()
        held = await load.held(mesh, jobs)
        running = await load.running(mesh, jobs)
        batches = await load.running(mesh, jobs, submit=load.submit_batches)
        ended = await mesh.ended() - ended
    if ended != 3 * jobs:
        raise SystemExit(f"{ended} jobs succeeded, not {3 * jobs}: the figures count for nothing")
    return {
        "submit": held.submit.per_second,
        "drain": held.drain.per_second,
        "submit and drain": held.both_per_second,
        "running": running.per_second,
        "running, batches": batches.per_second,
        "cost submit": _cost(held.submit),
        "cost drain": _cost(held.drain),
        "cost running": _cost(running),
    }


async def latencies(watchers: int) -> dict[str, float]:
    """One thing at a time on an idle mesh; then a crowd of watchers, where one is asked for."""
    async with stage(watching.ENVIRONMENT) as mesh:
        await _warm(mesh)
        bare = await measure.bare_call(mesh.endpoints.orchestrator_addresses, TRIPS)
        trip = await measure.round_trip(mesh.client, TRIPS)
        two = await measure.two_calls(mesh.client, TRIPS)
        event = await measure.event_latency(mesh.client, TICKS)
        found = {
            "bare call p50": bare.p50_ms,
            "trip p50": trip.p50_ms,
            "trip p99": trip.p99_ms,
            "two calls p50": two.p50_ms,
            "event p50": event.p50_ms,
            "event p99": event.p99_ms,
        }
        if watchers:
            crowd = await watching.delivery(mesh.client, mesh.endpoints.gateway.url, watchers=watchers, lines=LINES)
            found["delivered"] = crowd.delivered_per_second
    return found


async def rest(requests: int) -> dict[str, float]:
    """The gateway beside a bare service, in turn: while the mesh works on what comes in, and while it only accepts."""
    async with stage() as mesh, measure.echo() as echo:
        url = mesh.endpoints.gateway.url
        await asyncio.gather(measure.submits(echo, WARM_JOBS), measure.submits(url, WARM_JOBS))
        await mesh.drained()
        first = await measure.submits(echo, requests)
        working = await measure.submits(url, requests)
        await mesh.drained()
        second = await measure.submits(echo, requests)
        await mesh.hold()
        accepting = await measure.submits(url, requests)
        await mesh.release()
        await mesh.drained()
    bare = (first + second) / 2
    return {
        "echo": bare,
        "rest": working,
        "rest held": accepting,
        "rest ÷ echo": working / bare,
        "rest held ÷ echo": accepting / bare,
    }


async def _warm(mesh: Stage) -> None:
    await load.running(mesh, WARM_JOBS)


def _cost(phase: Phase) -> float:
    return phase.cost_us["all"]

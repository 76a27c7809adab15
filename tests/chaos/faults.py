"""Does to a mesh what a scenario says: SIGKILL, SIGSTOP and later SIGCONT, or SIGTERM. Starting things again is the
supervisor's business, and nobody else's; a paused process it leaves alone, for it only sees ends.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.scenario import GATEWAY, LEADER, REDIS, Fault, What
from tutti.embedded import Mesh, probes
from tutti.embedded.programs import SCHEDULER_SERVICE


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A fault that took place. Times are those of the wall clock, as in the logs."""

    what: What
    target: str
    pid: int
    begin: float
    end: float


def pids(mesh: Mesh) -> dict[str, int]:
    """Of every part, read anew each time: they change with every restart."""
    found = mesh.endpoints
    replicas = (*found.orchestrators, *found.schedulers, *found.workers)
    return {GATEWAY: found.gateway.pid, REDIS: found.redis.pid, **{replica.name: replica.pid for replica in replicas}}


async def commit(mesh: Mesh, faults: Iterable[Fault], done: list[Done]) -> None:
    """Carry all of them out, each at its time; returns when the last pause is over."""
    begun = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for fault in faults:
            await asyncio.sleep(max(0.0, begun + fault.at - time.monotonic()))
            target = await _leader(mesh) if fault.target == LEADER else fault.target
            tasks.create_task(_one(mesh, fault, target, done), name=f"{fault.what}-{target}")


async def _one(mesh: Mesh, fault: Fault, target: str, done: list[Done]) -> None:
    pid, begin = pids(mesh)[target], time.time()
    if not _is_child(pid):
        return  # dead already, and not yet started again
    match fault.what:
        case What.KILL:
            os.kill(pid, signal.SIGKILL)
        case What.RESTART:
            os.kill(pid, signal.SIGTERM)
        case What.PAUSE:
            await _pause(pid, fault.seconds)
    done.append(Done(what=fault.what, target=target, pid=pid, begin=begin, end=time.time()))


async def _pause(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        # It may have been killed meanwhile, and its number given to another.
        if _is_child(pid):
            os.kill(pid, signal.SIGCONT)


def _is_child(pid: int) -> bool:
    with contextlib.suppress(OSError):
        # After the name, which may hold anything, come the state and the parent.
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        return int(parent) == os.getpid() and state not in "ZX"
    return False


async def _leader(mesh: Mesh) -> str:
    """Whoever says that it leads; the first scheduler where nobody does."""
    schedulers = mesh.endpoints.schedulers
    says = await asyncio.gather(*(probes.grpc_serving(one.address, SCHEDULER_SERVICE) for one in schedulers))
    return next((one.name for one, leads in zip(schedulers, says, strict=True) if leads), schedulers[0].name)

"""Processor time of the processes of a mesh, from /proc: the steadiest figure on a machine that others use too, because
waiting for a core does not count."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from tutti.embedded.endpoints import Endpoints

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
#: In the order in which a job meets them.
PARTS = ("client", "gateway", "orchestrators", "scheduler", "workers", "Redis")

#: Part → its process ids.
Processes = Mapping[str, tuple[int, ...]]
#: Part → seconds of processor time that its processes have had so far.
Spent = Mapping[str, float]


def processes_of(endpoints: Endpoints) -> Processes:
    """The parts of a mesh, and the caller itself as its client."""
    return {
        "client": (os.getpid(),),
        "gateway": (endpoints.gateway.pid,),
        "orchestrators": tuple(replica.pid for replica in endpoints.orchestrators),
        "scheduler": tuple(replica.pid for replica in endpoints.schedulers),
        "workers": tuple(replica.pid for replica in endpoints.workers),
        "Redis": (endpoints.redis.pid,),
    }


def spent(processes: Processes) -> Spent:
    return {part: sum(map(_seconds, pids)) for part, pids in processes.items()}


def per_job(before: Spent, after: Spent, jobs: int) -> dict[str, float]:
    """Microseconds a job, per part, with the sum of all."""
    found = {part: (after[part] - before[part]) / jobs * 1e6 for part in after}
    return {**found, "all": sum(found.values())}


def seconds_in(stat: str) -> float:
    """User and system time in a line of /proc/<pid>/stat. The second field, a name in brackets, may hold anything."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _seconds(pid: int) -> float:
    # A process that is gone, such as a worker that was taken away, spends nothing.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return seconds_in(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
    return 0.0

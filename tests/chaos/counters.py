"""What the processes of a mesh count, read from their /metrics every so often: a killed one takes its counters along,
so what it counted since the last look is missing from the sums.
"""

import asyncio
import contextlib
import re

import httpx

from tests.chaos.faults import pids
from tutti.embedded import Mesh
from tutti.embedded.endpoints import Replica

TAKE_OVERS = "tutti_job_take_overs_total"
ATTACHED = "tutti_tasks_attached_total"
LOST = "tutti_attempts_lost_total"
FENCED = "tutti_fenced_commits_total"
STALE = ("tutti_stale_updates_total", "tutti_scheduler_stale_updates_total")
COUNTED = (TAKE_OVERS, ATTACHED, LOST, FENCED, *STALE)

LOOK_SECONDS = 0.5
_SAMPLE = re.compile(r"^(\w+)(?:\{[^}]*\})? ([0-9.eE+-]+)$", re.MULTILINE)


class Counters:
    """The last that was seen of each process, summed over all that there ever were."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self._seen: dict[tuple[int, str], float] = {}

    def total(self, *names: str) -> int:
        return round(sum(value for (_, name), value in self._seen.items() if name in names))

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as http:
            while True:
                await self.look(http)
                await asyncio.sleep(LOOK_SECONDS)

    async def look(self, http: httpx.AsyncClient) -> None:
        found = self._mesh.endpoints
        await asyncio.gather(*(self._read(http, one) for one in (*found.orchestrators, *found.schedulers)))

    async def _read(self, http: httpx.AsyncClient, replica: Replica) -> None:
        with contextlib.suppress(httpx.HTTPError):
            text = (await http.get(replica.metrics)).text
            if pids(self._mesh)[replica.name] != replica.pid:
                return  # restarted meanwhile: who answered is anybody's guess
            sums: dict[str, float] = {}
            for name, value in _SAMPLE.findall(text):
                if name in COUNTED:
                    sums[name] = sums.get(name, 0.0) + float(value)
            self._seen.update({(replica.pid, name): value for name, value in sums.items()})

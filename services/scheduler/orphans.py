"""Leases of earlier terms that were found running, until somebody asks for them. What nobody asks for runs for nobody:
its worker was away while the attempt ended elsewhere, under a leader before. Pure: the caller tells the time."""

from collections import deque

from services.scheduler.leases import Held

#: A lease that no orchestrator has asked for after so long, in seconds, is of a job that is over. By then the jobs of
#: every replica that died have long been taken over.
ORPHAN_SECONDS = 60.0


class Orphans:
    def __init__(self) -> None:
        self._adopted: deque[tuple[float, Held]] = deque()

    def add(self, held: Held, now: float) -> None:
        self._adopted.append((now + ORPHAN_SECONDS, held))

    def due(self, now: float) -> list[Held]:
        """Those whose time is up; none of them has been asked for, as far as the lease itself can tell."""
        found: list[Held] = []
        while self._adopted and self._adopted[0][0] < now:
            _, held = self._adopted.popleft()
            if not held.orchestrator_id:
                found.append(held)
        return found

"""Workers that were given up, kept for a while so that people can see what became of them. Pure: no clock, no I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from tutti.v1 import scheduler_pb2

KEEP_MS = 3_600_000
KEEP_COUNT = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class LostWorker:
    """A worker as it was when it was given up."""

    info: scheduler_pb2.WorkerInfo
    ready_models: frozenset[str]
    register_ms: int
    heartbeat_ms: int
    lost_ms: int
    message: str


class LostWorkers:
    def __init__(self) -> None:
        #: In the order in which they were lost.
        self._lost: dict[str, LostWorker] = {}

    def __iter__(self) -> Iterator[LostWorker]:
        return iter(self._lost.values())

    def find(self, worker_id: str) -> LostWorker | None:
        return self._lost.get(worker_id)

    def add(self, lost: LostWorker) -> None:
        """Note a loss; whoever was lost first is forgotten where there are too many."""
        self._lost.pop(lost.info.worker_id, None)
        self._lost[lost.info.worker_id] = lost
        if len(self._lost) > KEEP_COUNT:
            del self._lost[next(iter(self._lost))]

    def forget(self, worker_id: str) -> None:
        self._lost.pop(worker_id, None)

    def clear(self) -> list[str]:
        """Forget all; returns who they were."""
        ids = sorted(self._lost)
        self._lost.clear()
        return ids

    def expire(self, now_ms: int) -> None:
        while self._lost:
            oldest = next(iter(self._lost.values()))
            if now_ms - oldest.lost_ms < KEEP_MS:
                return
            del self._lost[oldest.info.worker_id]

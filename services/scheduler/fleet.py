"""Who could run what, and who has room. Pure: no clock, no I/O.

Workers that serve a kind and have a free slot stand in a ring for that kind; the one at its head is asked first and
goes to the end, so that load spreads evenly. The rings are mended lazily: a worker that turns out to be full leaves the
ring when it is met there, and comes back when it has room again.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from services.scheduler.orders import Shape
from tutti.v1 import scheduler_pb2


@dataclass(slots=True)
class Member:
    """A worker and its load."""

    info: scheduler_pb2.WorkerInfo
    ready_models: frozenset[str]
    busy: int = 0
    busy_by_kind: Counter[str] = field(default_factory=Counter)
    #: What it can run at all, and how many of each at a time.
    kinds: dict[str, scheduler_pb2.KindInfo] = field(default_factory=dict)
    #: It is asked for nothing more.
    closed: bool = False
    #: It is asked for nothing at the moment.
    suspended: bool = False

    def has_room(self, kind: str) -> bool:
        known = self.kinds.get(kind)
        if known is None or self.closed or self.suspended or self.busy >= self.info.slots:
            return False
        if known.concurrency and self.busy_by_kind[kind] >= known.concurrency:
            return False
        return self.ready_models.issuperset(known.models)

    def satisfies(self, shape: Shape) -> bool:
        has = self.info.resources
        return (
            shape.cpu <= has.cpu
            and shape.memory_bytes <= has.memory_bytes
            and shape.gpus <= has.gpus
            and shape.gpu_memory_bytes <= has.gpu_memory_bytes
            and all(self.info.labels.get(key) == value for key, value in shape.labels)
        )


class Fleet:
    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._rings: dict[str, OrderedDict[str, None]] = {}

    def __contains__(self, worker_id: str) -> bool:
        return worker_id in self._members

    def __len__(self) -> int:
        return len(self._members)

    def member(self, worker_id: str) -> Member:
        return self._members[worker_id]

    def join(self, info: scheduler_pb2.WorkerInfo, ready_models: Iterable[str]) -> None:
        self._members[info.worker_id] = Member(
            info=info,
            ready_models=frozenset(ready_models),
            kinds={kind.kind: kind for kind in info.kinds},
        )
        self._offer(info.worker_id)

    def leave(self, worker_id: str) -> None:
        member = self._members.pop(worker_id, None)
        for kind in member.kinds if member else ():
            self._rings[kind].pop(worker_id, None)

    def close(self, worker_id: str) -> None:
        """Ask this worker for nothing more."""
        self._members[worker_id].closed = True

    def suspend(self, worker_id: str, suspended: bool) -> None:
        """Ask this worker for nothing while it cannot be reached."""
        member = self._members.get(worker_id)
        if member is not None and member.suspended != suspended:
            member.suspended = suspended
            if not suspended:
                self._offer(worker_id)

    def set_ready_models(self, worker_id: str, models: Iterable[str]) -> None:
        ready = frozenset(models)
        if self._members[worker_id].ready_models != ready:
            self._members[worker_id].ready_models = ready
            self._offer(worker_id)

    def place(self, shape: Shape) -> str | None:
        """Occupy a slot for an order of this shape; returns the worker, or None when nobody has room for it."""
        ring = self._rings.get(shape.kind)
        if not ring:
            return None
        found, full = None, []
        for worker_id in ring:
            member = self._members[worker_id]
            if not member.has_room(shape.kind):
                full.append(worker_id)
            elif member.satisfies(shape):
                found = worker_id
                break
        for worker_id in full:
            del ring[worker_id]
        if found is not None:
            self.occupy(found, shape.kind)
            ring.move_to_end(found)
        return found

    def occupy(self, worker_id: str, kind: str) -> None:
        member = self._members[worker_id]
        member.busy += 1
        member.busy_by_kind[kind] += 1

    def release(self, worker_id: str, kind: str) -> None:
        member = self._members.get(worker_id)
        if member is None:
            return
        member.busy -= 1
        member.busy_by_kind[kind] -= 1
        self._offer(worker_id)

    def _offer(self, worker_id: str) -> None:
        for kind in self._members[worker_id].kinds:
            ring = self._rings.setdefault(kind, OrderedDict())
            if worker_id not in ring:
                ring[worker_id] = None

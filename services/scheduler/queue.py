"""What waits for a worker, and what goes next. Pure: no clock, no I/O.

Higher priority first; within one priority, shapes that can be placed take turns, and within a shape owners take turns.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.scheduler.orders import Shape, TaskKey
from tutti.v1 import task_pb2

#: In the order in which they are served.
PRIORITIES = (task_pb2.PRIORITY_HIGH, task_pb2.PRIORITY_NORMAL, task_pb2.PRIORITY_LOW)


@dataclass(slots=True)
class Waiting:
    """An order in the queue."""

    order: task_pb2.TaskOrder
    shape: Shape
    #: Whose stream shall carry what becomes of it.
    orchestrator_id: str
    queued_ms: int
    removed: bool = False

    @property
    def key(self) -> TaskKey:
        return (self.order.job_id, self.order.task)


#: Owners who take turns, each with what they wait for, oldest first.
_Owners = OrderedDict[str, deque[Waiting]]


class TaskQueue:
    def __init__(self) -> None:
        self._levels: dict[int, OrderedDict[Shape, _Owners]] = {priority: OrderedDict() for priority in PRIORITIES}
        self._by_key: dict[TaskKey, Waiting] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._by_key.values())

    def find(self, key: TaskKey) -> Waiting | None:
        return self._by_key.get(key)

    def push(self, waiting: Waiting) -> None:
        """Add an order at the end; an earlier one for the same task is replaced."""
        self.remove(waiting.key)
        self._by_key[waiting.key] = waiting
        level = self._levels.get(waiting.order.priority, self._levels[task_pb2.PRIORITY_NORMAL])
        owners = level.setdefault(waiting.shape, OrderedDict())
        owners.setdefault(waiting.order.owner, deque()).append(waiting)

    def remove(self, key: TaskKey) -> Waiting | None:
        """Take an order out wherever it stands. It is only marked, and dropped when its turn comes."""
        waiting = self._by_key.pop(key, None)
        if waiting is not None:
            waiting.removed = True
        return waiting

    def next(self, place: Callable[[Shape], str | None]) -> tuple[Waiting, str] | None:
        """The order whose turn it is and the worker that `place` found for its shape, or None when nothing that waits
        can be placed. `place` is asked once per shape."""
        for priority in PRIORITIES:
            level = self._levels[priority]
            for shape in list(level):
                owners = level[shape]
                _drop_removed(owners)
                if not owners:
                    del level[shape]
                    continue
                worker_id = place(shape)
                if worker_id is not None:
                    waiting = _take(owners)
                    del self._by_key[waiting.key]
                    if owners:
                        level.move_to_end(shape)
                    else:
                        del level[shape]
                    return waiting, worker_id
        return None


def _drop_removed(owners: _Owners) -> None:
    """Make the head of the first owner's line an order that still counts."""
    while owners:
        owner, line = next(iter(owners.items()))
        while line and line[0].removed:
            line.popleft()
        if line:
            return
        del owners[owner]


def _take(owners: _Owners) -> Waiting:
    owner, line = next(iter(owners.items()))
    waiting = line.popleft()
    if line:
        owners.move_to_end(owner)
    else:
        del owners[owner]
    return waiting

"""The scheduler's words: what an order asks of a worker, and what names an attempt."""

from collections.abc import Mapping
from typing import NamedTuple

from tutti.v1 import task_pb2

#: Names a task: job id and task name.
TaskKey = tuple[str, str]
#: Names an attempt: job id, task name and try.
AttemptKey = tuple[str, str, int]


class Shape(NamedTuple):
    """What an order asks of a worker. Orders of equal shape can run on the same workers, so they wait together. A named
    tuple, because the queue and the fleet look things up by it several times for each order."""

    kind: str
    cpu: float = 0.0
    memory_bytes: int = 0
    gpus: int = 0
    gpu_memory_bytes: int = 0
    labels: frozenset[tuple[str, str]] = frozenset()
    #: It must not share a worker with another of which the same is said.
    suspect: bool = False

    @property
    def plain(self) -> bool:
        """Whether it asks for nothing but a slot."""
        return self == Shape(self.kind)


class Shapes:
    """Shapes of orders; those that ask for nothing but a kind, nearly all, are made once."""

    def __init__(self) -> None:
        self._plain: dict[str, Shape] = {}

    def of(self, order: task_pb2.TaskOrder) -> Shape:
        if order.labels or order.suspect or order.HasField("resources"):
            return shape(order.kind, order.resources, order.labels, suspect=order.suspect)
        plain = self._plain.get(order.kind)
        if plain is None:
            plain = self._plain[order.kind] = Shape(kind=order.kind)
        return plain


def shape(kind: str, resources: task_pb2.Resources, labels: Mapping[str, str], *, suspect: bool = False) -> Shape:
    return Shape(
        kind=kind,
        cpu=max(0.0, resources.cpu),
        memory_bytes=max(0, resources.memory_bytes),
        gpus=max(0, resources.gpus),
        gpu_memory_bytes=max(0, resources.gpu_memory_bytes),
        labels=frozenset(labels.items()),
        suspect=suspect,
    )

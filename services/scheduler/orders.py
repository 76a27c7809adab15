"""The scheduler's words: what an order asks of a worker, and what names an attempt."""

from collections.abc import Mapping
from dataclasses import dataclass

from tutti.v1 import task_pb2

#: Names a task: job id and task name.
TaskKey = tuple[str, str]
#: Names an attempt: job id, task name and try.
AttemptKey = tuple[str, str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What an order asks of a worker. Orders of equal shape can run on the same workers, so they wait together."""

    kind: str
    cpu: float = 0.0
    memory_bytes: int = 0
    gpus: int = 0
    gpu_memory_bytes: int = 0
    labels: frozenset[tuple[str, str]] = frozenset()


class Shapes:
    """Shapes of orders; those that ask for nothing but a kind, nearly all, are made once."""

    def __init__(self) -> None:
        self._plain: dict[str, Shape] = {}

    def of(self, order: task_pb2.TaskOrder) -> Shape:
        if order.labels or order.HasField("resources"):
            return shape(order.kind, order.resources, order.labels)
        plain = self._plain.get(order.kind)
        if plain is None:
            plain = self._plain[order.kind] = Shape(kind=order.kind)
        return plain


def shape(kind: str, resources: task_pb2.Resources, labels: Mapping[str, str]) -> Shape:
    return Shape(
        kind=kind,
        cpu=resources.cpu,
        memory_bytes=resources.memory_bytes,
        gpus=resources.gpus,
        gpu_memory_bytes=resources.gpu_memory_bytes,
        labels=frozenset(labels.items()),
    )

"""What a worker has left to give: cores, memory, GPUs and their memory. Pure: no clock, no I/O.

Cores and memory add up. A GPU is either taken whole (`gpus`), or shared by what asks for some of its memory only; the
fullest GPU that still has enough is chosen, so that others stay free for those who need a whole one.

An attempt that is found running under a new leader occupies what it asked for, whether or not there is room: what is
left may be less than nothing, and nothing more is placed until it is not.
"""

from collections.abc import Sequence

from services.scheduler.orders import Shape
from tutti.v1 import task_pb2

#: Cores are counted in whole millionths: sums of fractions would drift.
_MICRO = 1_000_000


def suffices(has: task_pb2.Resources, shape: Shape) -> bool:
    """Whether there is enough when nothing of it is taken."""
    return (
        shape.cpu <= has.cpu
        and shape.memory_bytes <= has.memory_bytes
        and shape.gpus <= has.gpus
        and (not shape.gpu_memory_bytes or (has.gpus > 0 and shape.gpu_memory_bytes <= has.gpu_memory_bytes))
    )


class Capacity:
    __slots__ = ("_cpu", "_gpu_memory", "_gpus", "_memory", "_shared", "_whole")

    def __init__(self, has: task_pb2.Resources) -> None:
        self._cpu = round(has.cpu * _MICRO)
        self._memory = has.memory_bytes
        self._gpu_memory = has.gpu_memory_bytes
        #: Free memory of each GPU.
        self._gpus = [has.gpu_memory_bytes] * has.gpus
        #: Attempts that share each, and those that have it whole. More than one of the latter only after an adoption.
        self._shared = [0] * has.gpus
        self._whole = [0] * has.gpus

    def fits(self, shape: Shape) -> bool:
        """Whether there is room now."""
        if shape.cpu and round(shape.cpu * _MICRO) > self._cpu:
            return False
        if shape.memory_bytes and shape.memory_bytes > self._memory:
            return False
        if shape.gpus:
            return shape.gpu_memory_bytes <= self._gpu_memory and self._unused() >= shape.gpus
        return not shape.gpu_memory_bytes or self._tightest(shape.gpu_memory_bytes) is not None

    def take(self, shape: Shape) -> tuple[int, ...]:
        """Occupy what a shape asks for; returns which GPUs."""
        self._cpu -= round(shape.cpu * _MICRO)
        self._memory -= shape.memory_bytes
        gpus = self._choose(shape)
        for gpu in gpus:
            if shape.gpus:
                self._whole[gpu] += 1
            else:
                self._shared[gpu] += 1
                self._gpus[gpu] -= shape.gpu_memory_bytes
        return gpus

    def give_back(self, shape: Shape, gpus: Sequence[int]) -> None:
        self._cpu += round(shape.cpu * _MICRO)
        self._memory += shape.memory_bytes
        for gpu in gpus:
            if shape.gpus:
                self._whole[gpu] -= 1
            else:
                self._shared[gpu] -= 1
                self._gpus[gpu] += shape.gpu_memory_bytes

    def _choose(self, shape: Shape) -> tuple[int, ...]:
        if shape.gpus:
            # The unused ones first; others only where an adopted attempt must have them.
            by_use = sorted(range(len(self._gpus)), key=lambda gpu: self._shared[gpu] + self._whole[gpu])
            return tuple(by_use[: shape.gpus])
        if not shape.gpu_memory_bytes or not self._gpus:
            return ()
        tightest = self._tightest(shape.gpu_memory_bytes)
        if tightest is None:
            tightest = max(range(len(self._gpus)), key=lambda gpu: (not self._whole[gpu], self._gpus[gpu]))
        return (tightest,)

    def _unused(self) -> int:
        return sum(1 for shared, whole in zip(self._shared, self._whole, strict=True) if not (shared or whole))

    def _tightest(self, memory_bytes: int) -> int | None:
        """The GPU with the least memory that is still enough."""
        best, least = None, 0
        for gpu, free in enumerate(self._gpus):
            if free >= memory_bytes and not self._whole[gpu] and (best is None or free < least):
                best, least = gpu, free
        return best

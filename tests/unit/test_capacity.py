"""What a worker has left to give: whole GPUs and shared ones."""

import pytest

from services.scheduler.capacity import Capacity
from services.scheduler.orders import Shape
from tutti.v1 import task_pb2

GIB = 1024**3


def gpus(count: int, *, gib: int = 80) -> Capacity:
    return Capacity(task_pb2.Resources(gpus=count, gpu_memory_bytes=gib * GIB))


def whole(count: int = 1, *, gib: int = 0) -> Shape:
    return Shape("render", gpus=count, gpu_memory_bytes=gib * GIB)


def some(gib: int) -> Shape:
    return Shape("render", gpu_memory_bytes=gib * GIB)


def test_whole_gpus_are_taken_one_by_one() -> None:
    capacity = gpus(2)

    assert capacity.take(whole()) == (0,)
    assert not capacity.fits(whole(2))
    assert capacity.take(whole()) == (1,)
    assert not capacity.fits(whole())

    capacity.give_back(whole(), (0,))
    assert capacity.fits(whole())


def test_a_gpu_is_shared_until_its_memory_is_used_up() -> None:
    capacity = gpus(1)

    assert capacity.take(some(50)) == (0,)
    assert not capacity.fits(some(31))
    assert capacity.take(some(30)) == (0,)
    assert not capacity.fits(some(1))


def test_the_fullest_gpu_that_has_enough_is_shared_first() -> None:
    capacity = gpus(3)

    assert [capacity.take(some(gib)) for gib in (60, 30, 20, 50)] == [(0,), (1,), (0,), (1,)]
    assert capacity.fits(whole())
    assert not capacity.fits(whole(2))


def test_a_gpu_that_somebody_shares_is_nobodys_whole_one_and_the_other_way_round() -> None:
    capacity = gpus(1)
    capacity.take(some(1))
    assert not capacity.fits(whole())

    capacity.give_back(some(1), (0,))
    capacity.take(whole())
    assert not capacity.fits(some(1))


@pytest.mark.parametrize(("gib", "fits"), [(0, True), (80, True), (81, False)])
def test_a_whole_gpu_has_at_least_the_memory_that_was_asked_for(gib: int, fits: bool) -> None:
    assert gpus(1).fits(whole(gib=gib)) is fits


def test_what_is_adopted_beyond_what_there_is_blocks_until_it_is_over() -> None:
    capacity = gpus(2, gib=80)
    busy = [capacity.take(whole()), capacity.take(some(70))]
    adopted = capacity.take(whole(2)), capacity.take(some(40))

    assert not capacity.fits(some(1))
    capacity.give_back(whole(2), adopted[0])
    assert not capacity.fits(some(11))
    assert not capacity.fits(whole())
    capacity.give_back(some(40), adopted[1])
    capacity.give_back(whole(), busy[0])
    capacity.give_back(some(70), busy[1])

    assert capacity.fits(whole(2, gib=80))
    assert [capacity.take(some(80)), capacity.take(some(80))] == [(0,), (1,)]


def test_fractions_of_a_core_do_not_drift() -> None:
    capacity, tenth = Capacity(task_pb2.Resources(cpu=1)), Shape("render", cpu=0.1)

    for _ in range(1000):
        capacity.take(tenth)
        capacity.give_back(tenth, ())
    taken = 0
    while capacity.fits(tenth):
        capacity.take(tenth)
        taken += 1

    assert taken == 10

"""The fleet: who could run what, and who has room."""

import pytest

from services.scheduler.fleet import Fleet
from services.scheduler.orders import Shape
from tests.builders import worker_info
from tutti.v1 import scheduler_pb2, task_pb2

ECHO = Shape(kind="test.echo")
GIB = 1024**3


def fleet_of(*infos: scheduler_pb2.WorkerInfo, ready: tuple[str, ...] = ()) -> Fleet:
    fleet = Fleet()
    for info in infos:
        fleet.join(info, ready)
    return fleet


def kind(name: str = "test.echo", *, concurrency: int = 0, models: tuple[str, ...] = ()) -> scheduler_pb2.KindInfo:
    return scheduler_pb2.KindInfo(kind=name, concurrency=concurrency, models=models)


def placed(fleet: Fleet, shape: Shape = ECHO) -> list[str]:
    """Every worker that is found until there is no more room."""
    found = []
    while (worker_id := fleet.place(shape)) is not None:
        found.append(worker_id)
    return found


def test_an_empty_fleet_has_room_for_nothing() -> None:
    assert Fleet().place(ECHO) is None


def test_a_worker_takes_as_many_as_it_has_slots() -> None:
    assert placed(fleet_of(worker_info(slots=3))) == ["w1", "w1", "w1"]


def test_load_spreads_evenly() -> None:
    fleet = fleet_of(worker_info("a", slots=2), worker_info("b", slots=2), worker_info("c", slots=2))

    assert placed(fleet) == ["a", "b", "c", "a", "b", "c"]


def test_a_slot_that_was_given_back_is_used_again() -> None:
    fleet = fleet_of(worker_info("a", slots=1), worker_info("b", slots=1))
    placed(fleet)

    fleet.release("b", "test.echo")

    assert placed(fleet) == ["b"]


def test_a_worker_is_asked_only_for_what_it_serves() -> None:
    fleet = fleet_of(worker_info("a", kinds=["test.echo"]), worker_info("b", kinds=["render"]))

    assert fleet.place(Shape(kind="render")) == "b"
    assert fleet.place(Shape(kind="unknown")) is None


def test_a_kind_takes_no_more_than_its_own_limit_and_leaves_room_for_others() -> None:
    fleet = fleet_of(worker_info(slots=3, kinds=[kind("render", concurrency=1), kind()]))

    assert placed(fleet, Shape(kind="render")) == ["w1"]
    assert placed(fleet) == ["w1", "w1"]

    fleet.release("w1", "render")
    assert placed(fleet, Shape(kind="render")) == ["w1"]


def test_a_kind_waits_for_its_models() -> None:
    fleet = fleet_of(worker_info(slots=1, kinds=[kind("render", models=("jen1", "muscgen"))]), ready=("jen1",))
    shape = Shape(kind="render")
    assert fleet.place(shape) is None

    fleet.set_ready_models("w1", ["jen1", "muscgen"])
    assert fleet.place(shape) == "w1"

    fleet.release("w1", "render")
    fleet.set_ready_models("w1", ["muscgen"])
    assert fleet.place(shape) is None


@pytest.mark.parametrize(
    ("shape", "fits"),
    [
        (Shape(kind="test.echo", cpu=4, memory_bytes=8 * GIB), True),
        (Shape(kind="test.echo", cpu=4.5), False),
        (Shape(kind="test.echo", memory_bytes=9 * GIB), False),
        (Shape(kind="test.echo", gpus=1, gpu_memory_bytes=2 * GIB), True),
        (Shape(kind="test.echo", gpus=2), False),
        (Shape(kind="test.echo", gpu_memory_bytes=3 * GIB), False),
        (Shape(kind="test.echo", labels=frozenset({("zone", "b")})), True),
        (Shape(kind="test.echo", labels=frozenset({("zone", "b"), ("disk", "fast")})), False),
        (Shape(kind="test.echo", labels=frozenset({("zone", "a")})), False),
    ],
)
def test_a_worker_must_have_what_an_order_asks_for(shape: Shape, fits: bool) -> None:
    resources = task_pb2.Resources(cpu=4, memory_bytes=8 * GIB, gpus=1, gpu_memory_bytes=2 * GIB)
    fleet = fleet_of(worker_info(resources=resources, labels={"zone": "b"}))

    assert (fleet.place(shape) == "w1") is fits


def test_an_order_that_is_hard_to_place_does_not_cost_others_their_room() -> None:
    fleet = fleet_of(worker_info(slots=2))

    assert fleet.place(Shape(kind="test.echo", gpus=8)) is None
    assert placed(fleet) == ["w1", "w1"]


def test_a_worker_that_leaves_is_asked_for_nothing_more() -> None:
    fleet = fleet_of(worker_info("a"), worker_info("b", slots=1))

    fleet.leave("a")

    assert "a" not in fleet
    assert placed(fleet) == ["b"]


def test_what_is_given_back_by_a_worker_that_has_left_is_nobodys() -> None:
    fleet = fleet_of(worker_info("a", slots=1))
    placed(fleet)
    fleet.leave("a")

    fleet.release("a", "test.echo")
    fleet.leave("a")

    assert fleet.place(ECHO) is None


def test_a_worker_that_finishes_takes_nothing_new_even_when_a_slot_is_free_again() -> None:
    fleet = fleet_of(worker_info(slots=2))
    fleet.place(ECHO)

    fleet.close("w1")
    fleet.release("w1", "test.echo")
    fleet.set_ready_models("w1", ["new"])

    assert fleet.place(ECHO) is None


def test_a_worker_that_joins_anew_serves_what_it_says_now() -> None:
    fleet = fleet_of(worker_info(kinds=["test.echo", "render"]))

    fleet.join(worker_info(slots=1, kinds=["render"]), ())

    assert fleet.place(ECHO) is None
    assert placed(fleet, Shape(kind="render")) == ["w1"]

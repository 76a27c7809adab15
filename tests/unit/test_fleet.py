"""The fleet: who could run what, and who has room."""

import pytest

from services.scheduler.fleet import Claim, Fleet
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


def claimed(fleet: Fleet, shape: Shape = ECHO) -> list[Claim]:
    """Every place that is found until there is no more room."""
    found = []
    while (claim := fleet.place(shape)) is not None:
        found.append(claim)
    return found


def placed(fleet: Fleet, shape: Shape = ECHO) -> list[str]:
    return [claim.worker_id for claim in claimed(fleet, shape)]


def test_an_empty_fleet_has_room_for_nothing() -> None:
    assert Fleet().place(ECHO) is None


def test_a_worker_takes_as_many_as_it_has_slots() -> None:
    assert placed(fleet_of(worker_info(slots=3))) == ["w1", "w1", "w1"]


def test_load_spreads_evenly() -> None:
    fleet = fleet_of(worker_info("a", slots=2), worker_info("b", slots=2), worker_info("c", slots=2))

    assert placed(fleet) == ["a", "b", "c", "a", "b", "c"]


def test_a_slot_that_was_given_back_is_used_again() -> None:
    fleet = fleet_of(worker_info("a", slots=1), worker_info("b", slots=1))
    _, at_b = claimed(fleet)

    fleet.release(at_b)

    assert placed(fleet) == ["b"]


def test_a_worker_is_asked_only_for_what_it_serves() -> None:
    fleet = fleet_of(worker_info("a", kinds=["test.echo"]), worker_info("b", kinds=["render"]))

    assert placed(fleet, Shape(kind="render")) == ["b", "b"]
    assert fleet.place(Shape(kind="unknown")) is None


def test_a_kind_takes_no_more_than_its_own_limit_and_leaves_room_for_others() -> None:
    fleet = fleet_of(worker_info(slots=3, kinds=[kind("render", concurrency=1), kind()]))

    renders = claimed(fleet, Shape(kind="render"))
    assert len(renders) == 1
    assert placed(fleet) == ["w1", "w1"]

    fleet.release(renders[0])
    assert placed(fleet, Shape(kind="render")) == ["w1"]


def test_a_kind_waits_for_its_models() -> None:
    fleet = fleet_of(worker_info(slots=1, kinds=[kind("render", models=("jen1", "muscgen"))]), ready=("jen1",))
    shape = Shape(kind="render")
    assert fleet.place(shape) is None

    fleet.set_ready_models("w1", ["jen1", "muscgen"])
    (claim,) = claimed(fleet, shape)

    fleet.release(claim)
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

    assert (fleet.place(shape) is not None) is fits


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
    (claim,) = claimed(fleet)
    fleet.leave("a")
    fleet.join(worker_info("a", slots=1), ())

    fleet.release(claim)

    assert placed(fleet) == ["a"]


def test_a_worker_that_finishes_takes_nothing_new_even_when_a_slot_is_free_again() -> None:
    fleet = fleet_of(worker_info(slots=2))
    claim = fleet.place(ECHO)
    assert claim is not None

    fleet.close("w1")
    fleet.release(claim)
    fleet.set_ready_models("w1", ["new"])

    assert fleet.place(ECHO) is None


def test_a_worker_that_joins_anew_serves_what_it_says_now() -> None:
    fleet = fleet_of(worker_info(kinds=["test.echo", "render"]))

    fleet.join(worker_info(slots=1, kinds=["render"]), ())

    assert fleet.place(ECHO) is None
    assert placed(fleet, Shape(kind="render")) == ["w1"]


def test_cores_and_memory_add_up() -> None:
    fleet = fleet_of(worker_info(slots=8, resources=task_pb2.Resources(cpu=1, memory_bytes=8 * GIB)))

    tenths = claimed(fleet, Shape("test.echo", cpu=0.1, memory_bytes=GIB))
    assert len(tenths) == 8
    for claim in tenths[:3]:
        fleet.release(claim)

    assert placed(fleet, Shape("test.echo", cpu=0.5)) == ["w1"]
    # What asks for nothing takes a slot and nothing else.
    assert placed(fleet) == ["w1", "w1"]


def test_a_suspect_shares_no_worker_with_another_suspect() -> None:
    fleet = fleet_of(worker_info("a", slots=4), worker_info("b", slots=4))
    suspect = Shape("test.echo", suspect=True)

    suspects = claimed(fleet, suspect)
    assert sorted(claim.worker_id for claim in suspects) == ["a", "b"]
    assert len(placed(fleet)) == 6

    fleet.release(suspects[0])
    assert placed(fleet, suspect) == [suspects[0].worker_id]


def test_there_is_news_when_there_was_nobody_and_now_is() -> None:
    fleet, gpu = fleet_of(worker_info(slots=2, resources=task_pb2.Resources(gpus=1))), Shape("test.echo", gpus=1)
    fleet.news()
    (whole,), (plain,) = claimed(fleet, gpu), claimed(fleet)

    fleet.release(plain)
    assert fleet.news() == [ECHO]
    fleet.release(whole)
    assert fleet.news() == [gpu]
    assert fleet.news() == []


def test_what_an_adopted_attempt_asked_for_is_occupied_once_it_is_known() -> None:
    fleet = fleet_of(worker_info(slots=4, resources=task_pb2.Resources(cpu=2)))
    adopted = fleet.occupy("w1", ECHO)
    busy = fleet.place(Shape("test.echo", cpu=2))
    assert busy is not None

    # More than there is: nothing fits until that is over.
    fleet.amend(adopted, Shape("test.echo", cpu=1))
    fleet.release(busy)

    assert placed(fleet, Shape("test.echo", cpu=1.5)) == []
    assert placed(fleet, Shape("test.echo", cpu=1)) == ["w1"]


def test_shapes_that_nobody_waits_for_are_forgotten_and_found_again() -> None:
    fleet = fleet_of(worker_info(slots=2, labels={"zone": "b"}))
    there = Shape("test.echo", labels=frozenset({("zone", "b")}))
    (first, _) = claimed(fleet, there)

    fleet.forget_shapes(but=set())
    fleet.release(first)

    assert placed(fleet, there) == ["w1"]

"""Limits per model, over the whole fleet."""

from services.scheduler.limits import ModelLimits
from services.scheduler.placement import Placement, Policy
from tests.builders import order, worker_info
from tutti.v1 import scheduler_pb2


def kind(name: str, *models: str) -> scheduler_pb2.KindInfo:
    return scheduler_pb2.KindInfo(kind=name, models=models)


def placement_of(*kinds: scheduler_pb2.KindInfo, **limits: int) -> Placement:
    placement = Placement(Policy(model_limits=limits))
    for worker_id in ("a", "b"):
        placement.join(worker_info(worker_id, slots=8, kinds=kinds), ["jen1", "muscgen"])
    return placement


def push(placement: Placement, *job_ids: str, kind: str) -> None:
    for job_id in job_ids:
        placement.queue.push(placement.waiting(order(job_id, kind=kind), orchestrator_id="o1", queued_ms=0))


def placed(placement: Placement) -> list[str]:
    found = []
    while (next_one := placement.next()) is not None:
        found.append(next_one[0].order.job_id)
    return found


def test_a_model_serves_no_more_than_its_limit_over_all_workers_and_holds_up_nobody_else() -> None:
    placement = placement_of(kind("render", "muscgen"), kind("preview", "muscgen"), kind("compose"), muscgen=3)
    push(placement, "r0", "r1", kind="render")
    push(placement, "p0", "p1", kind="preview")
    push(placement, "c0", kind="compose")

    assert placed(placement) == ["r0", "r1", "p0", "c0"]


def test_what_is_given_back_is_used_again() -> None:
    placement = placement_of(kind("render", "muscgen", "jen1"), kind("compose", "jen1"), muscgen=1, jen1=2)
    push(placement, "r0", "r1", kind="render")
    found = placement.next()
    assert found is not None
    push(placement, "c0", "c1", kind="compose")
    assert placed(placement) == ["c0"]

    placement.end(found[1])

    assert placed(placement) == ["r1"]


def test_adopted_attempts_count() -> None:
    placement = placement_of(kind("render", "muscgen"), muscgen=1)
    adopted = placement.adopt("a", "render")
    push(placement, "r0", kind="render")
    assert placed(placement) == []

    placement.end(adopted)
    assert placed(placement) == ["r0"]


def test_a_limit_of_zero_lets_nothing_through() -> None:
    placement = placement_of(kind("render", "muscgen"), muscgen=0)
    push(placement, "r0", kind="render")

    assert placed(placement) == []


def test_a_kind_that_needs_another_model_from_now_on_is_held_by_that_one() -> None:
    limits = ModelLimits({"muscgen": 1, "muscgen-2": 1})
    assert limits.learn([kind("render", "muscgen"), kind("compose")]) == ["render"]
    limits.began(["muscgen"])
    assert limits.is_reached("render")

    assert limits.learn([kind("render", "muscgen-2")]) == ["render"]

    assert not limits.is_reached("render")
    assert limits.ended(["muscgen"]) == []

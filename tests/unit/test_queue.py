"""The scheduler's queue: who goes next."""

import pytest

from services.scheduler.orders import Shape, Shapes
from services.scheduler.queue import TaskQueue, Waiting
from tests.builders import order
from tutti.v1 import task_pb2

HIGH, NORMAL, LOW = task_pb2.PRIORITY_HIGH, task_pb2.PRIORITY_NORMAL, task_pb2.PRIORITY_LOW


def waiting(job_id: str, *, attempt: int = 1, **fields: object) -> Waiting:
    wanted = order(job_id, attempt=attempt, **fields)  # type: ignore[arg-type]  # fields of an order
    return Waiting(order=wanted, shape=Shapes().of(wanted), orchestrator_id="o1", queued_ms=0)


def queue_of(*entries: Waiting) -> TaskQueue:
    queue = TaskQueue()
    for entry in entries:
        queue.push(entry)
    return queue


def anywhere(shape: Shape) -> str | None:
    return "w1"


def nowhere(shape: Shape) -> str | None:
    return None


def drained(queue: TaskQueue) -> list[str]:
    taken = []
    while (found := queue.next(anywhere)) is not None:
        taken.append(found[0].order.job_id)
    return taken


def test_an_empty_queue_has_nothing_next() -> None:
    assert TaskQueue().next(anywhere) is None


def test_who_came_first_goes_first() -> None:
    assert drained(queue_of(waiting("a"), waiting("b"), waiting("c"))) == ["a", "b", "c"]


def test_the_urgent_go_first() -> None:
    queue = queue_of(waiting("low", priority=LOW), waiting("normal"), waiting("high", priority=HIGH))

    assert drained(queue) == ["high", "normal", "low"]


def test_an_order_without_a_priority_is_a_normal_one() -> None:
    queue = queue_of(
        waiting("low", priority=LOW), waiting("none", priority=task_pb2.PRIORITY_UNSPECIFIED), waiting("normal")
    )

    assert drained(queue) == ["none", "normal", "low"]


def test_owners_take_turns() -> None:
    queue = queue_of(
        *(waiting(f"a{n}", owner="ada") for n in range(3)), waiting("b0", owner="bob"), waiting("c0", owner="cleo")
    )

    assert drained(queue) == ["a0", "b0", "c0", "a1", "a2"]


def test_an_owner_who_comes_late_does_not_wait_behind_everything_of_another() -> None:
    queue = queue_of(*(waiting(f"a{n}", owner="ada") for n in range(100)))
    assert queue.next(anywhere) is not None

    queue.push(waiting("b0", owner="bob"))

    assert drained(queue).index("b0") <= 1


def test_what_cannot_be_placed_holds_up_nothing_else() -> None:
    queue = queue_of(waiting("stuck", kind="no.worker", priority=HIGH), waiting("free"))

    found = queue.next(lambda shape: None if shape.kind == "no.worker" else "w9")

    assert found is not None
    assert (found[0].order.job_id, found[1]) == ("free", "w9")
    assert len(queue) == 1


def test_nothing_is_taken_while_nobody_has_room() -> None:
    queue = queue_of(waiting("a"), waiting("b"))

    assert queue.next(nowhere) is None
    assert drained(queue) == ["a", "b"]


def test_a_shape_is_asked_for_once_however_many_wait() -> None:
    asked: list[Shape] = []
    queue = queue_of(*(waiting(str(n), owner=f"o{n}") for n in range(10)), waiting("gpu", kind="render"))

    queue.next(lambda shape: asked.append(shape))

    assert sorted(shape.kind for shape in asked) == ["render", "test.echo"]


def test_what_was_removed_is_never_next() -> None:
    queue = queue_of(waiting("a"), waiting("b"), waiting("c"))

    removed = queue.remove(("b", "main"))

    assert removed is not None
    assert removed.order.job_id == "b"
    assert queue.find(("b", "main")) is None
    assert len(queue) == 2
    assert drained(queue) == ["a", "c"]


def test_removing_what_is_not_there_changes_nothing() -> None:
    queue = queue_of(waiting("a"))

    assert queue.remove(("z", "main")) is None
    assert drained(queue) == ["a"]


def test_a_later_order_for_the_same_task_replaces_the_earlier_one() -> None:
    queue = queue_of(waiting("a"), waiting("b"), waiting("a", attempt=2))

    found = queue.find(("a", "main"))
    assert found is not None
    assert found.order.attempt == 2
    assert drained(queue) == ["b", "a"]


def test_what_waits_can_be_looked_at() -> None:
    queue = queue_of(waiting("a"), waiting("b"))
    queue.remove(("a", "main"))

    assert [entry.order.job_id for entry in queue] == ["b"]


@pytest.mark.parametrize("fields", [{"labels": {"zone": "b"}}, {"resources": task_pb2.Resources(gpus=1)}])
def test_orders_that_ask_for_the_same_wait_together(fields: dict[str, object]) -> None:
    shapes = Shapes()

    first, second = (shapes.of(order(job_id, **fields)) for job_id in ("a", "b"))  # type: ignore[arg-type]

    assert first == second
    assert hash(first) == hash(second)
    assert first != shapes.of(order("c"))

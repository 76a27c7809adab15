"""The scheduler's queue: who goes next."""

import pytest

from services.scheduler.orders import Shape, Shapes
from services.scheduler.queue import Hold, TaskQueue
from services.scheduler.turns import Waiting
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


def first(queue: TaskQueue) -> str:
    found = queue.next(anywhere)
    assert found is not None
    return found[0].order.job_id


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
    queue.reopen(Shape("test.echo"))

    assert drained(queue) == ["a", "b"]


def test_a_shape_is_asked_for_once_however_many_wait() -> None:
    asked: list[Shape] = []
    queue = queue_of(*(waiting(str(n), owner=f"o{n}") for n in range(10)), waiting("gpu", kind="render"))

    queue.next(lambda shape: asked.append(shape))

    assert sorted(shape.kind for shape in asked) == ["render", "test.echo"]


def test_a_shape_that_found_no_place_is_not_asked_for_again_before_there_is_news_of_it() -> None:
    asked: list[Shape] = []
    queue = queue_of(*(waiting(str(n), owner=f"o{n}") for n in range(10)))
    queue.next(lambda shape: asked.append(shape))

    queue.push(waiting("late", owner="late"))
    queue.next(lambda shape: asked.append(shape))
    assert len(asked) == 1

    queue.reopen(Shape("test.echo"))
    queue.next(lambda shape: asked.append(shape))
    assert len(asked) == 2


def test_a_kind_that_is_held_for_two_reasons_waits_until_both_are_gone() -> None:
    queue = queue_of(waiting("a"), waiting("b", kind="render"))
    queue.hold("test.echo", Hold.PAUSED)
    queue.hold("test.echo", Hold.FULL)

    assert drained(queue) == ["b"]
    queue.release("test.echo", Hold.FULL)
    assert drained(queue) == []
    assert queue.paused() == ["test.echo"]
    queue.release("test.echo", Hold.PAUSED)
    queue.release("test.echo", Hold.PAUSED)
    assert drained(queue) == ["a"]
    assert queue.paused() == []


def test_an_owner_at_the_limit_holds_up_nobody_else() -> None:
    queue = TaskQueue(owner_limit=1, owner_limits={"bob": 2, "cleo": 0})
    for entry in [waiting(f"{owner}{n}", owner=owner) for n in range(3) for owner in ("ada", "bob", "cleo")]:
        queue.push(entry)

    assert sorted(drained(queue)) == ["ada0", "bob0", "bob1", "cleo0", "cleo1", "cleo2"]
    queue.ended("ada")
    queue.ended("cleo")
    assert drained(queue) == ["ada1"]


def test_attempts_that_were_found_running_count_against_the_limit() -> None:
    queue = TaskQueue(owner_limit=1)
    queue.began("ada")
    queue.push(waiting("a"))
    assert drained(queue) == []

    queue.ended("ada")
    assert drained(queue) == ["a"]


def test_orders_age_by_one_priority_each_time() -> None:
    queue = TaskQueue(ageing_ms=1000)
    for entry in (waiting("low", priority=LOW), waiting("normal"), waiting("high", priority=HIGH)):
        queue.push(entry)
    late = [
        waiting(name, owner="ada", priority=priority) for name, priority in (("l", LOW), ("n", NORMAL), ("h", HIGH))
    ]
    for entry in late:
        entry.queued_ms = 2000
        queue.push(entry)

    queue.age(1999)
    assert first(queue) == "normal"
    queue.age(2000)
    assert drained(queue) == ["low", "high", "h", "n", "l"]


def test_without_ageing_the_low_wait_for_ever() -> None:
    queue = queue_of(waiting("low", priority=LOW), waiting("high", priority=HIGH))

    queue.age(10**12)

    assert drained(queue) == ["high", "low"]


def test_looking_at_ages_forgets_nothing_that_waits() -> None:
    queue = TaskQueue(owner_limit=1)
    for owner in ("ada", "bob"):
        queue.push(waiting(f"{owner}0", owner=owner))
        queue.push(waiting(f"{owner}1", owner=owner, labels={"zone": "b"}))
    assert sorted(drained(queue)) == ["ada0", "bob0"]
    queue.next(nowhere)

    queue.age(10**6)
    queue.age(2 * 10**6)
    queue.ended("ada")
    queue.ended("bob")

    assert sorted(drained(queue)) == ["ada1", "bob1"]


def test_an_order_that_is_removed_lets_the_next_one_of_its_line_go() -> None:
    queue = queue_of(waiting("a0", owner="ada"), waiting("a1", owner="ada"), waiting("b0", owner="bob"))

    queue.remove(("a0", "main"))

    assert drained(queue) == ["a1", "b0"]


def test_a_line_from_which_nearly_all_was_removed_keeps_the_rest() -> None:
    queue = queue_of(*(waiting(str(n)) for n in range(1000)))

    for n in range(1, 999):
        queue.remove((str(n), "main"))

    assert drained(queue) == ["0", "999"]


def test_what_waits_is_told_by_kind_priority_and_owner() -> None:
    queue = queue_of(waiting("a"), waiting("b", labels={"zone": "b"}), waiting("c", owner="bob", priority=HIGH))
    queue.push(waiting("gone"))
    queue.remove(("gone", "main"))

    assert [(found.kind, found.priority, found.owner, found.depth) for found in queue.depths()] == [
        ("test.echo", NORMAL, "ada", 2),
        ("test.echo", HIGH, "bob", 1),
    ]


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

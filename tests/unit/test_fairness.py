"""Fairness between owners, and that nobody starves: what the queue promises, held against every order of arrival."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scheduler.orders import Shapes
from services.scheduler.placement import Placement, Policy
from services.scheduler.queue import Hold, TaskQueue
from services.scheduler.turns import Waiting
from tests.builders import order, worker_info
from tutti.v1 import task_pb2

AGEING_MS = 1000
SHAPES = Shapes()


def waiting(job_id: str, owner: str, *, queued_ms: int = 0, **fields: Any) -> Waiting:
    wanted = order(job_id, owner=owner, **fields)
    return Waiting(wanted, SHAPES.of(wanted), "o1", queued_ms)


def take(queue: TaskQueue) -> str:
    """Whose order goes next."""
    found = queue.next(lambda shape: "w1")
    assert found is not None
    return found[0].order.owner


def fill(queue: TaskQueue, owners: Iterable[str], count: int, **fields: Any) -> None:
    for n in range(count):
        for owner in owners:
            queue.push(waiting(f"{owner}-{fields}-{n}", owner, **fields))


class TestShares:
    def test_with_equal_weights_owners_take_turns(self) -> None:
        queue = TaskQueue()
        fill(queue, ["ada", "bob", "cleo"], 20)

        turns = [take(queue) for _ in range(60)]

        assert all(set(turns[n : n + 3]) == {"ada", "bob", "cleo"} for n in range(0, 60, 3))

    @settings(deadline=None)
    @given(weights=st.dictionaries(st.sampled_from(["ada", "bob", "cleo"]), st.integers(1, 8), min_size=2))
    def test_shares_come_to_what_the_weights_say(self, weights: Mapping[str, int]) -> None:
        queue, turns = TaskQueue(weights=weights), 40 * sum(weights.values())
        fill(queue, weights, turns)

        had = Counter(take(queue) for _ in range(turns))

        # A turn too many or too few for each: turns are whole.
        assert all(abs(had[owner] - 40 * weight) <= 1 + weight for owner, weight in weights.items())

    def test_shares_hold_within_a_kind_that_is_slow_while_another_is_quick(self) -> None:
        """Cleo's turns at the quick kind must not blur what ada and bob are to each other at the slow one."""
        queue = TaskQueue(weights={"ada": 3})
        fill(queue, ["ada", "bob"], 400, kind="slow")
        fill(queue, ["cleo"], 10_000, kind="quick")
        had: Counter[str] = Counter()

        for _ in range(200):
            queue.release("quick", Hold.FULL)
            queue.hold("slow", Hold.FULL)
            assert {take(queue) for _ in range(20)} == {"cleo"}
            queue.release("slow", Hold.FULL)
            queue.hold("quick", Hold.FULL)
            had[take(queue)] += 1

        assert had == {"ada": 150, "bob": 50}

    def test_who_was_idle_has_no_credit_for_it(self) -> None:
        queue = TaskQueue()
        fill(queue, ["ada"], 1000)
        for _ in range(500):
            take(queue)
        fill(queue, ["bob"], 100)

        had = Counter(take(queue) for _ in range(20))

        assert had == {"ada": 10, "bob": 10}

    def test_who_could_not_be_served_for_long_goes_next_and_has_no_credit_for_it(self) -> None:
        queue = TaskQueue(owner_limit=10_000, owner_limits={"bob": 1})
        fill(queue, ["ada", "bob"], 1000)
        while take(queue) != "bob":
            pass
        assert {take(queue) for _ in range(500)} == {"ada"}

        queue.ended("bob")

        assert take(queue) == "bob"
        assert {take(queue) for _ in range(50)} == {"ada"}

    @pytest.mark.parametrize("kind", ["test.echo", "other"])
    def test_one_order_goes_next_however_many_another_has_waiting(self, kind: str) -> None:
        placement = Placement(Policy())
        placement.join(worker_info(slots=4, kinds=["test.echo", "other"]), ())
        fill(placement.queue, ["ada"], 20_000)
        claims = []
        while (found := placement.next()) is not None:
            claims.append(found[1])

        placement.queue.push(waiting("b", "bob", kind=kind))
        assert placement.next() is None
        placement.end(claims[0])

        found = placement.next()
        assert found is not None
        assert found[0].order.owner == "bob"


class TestAgeing:
    @settings(deadline=None)
    @given(
        arrivals=st.lists(st.tuples(st.sampled_from(["ada", "bob", "cleo"]), st.integers(1, 3)), max_size=60),
        before=st.integers(0, 8),
        weights=st.fixed_dictionaries({owner: st.integers(1, 3) for owner in ("ada", "bob", "cleo")}),
        every_ms=st.sampled_from([50, 200, 400]),
    )
    def test_nothing_starves(
        self, arrivals: list[tuple[str, int]], before: int, weights: Mapping[str, int], every_ms: int
    ) -> None:
        """Urgent orders come for ever, more than can be served; ada's, of low priority, gets its turn all the same."""
        queue = TaskQueue(ageing_ms=AGEING_MS, weights=weights)
        fill(queue, ["ada"], before, priority=task_pb2.PRIORITY_HIGH)
        victim = waiting("victim", "ada", priority=task_pb2.PRIORITY_LOW)
        queue.push(victim)
        now_ms, number = 0, 0
        arrivals = arrivals or [("bob", 1)]
        since_high: list[Waiting] = []
        while True:
            owner, count = arrivals[number % len(arrivals)]
            for _ in range(count):
                number += 1
                queue.push(waiting(f"h{number}", owner, queued_ms=now_ms, priority=task_pb2.PRIORITY_HIGH))
            queue.age(now_ms)
            found = queue.next(lambda shape: "w1")
            assert found is not None
            if found[0] is victim:
                break
            if now_ms >= 2 * AGEING_MS:
                since_high.append(found[0])
            now_ms += every_ms

        own = [entry for entry in since_high if entry.order.owner == "ada"]
        assert all(entry.number < victim.number for entry in own)
        turns = len(own) + 1
        for other in ("bob", "cleo"):
            had = sum(entry.order.owner == other for entry in since_high)
            assert had <= turns * weights[other] / weights["ada"] + weights[other] / weights["ada"] + 1

    def test_without_ageing_it_would(self) -> None:
        queue = TaskQueue()
        queue.push(waiting("victim", "ada", priority=task_pb2.PRIORITY_LOW))
        for n in range(1000):
            queue.push(waiting(f"h{n}", "bob", queued_ms=n, priority=task_pb2.PRIORITY_HIGH))
            queue.age(10**6 + n)
            assert take(queue) == "bob"

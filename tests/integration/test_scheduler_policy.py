"""Scheduler and workers together: who goes next and how many at a time, as operators have decided."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.builders import order
from tests.fixtures.fleet import Caller, RunningScheduler, Stage, calling, running_scheduler, running_worker
from tests.fixtures.waiting import eventually
from tutti.v1 import task_pb2

GIB = 1024**3


@pytest.fixture
def stage() -> Stage:
    return Stage()


@asynccontextmanager
async def mesh(redis_url: str, **policy: Any) -> AsyncIterator[tuple[RunningScheduler, Caller]]:
    async with running_scheduler(redis_url, **policy) as scheduler, calling([scheduler]) as caller:
        yield scheduler, caller


def holds(owner: str, count: int, **fields: Any) -> list[task_pb2.TaskOrder]:
    return [order(f"{owner}-{n}", kind="test.hold", owner=owner, **fields) for n in range(count)]


def begun(stage: Stage) -> list[str]:
    """Whose attempts have begun, in order."""
    return [name.partition("-")[0] for name in stage.begun]


async def nothing_more_begins(caller: Caller, stage: Stage) -> None:
    """Show it by something that was handed over later and runs."""
    seen, late = len(stage.begun), order(f"late-{len(caller.updates)}", kind="test.echo", owner="somebody")
    await caller.schedule(late)
    await caller.hears(late, "succeeded")
    assert len(stage.begun) == seen


async def end(caller: Caller, wanted: task_pb2.TaskOrder) -> None:
    """Stop one, so that its room is free again."""
    await caller.cancel(wanted, lease_id=(await caller.hears(wanted, "started")).lease_id)
    await caller.hears(wanted, "cancelled")


async def test_one_job_is_next_whatever_another_owner_has_queued(redis_url: str, stage: Stage, tmp_path: Path) -> None:
    async with mesh(redis_url) as (scheduler, caller), running_worker([scheduler], tmp_path, stage.handlers(), slots=2):
        await caller.schedule(*(crowd := holds("ada", 2_000)))
        await eventually(lambda: stage.now == 2)
        await caller.schedule(*holds("bob", 1))

        await end(caller, crowd[0])

        await eventually(lambda: len(stage.begun) == 3)
    assert begun(stage) == ["ada", "ada", "bob"]


async def test_an_owner_has_no_more_than_the_limit_and_holds_up_nobody(
    redis_url: str, stage: Stage, tmp_path: Path
) -> None:
    async with (
        mesh(redis_url, owner_limit=1, owner_limits={"bob": 2}) as (scheduler, caller),
        running_worker([scheduler], tmp_path, stage.handlers(), slots=8),
    ):
        await caller.schedule(*(ada := holds("ada", 4)), *holds("bob", 4))
        await eventually(lambda: stage.now == 3)
        await nothing_more_begins(caller, stage)
        assert sorted(begun(stage)) == ["ada", "bob", "bob"]

        await end(caller, ada[0])
        await eventually(lambda: sorted(begun(stage)) == ["ada", "ada", "bob", "bob"])


async def test_a_model_serves_no_more_than_its_limit_over_all_workers(
    redis_url: str, stage: Stage, tmp_path: Path
) -> None:
    stage.ready_models.add("muscgen")
    handlers = stage.handlers(models=["muscgen"])
    async with (
        mesh(redis_url, model_limits={"muscgen": 3}) as (scheduler, caller),
        running_worker([scheduler], tmp_path, handlers, name="w1", slots=4),
        running_worker([scheduler], tmp_path, handlers, name="w2", slots=4),
    ):
        await caller.schedule(*holds("ada", 8))
        await eventually(lambda: stage.now == 3)
        await nothing_more_begins(caller, stage)
        stage.let_go()
        await eventually(lambda: caller.count("succeeded") == 9)
    assert stage.most <= 3


async def test_a_new_leader_counts_what_runs(redis_url: str, stage: Stage, tmp_path: Path) -> None:
    limits: dict[str, Any] = {"owner_limit": 2, "settle_seconds": 2.0}
    async with (
        running_scheduler(redis_url, **limits) as first,
        running_scheduler(redis_url, name="s2", **limits) as second,
        calling([first, second]) as caller,
        running_worker([first, second], tmp_path, stage.handlers(), slots=8),
    ):
        running = holds("ada", 2)
        await caller.schedule(*running)
        await eventually(lambda: stage.now == 2)
        for each in running:
            each.recovered = True
        caller.outstanding = lambda: [*running, order("ada-more", kind="test.hold")]
        await (first if first.leads else second).die()
        await eventually(lambda: all(caller.heard(each).count("started") >= 2 for each in running))

        await nothing_more_begins(caller, stage)
        await end(caller, running[0])
        await eventually(lambda: len(stage.begun) == 3)


async def test_what_an_order_takes_is_not_given_to_another(redis_url: str, stage: Stage, tmp_path: Path) -> None:
    has = task_pb2.Resources(cpu=4, memory_bytes=8 * GIB, gpus=1, gpu_memory_bytes=80 * GIB)
    whole = holds("whole", 2, resources=task_pb2.Resources(gpus=1))
    shares = holds("share", 3, resources=task_pb2.Resources(gpu_memory_bytes=40 * GIB))
    cores = holds("core", 3, resources=task_pb2.Resources(cpu=2))
    async with (
        mesh(redis_url) as (scheduler, caller),
        running_worker([scheduler], tmp_path, stage.handlers(), slots=16, resources=has),
    ):
        await caller.schedule(*cores, *whole)
        await eventually(lambda: stage.now == 3)
        await caller.schedule(*shares)
        await nothing_more_begins(caller, stage)
        assert Counter(begun(stage)) == {"core": 2, "whole": 1}

        await caller.cancel(whole[1])
        await end(caller, whole[0])
        await eventually(lambda: stage.now == 4)
        await nothing_more_begins(caller, stage)
        assert Counter(begun(stage)) == {"core": 2, "whole": 1, "share": 2}


async def test_suspects_do_not_meet(redis_url: str, stage: Stage, tmp_path: Path) -> None:
    suspects = holds("suspect", 3, suspect=True)
    async with (
        mesh(redis_url) as (scheduler, caller),
        running_worker([scheduler], tmp_path, stage.handlers(), name="w1", slots=4),
        running_worker([scheduler], tmp_path, stage.handlers(), name="w2", slots=4),
    ):
        await caller.schedule(*suspects)
        await eventually(lambda: stage.now == 2)
        await nothing_more_begins(caller, stage)
        where = {(await caller.hears(each, "started")).started.worker_id for each in suspects[:2]}
        assert where == {"w1", "w2"}

        await end(caller, suspects[0])
        await caller.hears(suspects[2], "started")


async def test_what_has_waited_for_long_goes_before_what_is_urgent_and_new(
    redis_url: str, stage: Stage, tmp_path: Path
) -> None:
    """The scheduler looks at ages every second."""
    (low,), (first,) = holds("low", 1, priority=task_pb2.PRIORITY_LOW), holds("first", 1)
    urgent = holds("urgent", 1, priority=task_pb2.PRIORITY_HIGH)
    async with (
        mesh(redis_url, ageing_seconds=0.2) as (scheduler, caller),
        running_worker([scheduler], tmp_path, stage.handlers(), slots=1),
    ):
        await caller.schedule(first)
        await caller.hears(first, "started")
        await caller.schedule(low)
        queue = scheduler.servicer.dispatcher.placement.queue if scheduler.servicer.dispatcher else None
        assert queue is not None
        waiting = queue.find((low.job_id, low.task))
        assert waiting is not None
        await eventually(lambda: waiting.line is not None and waiting.line.group.turns.level == 0)
        await caller.schedule(*urgent)

        await end(caller, first)

        await eventually(lambda: len(stage.begun) == 2)
    assert begun(stage) == ["first", "low"]

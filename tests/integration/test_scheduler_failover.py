"""Scheduler and workers when something dies: nothing is lost, nothing runs twice that need not, no slot leaks."""

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path

import pytest

from tests.builders import order
from tests.fixtures.fleet import (
    Caller,
    RunningScheduler,
    Stage,
    calling,
    running_scheduler,
    running_worker,
)
from tests.fixtures.waiting import eventually, eventually_true
from tutti.v1 import scheduler_pb2, task_pb2

HOLD = order("job-0", kind="test.hold")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def scheduler(any_redis_url: str) -> AsyncIterator[RunningScheduler]:
    async with running_scheduler(any_redis_url) as running:
        await eventually(lambda: running.leads, what="it is elected")
        yield running


def again(former: task_pb2.TaskOrder, *, attempt: int = 0, recovered: bool = False) -> task_pb2.TaskOrder:
    """The order, handed over once more."""
    copy = task_pb2.TaskOrder()
    copy.CopyFrom(former)
    copy.attempt, copy.recovered = attempt or former.attempt, recovered
    return copy


async def all_slots_are_free(caller: Caller, stage: Stage, slots: int) -> None:
    """Show it by using them all at once."""
    before = stage.now
    await caller.schedule(*(order(f"probe-{n}", kind="test.hold") for n in range(slots)))
    await eventually(lambda: stage.now - before == slots, what=f"{slots} attempts run at the same time")


async def ready_workers(caller: Caller) -> int:
    workers = (await caller.workers()).values()
    return sum(worker.state == scheduler_pb2.WORKER_STATE_READY for worker in workers)


class TestWorkerDies:
    async def test_its_attempts_are_lost_at_once_and_run_elsewhere(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with calling([scheduler]) as caller, running_worker([scheduler], tmp_path, stage.handlers()) as first:
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            await first.die()
            await caller.hears(HOLD, "lost")

            second_try = again(HOLD, attempt=2)
            async with running_worker([scheduler], tmp_path, stage.handlers(), name="w2"):
                await caller.schedule(second_try)
                assert (await caller.hears(second_try, "started")).started.worker_id == "w2"

    async def test_a_dead_worker_does_not_swallow_what_waits_in_the_queue(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        """Until it is given up, a worker that refuses connections looks idle. It must not be given one order after
        the other: each would cost its task an attempt."""
        async with (
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers(), name="w1", slots=2) as doomed,
            running_worker([scheduler], tmp_path, stage.handlers(), name="w2", slots=2),
        ):
            await eventually_true(lambda: _is(ready_workers(caller), 2))
            retried = _retrying(caller, kind="test.hold")
            await doomed.die()
            await caller.schedule(*(order(f"job-{n}", kind="test.hold") for n in range(30)))
            await eventually_true(lambda: _is(ready_workers(caller), 1), what="the dead worker is given up")
            stage.let_go()
            await eventually(lambda: caller.count("succeeded") == 30, what="every job succeeds")

        # What may have been on its way to it when it died.
        assert len(retried) <= 4, retried
        assert max(retried, default=1) <= 2

    async def test_a_worker_that_is_shutting_down_costs_nobody_an_attempt(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        """It says by a status that it has not taken the leases, so they can be placed elsewhere as they are."""
        async with (
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers(), name="w1") as leaving,
        ):
            await eventually_true(lambda: _is(ready_workers(caller), 1))
            retried = _retrying(caller, kind="test.echo")
            leaving.refuse()
            await caller.schedule(*(order(f"job-{n}") for n in range(5)))
            async with running_worker([scheduler], tmp_path, stage.handlers(), name="w2"):
                await leaving.membership.drain()
                await eventually(lambda: caller.count("succeeded") == 5, what="the other worker runs them")
        assert retried == []

    async def test_a_worker_that_comes_back_from_silence_stops_what_was_given_to_others(
        self, any_redis_url: str, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            running_scheduler(any_redis_url, heartbeat_ttl_seconds=0.6) as scheduler,
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers(), slots=2) as worker,
        ):
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            await worker.fall_silent()
            await caller.hears(HOLD, "lost")
            second_try = again(HOLD, attempt=2)
            await caller.schedule(second_try)

            worker.join()

            await eventually(lambda: stage.cancelled == ["job-0/main.1"], what="the zombie is stopped")
            await caller.hears(second_try, "started")
            await all_slots_are_free(caller, stage, 1)

    async def test_a_worker_that_comes_back_from_silence_stops_what_nobody_wants_any_more(
        self, any_redis_url: str, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            running_scheduler(any_redis_url, heartbeat_ttl_seconds=0.6) as scheduler,
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers(), slots=2) as worker,
        ):
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            await worker.fall_silent()
            await caller.hears(HOLD, "lost")

            worker.join()

            await eventually(lambda: stage.cancelled == ["job-0/main.1"], what="the zombie is stopped")
            await all_slots_are_free(caller, stage, 2)


class TestLeaderDies:
    async def test_the_next_leader_attaches_to_what_runs(
        self, any_redis_url: str, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            running_scheduler(any_redis_url, name="s2", settle_seconds=2.0) as standby,
            calling([scheduler, standby]) as caller,
            running_worker([scheduler, standby], tmp_path, stage.handlers(), slots=2),
        ):
            caller.outstanding = lambda: [again(HOLD, recovered=True)]
            await caller.schedule(HOLD)
            lease = (await caller.hears(HOLD, "started")).lease_id
            await _fail_over(scheduler, standby, caller)
            await eventually(lambda: caller.heard(HOLD).count("started") >= 2, what="the new leader attaches")
            stage.let_go()
            done = await caller.hears(HOLD, "succeeded")

            assert done.lease_id == lease
            assert stage.begun == ["job-0/main.1"]
            await caller.hears(HOLD, "succeeded")

    async def test_what_ended_while_nobody_led_is_heard_and_not_run_again(
        self, any_redis_url: str, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            running_scheduler(any_redis_url, name="s2", settle_seconds=2.0) as standby,
            calling([scheduler, standby]) as caller,
            running_worker([scheduler, standby], tmp_path, stage.handlers(), slots=2) as worker,
        ):
            caller.outstanding = lambda: [again(HOLD, recovered=True)]
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            await scheduler.die()
            stage.let_go()
            await eventually(lambda: worker.runner.free_slots == 2, what="the attempt ends")

            await caller.hears(HOLD, "succeeded")
        assert stage.begun == ["job-0/main.1"]

    async def test_a_worker_that_registers_late_keeps_its_attempt_and_its_slots(
        self, any_redis_url: str, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        """Later than the settling window: by then the recovered order waits in the queue for a worker."""
        async with (
            running_scheduler(any_redis_url, name="s2", settle_seconds=0.0) as standby,
            calling([scheduler, standby]) as caller,
            running_worker([scheduler, standby], tmp_path, stage.handlers(), slots=2) as worker,
        ):
            caller.outstanding = lambda: [again(HOLD, recovered=True)]
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            await worker.fall_silent()
            await _fail_over(scheduler, standby, caller)
            await eventually_true(lambda: _is(_queued(caller), 1), what="the recovered order waits")

            worker.join()

            await eventually(lambda: caller.heard(HOLD).count("started") >= 2, what="the new leader attaches")
            assert stage.begun == ["job-0/main.1"]
            await all_slots_are_free(caller, stage, 1)

    async def test_an_order_that_reaches_a_new_leader_twice_runs_once(
        self, any_redis_url: str, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        """An orchestrator repeats what is outstanding, and behind it may follow what gathered before it knew."""
        async with (
            running_scheduler(any_redis_url, name="s2", settle_seconds=0.5) as standby,
            calling([scheduler, standby]) as caller,
            running_worker([scheduler, standby], tmp_path, stage.handlers(), slots=3),
        ):
            await _fail_over(scheduler, standby, caller)
            await eventually_true(lambda: _is(ready_workers(caller), 1))
            await caller.schedule(HOLD, again(HOLD, recovered=True))
            await caller.hears(HOLD, "started")
            # Settled: an order that was held back has had its turn too.
            late = order("late", recovered=True)
            await caller.schedule(late)
            await caller.hears(late, "succeeded")

            await all_slots_are_free(caller, stage, 2)
        assert stage.begun.count("job-0/main.1") == 1

    async def test_a_recovered_order_that_nobody_runs_is_placed_after_the_settling_window(
        self, any_redis_url: str, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            running_scheduler(any_redis_url, settle_seconds=0.3) as scheduler,
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers()),
        ):
            await caller.schedule(order(recovered=True))

            await caller.hears(order(), "succeeded")


class TestOrchestratorDies:
    async def test_its_successor_hears_what_it_had_not_recorded(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        """Files and checkpoints of the attempt, said to the dead one and never acknowledged, belong to the job."""
        store = order("job-0", kind="test.store")
        async with (
            calling([scheduler], name="o1") as first,
            calling([scheduler], name="o2") as second,
            running_worker([scheduler], tmp_path, stage.handlers()),
        ):
            await first.schedule(store)
            await first.hears(store, "log")
            await first.hears(store, "checkpoint")
            await first.leave()

            await second.schedule(again(store, recovered=True))
            await second.hears(store, "started")
            stage.let_go()
            await second.hears(store, "succeeded")

            assert stage.begun == ["job-0/main.1"]
            assert {"artifact", "checkpoint", "log"} <= set(second.heard(store))

    async def test_its_successor_hears_of_an_end_that_it_had_not_recorded(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        stage.let_go()
        store = order("job-0", kind="test.store")
        async with (
            calling([scheduler], name="o1") as first,
            calling([scheduler], name="o2") as second,
            running_worker([scheduler], tmp_path, stage.handlers()),
        ):
            await first.schedule(store)
            await first.hears(store, "succeeded")
            await first.leave()

            await second.schedule(again(store, recovered=True))
            await second.hears(store, "succeeded")

            assert stage.begun == ["job-0/main.1"]
            assert "artifact" in second.heard(store)

    async def test_what_was_acknowledged_is_forgotten_everywhere(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers()) as worker,
        ):
            await caller.schedule(order())
            await caller.hears(order(), "succeeded")

            await caller.schedule(acknowledged=caller.number)

            await eventually(lambda: worker.runner.outbox.acknowledged == worker.runner.outbox.number)


def _retrying(caller: Caller, *, kind: str) -> list[int]:
    """Let the caller do what an orchestrator does on a loss; returns the attempts that it came to."""
    retried: list[int] = []

    async def on_update(update: task_pb2.Update) -> None:
        if update.WhichOneof("what") == "lost" or (update.HasField("failed") and update.failed.retryable):
            retried.append(update.attempt + 1)
            await caller.schedule(order(update.job_id, kind=kind, attempt=update.attempt + 1))

    caller.on_update = on_update
    return retried


async def _fail_over(leader: RunningScheduler, standby: RunningScheduler, caller: Caller) -> None:
    former = caller.epoch
    await leader.die()
    await eventually(lambda: standby.leads, what="the standby leads")
    await eventually(lambda: caller.epoch != former, what="the caller has met the new leader")


async def _queued(caller: Caller) -> int:
    answer = await caller.stub.GetQueues(scheduler_pb2.GetQueuesRequest(), timeout=5)
    return sum(queue.depth for queue in answer.queues)


async def _is(found: Awaitable[int], wanted: int) -> bool:
    return await found == wanted

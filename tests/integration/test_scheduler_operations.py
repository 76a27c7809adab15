"""What operators do to a running scheduler: hold queues, drain workers, look at lost ones. Through the SDK."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.builders import order
from tests.fixtures.fleet import Caller, RunningScheduler, Stage, calling, running_scheduler, running_worker
from tests.fixtures.waiting import eventually, eventually_true
from tutti import errors
from tutti.client import Client
from tutti.v1 import scheduler_pb2

HOLD = order("job-0", kind="test.hold")
READY, DRAINING, LOST = (
    scheduler_pb2.WORKER_STATE_READY,
    scheduler_pb2.WORKER_STATE_DRAINING,
    scheduler_pb2.WORKER_STATE_LOST,
)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def scheduler(redis_url: str) -> AsyncIterator[RunningScheduler]:
    async with running_scheduler(redis_url, heartbeat_ttl_seconds=0.6) as running:
        await eventually(lambda: running.leads, what="it is elected")
        yield running


@asynccontextmanager
async def operator(schedulers: Sequence[RunningScheduler]) -> AsyncIterator[Client]:
    addresses = [scheduler.address for scheduler in schedulers]
    async with Client(addresses, schedulers=addresses) as client:
        yield client


async def fail_over(leader: RunningScheduler, standby: RunningScheduler, caller: Caller) -> None:
    former = caller.epoch
    await leader.die()
    await eventually(lambda: standby.leads and caller.epoch != former, what="the standby leads")


async def states(client: Client) -> dict[str, int]:
    return {worker.info.worker_id: worker.state for worker in await client.workers()}


async def is_true_of(client: Client, worker_id: str, state: int) -> bool:
    return (await states(client)).get(worker_id) == state


class TestPausing:
    async def test_a_paused_kind_waits_until_it_is_resumed_and_others_go_on(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            operator([scheduler]) as client,
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers()),
        ):
            await client.pause("test.hold")
            await client.pause("test.hold")
            await caller.schedule(HOLD, order("other"))
            await caller.hears(order("other"), "succeeded")

            queues = await client.queues()
            assert list(queues.paused_kinds) == ["test.hold"]
            assert [(queue.kind, queue.depth) for queue in queues.queues] == [("test.hold", 1)]
            assert stage.begun == []

            await client.resume("test.hold")
            await client.resume("test.never.paused")
            await caller.hears(HOLD, "started")
            assert list((await client.queues()).paused_kinds) == []

    async def test_what_runs_goes_on_while_its_kind_is_paused(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            operator([scheduler]) as client,
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers()),
        ):
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            await client.pause("test.hold")
            stage.let_go()
            await caller.hears(HOLD, "succeeded")

    async def test_a_pause_outlives_the_leader(
        self, redis_url: str, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            running_scheduler(redis_url, name="s2") as standby,
            operator([scheduler, standby]) as client,
            calling([scheduler, standby]) as caller,
            running_worker([scheduler, standby], tmp_path, stage.handlers()),
        ):
            await client.pause("test.hold")
            await fail_over(scheduler, standby, caller)
            await caller.schedule(HOLD, order("other"))
            await caller.hears(order("other"), "succeeded")
            assert list((await client.queues()).paused_kinds) == ["test.hold"]
            assert stage.begun == []

            await client.resume("test.hold")
            await caller.hears(HOLD, "started")

    async def test_a_leader_that_was_superseded_does_not_say_that_it_is_done(
        self, redis_url: str, scheduler: RunningScheduler
    ) -> None:
        """Another leader has read by then which queues are held."""
        election = scheduler.servicer._election  # the only way to be late on purpose
        await election.leave()
        async with operator([scheduler]) as client:
            client._timeout = 0.5
            async with running_scheduler(redis_url, name="s2") as usurper:
                await eventually(lambda: usurper.leads)
                with pytest.raises(errors.Unavailable):
                    await election.pause("test.hold")

    async def test_a_pause_names_a_kind(self, scheduler: RunningScheduler) -> None:
        async with operator([scheduler]) as client:
            for call in (client.pause, client.resume):
                with pytest.raises(errors.InvalidInput) as caught:
                    await call("")
                assert caught.value.field == "kind"


class TestDraining:
    async def test_a_drained_worker_finishes_what_it_has_and_gets_nothing_new_under_any_leader(
        self, redis_url: str, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            running_scheduler(redis_url, name="s2", settle_seconds=2.0, heartbeat_ttl_seconds=0.6) as standby,
            operator([scheduler, standby]) as client,
            calling([scheduler, standby]) as caller,
            running_worker([scheduler, standby], tmp_path, stage.handlers(), slots=4) as worker,
        ):
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")

            drained = await client.drain("w1")
            assert (drained.state, len(drained.leases)) == (DRAINING, 1)
            assert (await client.drain("w1")).state == DRAINING
            await eventually(lambda: worker.membership.draining, what="the worker knows")

            caller.outstanding = lambda: [order("job-0", kind="test.hold", recovered=True), order("new")]
            await fail_over(scheduler, standby, caller)
            await eventually_true(lambda: is_true_of(client, "w1", DRAINING))
            await eventually(lambda: caller.heard(HOLD).count("started") >= 2, what="the new leader attaches")
            async with running_worker([standby], tmp_path, stage.handlers(), name="w2"):
                await caller.hears(order("new"), "started")
                assert caller.about(order("new"))[0].lease_id.startswith(f"{caller.epoch}-")
                assert (await caller.hears(order("new"), "started")).started.worker_id == "w2"
            stage.let_go()
            await caller.hears(HOLD, "succeeded")
            assert stage.begun == ["job-0/main.1"]

    async def test_a_leader_that_dies_before_the_worker_has_heard_leaves_the_word_to_the_next(
        self, redis_url: str, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            # Its workers come by every two seconds, and it dies before that.
            running_scheduler(redis_url, name="s1", heartbeat_ttl_seconds=6) as leader,
            running_scheduler(redis_url, name="s2", settle_seconds=0.1, heartbeat_ttl_seconds=0.6) as standby,
            operator([leader, standby]) as client,
            calling([leader, standby]) as caller,
        ):
            await eventually(lambda: leader.leads or standby.leads, what="one is elected")
            first, second = (leader, standby) if leader.leads else (standby, leader)
            async with running_worker([leader, standby], tmp_path, stage.handlers()):
                await eventually_true(lambda: is_true_of(client, "w1", READY))
                await client.drain("w1")
                await fail_over(first, second, caller)
                await eventually_true(lambda: is_true_of(client, "w1", DRAINING), what="the next leader knows")

    async def test_a_worker_that_is_started_anew_drains_no_more(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with operator([scheduler]) as client, calling([scheduler]) as caller:
            async with running_worker([scheduler], tmp_path, stage.handlers()):
                await eventually_true(lambda: is_true_of(client, "w1", READY))
                await client.drain("w1")
            async with running_worker([scheduler], tmp_path, stage.handlers()):
                await caller.schedule(order())
                await caller.hears(order(), "succeeded")

    async def test_nobody_drains_who_is_not_there(self, scheduler: RunningScheduler) -> None:
        async with operator([scheduler]) as client:
            with pytest.raises(errors.NotFound):
                await client.drain("nobody")


class TestLostWorkers:
    async def test_they_are_listed_with_the_reason_until_they_come_back(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            operator([scheduler]) as client,
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers()) as worker,
        ):
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            await worker.fall_silent()
            await caller.hears(HOLD, "lost")

            (lost,) = await client.workers()
            assert (lost.state, lost.lost_message, list(lost.leases)) == (LOST, "it missed its heartbeats", [])
            found = await caller.stub.GetWorker(scheduler_pb2.GetWorkerRequest(worker_id="w1"), timeout=5)
            assert found.worker == lost
            with pytest.raises(errors.NotFound):
                await client.drain("w1")

            worker.join()
            await eventually_true(lambda: is_true_of(client, "w1", READY))

    async def test_they_can_be_cleared_away(self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path) -> None:
        async with (
            operator([scheduler]) as client,
            running_worker([scheduler], tmp_path, stage.handlers(), name="w1") as doomed,
            running_worker([scheduler], tmp_path, stage.handlers(), name="w2"),
        ):
            await eventually_true(lambda: is_true_of(client, "w1", READY))
            await doomed.die()
            await eventually_true(lambda: is_true_of(client, "w1", LOST))
            await eventually_true(lambda: is_true_of(client, "w2", READY))

            assert await client.remove_stale() == ["w1"]
            assert await client.remove_stale() == []
            assert await states(client) == {"w2": READY}

    async def test_who_left_in_order_is_not_lost(
        self, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with operator([scheduler]) as client, running_worker([scheduler], tmp_path, stage.handlers()) as worker:
            await eventually_true(lambda: is_true_of(client, "w1", READY))
            await worker.membership.leave()
            assert await states(client) == {}

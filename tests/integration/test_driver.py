"""Jobs driven by real replicas on a real Redis; the scheduler is real gRPC and does what the test says."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.orchestrator import job
from services.orchestrator.store import keys
from tests.builders import (
    chain_spec,
    failed,
    progressed,
    seconds,
    started,
    stopped,
    stored,
    succeeded,
    task_spec,
    with_fields,
)
from tests.fixtures.replicas import Replica, running_replica
from tests.fixtures.scheduler import ScriptedScheduler, serving
from tests.fixtures.stores import accept, new_job
from tests.fixtures.waiting import eventually, eventually_true
from tutti import errors, structs
from tutti.v1 import job_pb2, task_pb2

RUNNING = job_pb2.JOB_STATE_RUNNING
SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
FAILED = job_pb2.JOB_STATE_FAILED
CANCELLED = job_pb2.JOB_STATE_CANCELLED
AT_ONCE = task_pb2.RetryPolicy(initial_backoff=seconds(0.01))
#: A pause that no test waits for.
MUCH_LATER = task_pb2.RetryPolicy(initial_backoff=seconds(600), max_backoff=seconds(600))


@pytest.fixture
async def replica(any_redis_url: str, address: str) -> AsyncIterator[Replica]:
    async with running_replica(any_redis_url, address) as running:
        yield running


async def running_job(replica: Replica, scheduler: ScriptedScheduler, **spec: Any) -> str:
    """A job of one task that has begun at its first attempt."""
    job_id = await replica.submit(task_spec(**spec))
    await scheduler.order()
    scheduler.say(started(job_id=job_id))
    await replica.until(job_id, RUNNING)
    return job_id


async def composing_job(replica: Replica, scheduler: ScriptedScheduler, **spec: Any) -> str:
    """A job whose first task has begun and whose second one waits for it."""
    job_id = await replica.submit(with_fields(chain_spec(), **spec))
    await scheduler.order("compose")
    scheduler.say(started("compose", job_id=job_id))
    await replica.until(job_id, RUNNING)
    return job_id


class TestLife:
    async def test_a_job_is_driven_from_its_first_task_to_its_last(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await replica.submit(chain_spec())

        await scheduler.order("compose")
        scheduler.say(started("compose", job_id=job_id), progressed("compose", job_id=job_id))
        scheduler.say(succeeded("compose", job_id=job_id, result={"plan": {"bpm": 90}}))
        render = await scheduler.order("render")
        scheduler.say(started("render", job_id=job_id), succeeded("render", job_id=job_id))

        read = await replica.until(job_id, SUCCEEDED)
        assert structs.to_dict(render.input)["plan"] == {"bpm": 90}
        events = await replica.store.events(job_id, "", 100)
        assert [event.sequence for event in events] == list(range(1, read.revision + 1))
        assert await replica.store.redis.xlen(keys.stream(0, task_pb2.PRIORITY_NORMAL)) == 0
        assert len(replica.driver) == 0

    async def test_an_order_carries_what_the_job_says(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        spec = task_spec(input={"a": 1}, priority=task_pb2.PRIORITY_HIGH, attempt_timeout=seconds(7))
        spec.task.resources.gpus = 2
        spec.task.worker_labels["zone"] = "b"

        await replica.submit(spec, owner="bob")

        order = await scheduler.order()
        assert (order.owner, order.priority, order.timeout) == ("bob", task_pb2.PRIORITY_HIGH, seconds(7))
        assert (order.resources.gpus, dict(order.labels)) == (2, {"zone": "b"})
        assert structs.to_dict(order.input) == {"a": 1}

    async def test_a_failed_attempt_is_handed_over_again_with_its_checkpoint(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await running_job(replica, scheduler, retry=AT_ONCE)
        note = task_pb2.Checkpoint(note=structs.from_dict({"section": 2}))
        scheduler.say(task_pb2.Update(job_id=job_id, task="main", attempt=1, lease_id="1-1", checkpoint=note))

        scheduler.say(failed(job_id=job_id))

        assert (await scheduler.order(attempt=2)).resume_from == note

    async def test_updates_are_acknowledged_once_they_are_recorded(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await running_job(replica, scheduler)

        number = scheduler.say(succeeded(job_id=job_id))
        await replica.until(job_id, SUCCEEDED)

        await eventually(lambda: scheduler.acknowledged == number)

    async def test_a_successor_of_a_task_without_a_result_does_not_run_on_a_reference_that_leads_nowhere(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await replica.submit(with_fields(chain_spec(), retry=AT_ONCE))
        await scheduler.order("compose")

        scheduler.say(started("compose", job_id=job_id), succeeded("compose", job_id=job_id, result={}))

        read = await replica.until(job_id, FAILED)
        assert read.record.failure is not None
        assert read.record.failure.reason == "UNRESOLVED_INPUT"
        assert [order.task for order in scheduler.orders] == ["compose"]

    async def test_stale_updates_change_nothing(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        job_id = await running_job(replica, scheduler, retry=AT_ONCE)
        scheduler.say(failed(job_id=job_id))
        await scheduler.order(attempt=2)

        scheduler.say(succeeded(job_id=job_id, attempt=1))
        scheduler.say(started(job_id=job_id, attempt=2, lease="1-2"), succeeded(job_id=job_id, attempt=2, lease="1-2"))

        read = await replica.until(job_id, SUCCEEDED)
        assert read.record.tasks["main"].attempt == 2


class TestCancel:
    async def test_cancelling_a_running_job_stops_its_attempt(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await running_job(replica, scheduler)

        await _cancel(replica, job_id)

        ref = await scheduler.stop_of()
        assert (ref.job_id, ref.lease_id) == (job_id, "1-1")
        scheduler.say(stopped(job_id=job_id))
        await replica.until(job_id, CANCELLED)

    async def test_a_stop_never_overtakes_the_order_that_it_is_about(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        scheduler.open.clear()
        await replica.submit(task_spec())
        await eventually(lambda: scheduler.held_back == 1, what="an order is on its way")
        # The next order gathers behind it; its stop would go out at once.
        job_id = await replica.submit(chain_spec())
        await _cancel(replica, job_id)
        await _commits_are_through(replica)

        scheduler.open.set()
        await replica.submit(task_spec(), owner="last")
        await eventually(lambda: any(order.owner == "last" for order in scheduler.orders), what="all orders are out")

        heard = [line for line in scheduler.heard if job_id in line]
        # Sent before the stop, or not at all.
        assert f"order {job_id} compose.1" not in heard[1:], heard

    async def test_a_wish_reaches_the_leader_that_comes_after(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await composing_job(replica, scheduler)
        await _cancel(replica, job_id)
        await scheduler.stop_of("compose")
        scheduler.stops.clear()

        scheduler.begin_term("2")

        # The former leader may have died before it passed the wish on, and nobody else would repeat it.
        await scheduler.stop_of("compose")
        assert not any(order.recovered for order in scheduler.orders)

    async def test_a_job_cancelled_between_two_attempts_ends_under_whatever_leader(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await composing_job(replica, scheduler, retry=MUCH_LATER)
        scheduler.say(failed("compose", job_id=job_id))
        await _attempt(replica, job_id, "compose", 2)
        await _cancel(replica, job_id)
        await scheduler.stop_of("compose", attempt=2)
        scheduler.stops.clear()
        scheduler.begin_term("2")

        ref = await scheduler.stop_of("compose", attempt=2)
        scheduler.say(stopped("compose", job_id=ref.job_id, attempt=2, lease=""))

        await replica.until(job_id, CANCELLED)

    async def test_a_wish_recorded_while_a_claim_is_on_its_way_is_not_lost(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(any_redis_url, address, max_driven=0) as replica:
            new = new_job(graph={"main": (), "later": ("main",)})
            (claim,) = await accept(replica.store, new, replica="r1", room=1)
            read = await replica.job(new.record.job_id)

            # The record was read without the wish, and the wish finds nobody who drives the job yet.
            await _cancel(replica, new.record.job_id)
            effects = job.resumed(read.record)
            replica.driver.take(read.record, epoch=read.epoch, entry=claim.entry, commits=0, effects=effects)

            await scheduler.stop_of()

    async def test_a_wish_recorded_at_another_replica_is_heard(
        self, any_redis_url: str, address: str, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await replica.submit(chain_spec())
        await scheduler.order("compose")
        async with running_replica(any_redis_url, address, name="r2") as other:
            driver = await other.store.cancel(job_id)
            await other.store.send_wish(driver, job_id)

            await scheduler.stop_of("compose")


class TestTakeOver:
    async def test_a_new_leader_is_told_of_everything_outstanding(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await running_job(replica, scheduler)

        scheduler.begin_term("2")

        assert (await scheduler.order(recovered=True)).job_id == job_id
        scheduler.say(succeeded(job_id=job_id))
        await replica.until(job_id, SUCCEEDED)

    @pytest.mark.parametrize("epoch", ["1", "2"], ids=["the same leader", "another leader"])
    async def test_what_no_leader_has_heard_of_is_not_called_recovered(self, redis_url: str, epoch: str) -> None:
        """Recovered orders wait until workers have said what they run; a new one need not."""
        former = ScriptedScheduler()  # type: ignore[abstract]  # as above
        async with serving(former) as address:
            stack = AsyncExitStack()
            replica = await stack.enter_async_context(running_replica(redis_url, address))
        async with stack:
            await eventually(lambda: not replica.driver.link.connected, what="it notices that the leader is gone")
            job_id = await replica.submit(task_spec())
            later = ScriptedScheduler(epoch)  # type: ignore[abstract]  # as above
            async with serving(later, address):
                assert (await later.order(recovered=False)).job_id == job_id
        assert former.orders == []

    async def test_the_jobs_of_a_dead_replica_are_driven_on(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(any_redis_url, address, name="r1") as first:
            job_id = await running_job(first, scheduler)
            await first.die()
            async with running_replica(any_redis_url, address, name="r2") as second:
                await scheduler.order(recovered=True)
                scheduler.say(stored(job_id=job_id), succeeded(job_id=job_id, result={"by": "r2"}))
                read = await second.until(job_id, SUCCEEDED)

                assert read.epoch == 2
                await _no_consumer(second, "r1")

    async def test_a_driver_that_was_taken_over_writes_nothing_more(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(any_redis_url, address, name="r1") as first:
            job_id = await running_job(first, scheduler)
            entry = (await first.job(job_id)).entry
            await first.store.claim(0, 2, {entry: job_id}, "r2")

            scheduler.say(succeeded(job_id=job_id))
            await eventually(lambda: job_id not in first.driver, what="the former driver lets go")

            assert (await first.job(job_id)).record.state == RUNNING

    async def test_what_redis_did_not_answer_is_found_again(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        # As when the answer to a create was lost on the way: the entry is this replica's, and it does not know.
        new = new_job()
        await accept(replica.store, new, replica="r1", room=1)

        replica.claims.look_again()

        assert (await scheduler.order(recovered=True)).job_id == new.record.job_id


class TestIntake:
    async def test_a_retried_request_gets_the_first_answer(self, replica: Replica) -> None:
        first = await replica.submit(task_spec(input={"a": 1}), request_id="once")

        assert await replica.submit(task_spec(input={"a": 1}), request_id="once") == first
        with pytest.raises(errors.Conflict) as caught:
            await replica.submit(task_spec(input={"a": 2}), request_id="once")
        assert caught.value.field == "request_id"

    async def test_a_bad_owner_or_request_id_names_itself(self, replica: Replica) -> None:
        for choices, field in (({"owner": ""}, "owner"), ({"request_id": "x" * 201}, "request_id")):
            with pytest.raises(errors.InvalidInput) as caught:
                await replica.submit(task_spec(), **choices)
            assert caught.value.field == field

    async def test_a_replica_without_room_leaves_jobs_to_others(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(any_redis_url, address, name="r1", max_driven=3) as small:
            for _ in range(10):
                await small.submit(task_spec())
            # A read of the streams may have been on its way with the room that there was before.
            assert len(small.driver) <= 6
            assert small.claims.room() == 0

            async with running_replica(any_redis_url, address, name="r2") as large:
                await eventually(lambda: len(small.driver) + len(large.driver) == 10, what="all are driven")


async def _cancel(replica: Replica, job_id: str) -> None:
    """As CancelJob does."""
    if await replica.store.cancel(job_id) == replica.name:
        replica.driver.cancel(job_id)


async def _attempt(replica: Replica, job_id: str, task: str, attempt: int) -> None:
    async def reached() -> bool:
        return (await replica.job(job_id)).record.tasks[task].attempt == attempt

    await eventually_true(reached, what=f"attempt {attempt} is recorded")


async def _commits_are_through(replica: Replica) -> None:
    """Whatever was committed before has had its effects: commits of a partition are flushed in order."""
    job_id = await replica.submit(chain_spec())
    await _cancel(replica, job_id)

    async def recorded() -> bool:
        return (await replica.job(job_id)).record.tasks["render"].at_rest

    await eventually_true(recorded)


async def _no_consumer(replica: Replica, name: str) -> None:
    async def gone() -> bool:
        return name not in await replica.store.consumers(0, 2)

    await eventually_true(gone, what=f"{name} is forgotten")


class TestRoom:
    async def test_a_read_that_waits_brings_no_more_than_there_is_room_for_when_it_ends(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(any_redis_url, address, max_driven=20) as replica:
            await eventually(lambda: replica.claims.room() == 17, what="a read waits")
            for n in range(15):
                await replica.submit(task_spec(input={"n": n}))
            # Another replica accepts what it has no room for itself.
            await accept(replica.store, *(new_job(0) for _ in range(30)))

            await eventually(lambda: len(replica.driver) >= 18, what="it drives as many as it may")
            waiting = new_job(0)
            await accept(replica.store, waiting)
            assert await replica.store.redis.xlen(keys.stream(0, task_pb2.PRIORITY_NORMAL)) == 46
            assert len(replica.driver) <= 20

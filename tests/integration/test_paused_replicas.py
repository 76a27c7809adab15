"""Orchestrator replicas whose lease ran out while they were paused: what they do before they know it."""

from collections.abc import AsyncIterator

import pytest

from tests.builders import failed, seconds, started, succeeded, task_spec
from tests.fixtures.replicas import Replica, running_replica
from tests.fixtures.scheduler import ScriptedScheduler
from tests.fixtures.stores import accept, new_job
from tests.fixtures.waiting import eventually, eventually_true
from tutti.v1 import job_pb2, task_pb2

#: No renewal comes by itself while a test runs.
LONG = 600.0
AT_ONCE = task_pb2.RetryPolicy(initial_backoff=seconds(0.01))


@pytest.fixture
async def paused(redis_url: str, address: str) -> AsyncIterator[Replica]:
    async with running_replica(redis_url, address, lease_seconds=LONG) as running:
        yield running


async def job_that_is_tried_again(replica: Replica, scheduler: ScriptedScheduler) -> str:
    """A job whose second attempt is due, and was not handed over, because by then the lease had run out."""
    job_id = await replica.submit(task_spec(retry=AT_ONCE))
    await scheduler.order()
    scheduler.say(started(job_id=job_id))
    await replica.until(job_id, job_pb2.JOB_STATE_RUNNING)
    replica.driver.trusted_until = 0.0
    scheduler.say(failed(job_id=job_id))

    async def decided() -> bool:
        return (await replica.job(job_id)).record.tasks["main"].attempt == 2

    await eventually_true(decided, what="the second attempt is recorded")
    await eventually(
        lambda: replica.driver.outstanding(job_id) == {"main": 2}, what="its pause is over, and it is held back"
    )
    return job_id


async def taken_over(replica: Replica, job_id: str) -> None:
    """As by another replica, which lives."""
    await replica.store.refresh_lease("r2", "", LONG)
    await replica.store.claim(0, 2, {(await replica.job(job_id)).entry: job_id}, "r2")


async def test_nothing_is_handed_over_for_a_job_that_another_drives(
    paused: Replica, scheduler: ScriptedScheduler
) -> None:
    job_id = await job_that_is_tried_again(paused, scheduler)
    await taken_over(paused, job_id)

    await paused.claims.renew()

    assert job_id not in paused.driver
    other = await paused.submit(task_spec())
    await eventually(lambda: any(order.job_id == other for order in scheduler.orders), what="it hands over again")
    assert [order.attempt for order in scheduler.orders if order.job_id == job_id] == [1]


async def test_what_was_held_back_is_handed_over_where_nobody_took_it(
    paused: Replica, scheduler: ScriptedScheduler
) -> None:
    job_id = await job_that_is_tried_again(paused, scheduler)

    await paused.claims.renew()

    assert (await scheduler.order(attempt=2)).job_id == job_id
    scheduler.say(succeeded(job_id=job_id, attempt=2))
    await paused.until(job_id, job_pb2.JOB_STATE_SUCCEEDED)


async def test_orders_and_stops_say_under_which_epoch_the_job_is_driven(
    redis_url: str, address: str, scheduler: ScriptedScheduler
) -> None:
    async with running_replica(redis_url, address, name="r1") as first:
        job_id = await first.submit(task_spec())
        assert (await scheduler.order()).job_epoch == 1
        await first.die()
        async with running_replica(redis_url, address, name="r2") as second:
            assert (await scheduler.order(recovered=True)).job_epoch == 2
            await second.store.cancel(job_id)
            second.driver.cancel(job_id)
            assert (await scheduler.stop_of()).job_epoch == 2


async def test_a_consumer_that_holds_entries_is_not_forgotten(paused: Replica) -> None:
    """It was taken for dead, and given entries between the look at what it holds and the order to drop it."""
    new = new_job()
    await accept(paused.store, new, replica="revived", room=1)

    await paused.store.forget_consumer(0, 2, "revived")

    assert (await paused.store.consumers(0, 2))["revived"] == 1

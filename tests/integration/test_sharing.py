"""Tasks that are spared, on real replicas and a real Redis; the scheduler does what the test says."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.orchestrator.store.cache import Asked, CacheStore, How, Verdict
from services.orchestrator.store.records import Stored
from tests.builders import failed, lost, seconds, started, stopped, succeeded, task_spec, update
from tests.fixtures.replicas import Replica, running_replica
from tests.fixtures.scheduler import ScriptedScheduler
from tests.fixtures.waiting import eventually, eventually_true
from tutti import redis_client, structs
from tutti.v1 import artifact_pb2, job_pb2, task_pb2

SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
FAILED = job_pb2.JOB_STATE_FAILED
CANCELLED = job_pb2.JOB_STATE_CANCELLED


@pytest.fixture
async def replica(any_redis_url: str, address: str) -> AsyncIterator[Replica]:
    async with running_replica(any_redis_url, address) as running:
        yield running


def cached_spec(n: int = 1, **fields: Any) -> job_pb2.JobSpec:
    return task_spec("test.cached", {"n": n}, **fields)


def done(job_id: str, **choices: Any) -> task_pb2.Update:
    return succeeded(job_id=job_id, **{"result": {"by": job_id}, "version": "1", **choices})


async def order_of(scheduler: ScriptedScheduler, job_id: str, *, attempt: int = 1) -> task_pb2.TaskOrder:
    await eventually(lambda: bool(orders_of(scheduler, job_id, attempt)), what=f"{job_id} is handed over")
    return orders_of(scheduler, job_id, attempt)[-1]


def orders_of(scheduler: ScriptedScheduler, job_id: str, attempt: int = 1) -> list[task_pb2.TaskOrder]:
    return [order for order in scheduler.orders if (order.job_id, order.attempt) == (job_id, attempt)]


async def begun(replica: Replica, scheduler: ScriptedScheduler, **choices: Any) -> str:
    """A job whose task computes."""
    job_id = await replica.submit(cached_spec(**choices))
    await order_of(scheduler, job_id)
    scheduler.say(started(job_id=job_id))
    await replica.until(job_id, job_pb2.JOB_STATE_RUNNING)
    return job_id


async def waiting(replica: Replica, **choices: Any) -> str:
    """A job that waits for what another computes: it has asked, and was told so."""
    job_id = await replica.submit(cached_spec(**choices))
    await eventually(lambda: job_id in replica.driver and "main" in replica.driver.shares(job_id))
    share = replica.driver.shares(job_id)["main"]
    await eventually(lambda: share.waited, what="it waits")
    assert not share.handed_over
    return job_id


def result_of(stored: Stored) -> dict[str, Any]:
    result = stored.record.tasks["main"].result
    assert result is not None
    return structs.to_dict(result)


class TestHit:
    async def test_a_task_that_has_been_done_is_not_done_again(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        made = artifact_pb2.Artifact(name="a.txt", sha256="a" * 64, key=f"{first}/main/1/a.txt")
        scheduler.say(update(job_id=first, artifact=made), done(first))
        await replica.until(first, SUCCEEDED)
        await recorded(replica, 1)

        second = await replica.submit(cached_spec(), owner="bob")

        task = (await replica.until(second, SUCCEEDED)).record.tasks["main"]
        assert task.cached
        assert [(artifact.key, artifact.task) for artifact in task.artifacts] == [(made.key, "main")]
        assert result_of(await replica.job(second)) == {"by": first}
        assert [order.job_id for order in scheduler.orders] == [first]
        moved = [event.task_moved for event in await replica.store.events(second, "", 100) if event.task]
        assert [each.cached for each in moved if each.state] == [True]

    async def test_another_input_is_another_task(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        first = await begun(replica, scheduler, n=1)
        scheduler.say(done(first))
        await recorded(replica, 1)

        second = await replica.submit(cached_spec(n=2))

        await order_of(scheduler, second)

    async def test_with_the_cache_off_a_job_neither_gets_nor_leaves_anything(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler, n=1)
        scheduler.say(done(first))
        await recorded(replica, 1)

        off = await replica.submit(cached_spec(n=1, cache=job_pb2.CACHE_POLICY_OFF))
        await order_of(scheduler, off)
        scheduler.say(started(job_id=off), done(off))
        other = await begun(replica, scheduler, n=2, cache=job_pb2.CACHE_POLICY_OFF)
        scheduler.say(done(other))
        await replica.until(other, SUCCEEDED)

        assert result_of(await replica.until(off, SUCCEEDED)) == {"by": off}
        assert await order_of(scheduler, await replica.submit(cached_spec(n=2)))

    async def test_with_no_time_to_keep_results_for_nothing_is_cached(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(any_redis_url, address, cache_ttl_seconds=0) as replica:
            first, second = [await replica.submit(cached_spec()) for _ in range(2)]

            await order_of(scheduler, first)
            await order_of(scheduler, second)
            assert await entries(replica) == []

    async def test_kinds_that_do_not_take_part_leave_no_trace(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await replica.submit(task_spec())
        await order_of(scheduler, job_id)

        assert replica.driver.shares(job_id) == {}
        assert await entries(replica) == []

    async def test_a_result_of_another_version_than_was_asked_for_is_not_kept(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        second = await waiting(replica)

        scheduler.say(done(first, version="0"))  # a worker that has not been upgraded yet

        await order_of(scheduler, second)

    async def test_a_result_that_names_a_file_of_another_task_is_not_kept(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        described = {"name": "a", "type": "text/plain", "size": 1, "sha256": "a" * 64, "key": "secret/main/1/a"}
        first = await begun(replica, scheduler)
        second = await waiting(replica)

        scheduler.say(done(first, result={"file": described}))

        await order_of(scheduler, second)

    async def test_a_job_that_is_run_again_gets_what_was_done_meanwhile(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        scheduler.say(failed(job_id=first, retryable=False))
        await replica.until(first, FAILED)
        second = await begun(replica, scheduler)
        scheduler.say(done(second))
        await recorded(replica, 1)

        await replica.dead.retry("ada", first)

        assert result_of(await replica.until(first, SUCCEEDED)) == {"by": second}
        assert orders_of(scheduler, first, 2) == []

    async def test_the_next_task_may_read_what_another_job_made(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        made = artifact_pb2.Artifact(name="a.txt", sha256="a" * 64, key=f"{first}/main/1/a.txt")
        scheduler.say(update(job_id=first, artifact=made), done(first))
        await recorded(replica, 1)
        tasks = [
            job_pb2.PlannedTask(name="main", kind="test.cached", input=structs.from_dict({"n": 1})),
            job_pb2.PlannedTask(name="later", kind="test.echo", needs=["main"]),
        ]

        await replica.submit(job_pb2.JobSpec(plan=job_pb2.Plan(tasks=tasks)))

        assert list((await scheduler.order("later")).readable_keys) == [made.key]


class TestMerge:
    async def test_of_two_jobs_at_once_one_computes_and_both_get_it(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        second = await waiting(replica)

        scheduler.say(done(first))

        for job_id in (first, second):
            assert result_of(await replica.until(job_id, SUCCEEDED)) == {"by": first}
        assert [order.job_id for order in scheduler.orders] == [first]

    async def test_also_at_different_replicas(
        self, any_redis_url: str, address: str, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        async with running_replica(any_redis_url, address, name="r2") as other:
            second = await waiting(other)

            scheduler.say(done(first))

            assert result_of(await other.until(second, SUCCEEDED)) == {"by": first}
        assert [order.job_id for order in scheduler.orders] == [first]

    async def test_also_within_one_job(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        same = structs.from_dict({"n": 1})
        tasks = [job_pb2.PlannedTask(name=name, kind="test.cached", input=same) for name in ("one", "two")]
        job_id = await replica.submit(job_pb2.JobSpec(plan=job_pb2.Plan(tasks=tasks)))
        order = await order_of(scheduler, job_id)

        scheduler.say(started(order.task, job_id=job_id), succeeded(order.task, job_id=job_id, version="1"))

        read = await replica.until(job_id, SUCCEEDED)
        assert sorted(task.cached for task in read.record.tasks.values()) == [False, True]

    async def test_a_hundred_that_wait_are_served_together(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        others = [await replica.submit(cached_spec()) for _ in range(100)]

        scheduler.say(done(first))

        for job_id in others:
            await replica.until(job_id, SUCCEEDED)
        assert [order.job_id for order in scheduler.orders] == [first]

    async def test_when_the_one_that_computes_fails_another_computes(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        second, third = [await waiting(replica) for _ in range(2)]

        scheduler.say(failed(job_id=first, retryable=False))

        await order_of(scheduler, second)
        scheduler.say(started(job_id=second), done(second))
        assert result_of(await replica.until(third, SUCCEEDED)) == {"by": second}
        assert orders_of(scheduler, third) == []

    async def test_while_the_one_that_computes_pauses_another_computes_and_spares_it_its_next_attempt(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler, retry=task_pb2.RetryPolicy(initial_backoff=seconds(1)))
        second = await waiting(replica)

        scheduler.say(failed(job_id=first))

        await order_of(scheduler, second)
        scheduler.say(started(job_id=second), done(second))
        assert result_of(await replica.until(first, SUCCEEDED)) == {"by": second}
        assert orders_of(scheduler, first, 2) == []

    async def test_one_that_lost_its_worker_goes_on_at_once_and_the_others_wait(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        second = await waiting(replica)

        scheduler.say(lost(job_id=first))

        await order_of(scheduler, first, attempt=2)
        scheduler.say(started(job_id=first, attempt=2, lease="1-2"), done(first, attempt=2, lease="1-2"))
        assert result_of(await replica.until(second, SUCCEEDED)) == {"by": first}
        assert orders_of(scheduler, second) == []

    async def test_when_the_one_that_computes_is_cancelled_another_computes(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        second = await waiting(replica)

        await cancel(replica, first)
        await scheduler.stop_of()
        scheduler.say(stopped(job_id=first))

        await order_of(scheduler, second)

    async def test_one_that_waits_is_cancelled_without_ever_running(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        second, third = [await waiting(replica) for _ in range(2)]

        await cancel(replica, second)
        await scheduler.stop_of()
        scheduler.say(stopped(job_id=second, lease=""))
        await replica.until(second, CANCELLED)
        scheduler.say(done(first))

        await replica.until(third, SUCCEEDED)
        assert (await replica.job(second)).record.state == CANCELLED
        assert [order.job_id for order in scheduler.orders] == [first]

    async def test_a_more_urgent_one_does_not_wait_for_one_that_has_not_begun(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        low = await replica.submit(cached_spec(priority=task_pb2.PRIORITY_LOW))
        await order_of(scheduler, low)

        high = await replica.submit(cached_spec(priority=task_pb2.PRIORITY_HIGH))

        await order_of(scheduler, high)
        # And what it leaves spares the first one, which is taken back from the scheduler.
        scheduler.say(started(job_id=high), done(high))
        assert result_of(await replica.until(low, SUCCEEDED)) == {"by": high}
        assert (await scheduler.stop_of()).job_id == low

    async def test_one_that_never_begins_holds_nobody_up_for_long(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await replica.submit(cached_spec())
        await order_of(scheduler, first)

        second = await waiting(replica)

        await order_of(scheduler, second)

    async def test_hits_merges_and_misses_are_counted(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        before = counters()
        first = await begun(replica, scheduler)
        merged = await waiting(replica)
        scheduler.say(done(first))
        await replica.until(merged, SUCCEEDED)

        await replica.until(await replica.submit(cached_spec()), SUCCEEDED)

        assert counters() - before == Counter(misses=1, merges=1, hits=1)


class TestDeath:
    async def test_the_next_driver_of_the_one_that_computes_goes_on_and_both_get_it(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with (
            running_replica(any_redis_url, address, name="r1") as first,
            running_replica(any_redis_url, address, name="r2") as second,
        ):
            computing = await begun(first, scheduler)
            spared = await waiting(second)

            await first.die()

            await scheduler.order(recovered=True)
            scheduler.say(done(computing))
            for job_id in (computing, spared):
                assert result_of(await second.until(job_id, SUCCEEDED)) == {"by": computing}
            assert {order.job_id for order in scheduler.orders} == {computing}

    async def test_who_takes_both_over_goes_on_with_the_one_that_computes(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(any_redis_url, address, name="r1") as first:
            # Claimed again in the order of the streams: the one that waits comes first.
            low = await begun(first, scheduler, priority=task_pb2.PRIORITY_LOW)
            high = await waiting(first, priority=task_pb2.PRIORITY_HIGH)
            await first.die()
            async with running_replica(any_redis_url, address, name="r2") as second:
                await scheduler.order(recovered=True)
                scheduler.say(done(low))
                for job_id in (low, high):
                    assert result_of(await second.until(job_id, SUCCEEDED)) == {"by": low}
        assert {order.job_id for order in scheduler.orders} == {low}

    async def test_a_claim_is_renewed_for_as_long_as_its_task_runs(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        await begun(replica, scheduler)
        (key,) = await entries(replica)
        lowest = await replica.store.redis.pttl(key)

        async def renewed() -> bool:
            nonlocal lowest
            left = await replica.store.redis.pttl(key)
            grown, lowest = bool(left > lowest + 300), min(left, lowest)
            return grown

        await eventually_true(renewed, what="the claim lasts longer than before")

    async def test_the_next_driver_of_one_that_waited_waits_again(
        self, any_redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with (
            running_replica(any_redis_url, address, name="r1") as first,
            running_replica(any_redis_url, address, name="r2") as second,
        ):
            computing = await begun(second, scheduler)
            spared = await waiting(first)

            await first.die()

            await eventually(lambda: spared in second.driver, what="it is taken over")
            scheduler.say(done(computing))
            assert result_of(await second.until(spared, SUCCEEDED)) == {"by": computing}
            assert [order.job_id for order in scheduler.orders] == [computing]

    async def test_a_claim_that_nobody_keeps_holds_others_up_for_seconds_at_most(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        first = await begun(replica, scheduler)
        (digest,) = [share.digest for share in replica.driver.shares(first).values()]
        scheduler.say(failed(job_id=first, retryable=False))
        await replica.until(first, FAILED)
        # As of a driver that died, and whose job nobody can take over.
        cache = CacheStore(replica.store, ttl_seconds=60, claim_seconds=1.8)

        async def claimed() -> bool:
            asked = Asked(digest, "gone", "main", 1, task_pb2.PRIORITY_NORMAL, How.RUN)
            (answer,) = await cache.ask(cache.partition_of(digest), [asked])
            return answer.verdict is Verdict.CLAIMED

        await eventually_true(claimed, what="the claim was given back, and is somebody else's")

        second = await waiting(replica)

        await order_of(scheduler, second)


def counters() -> Counter[str]:
    found = {name: f"tutti_cache_{name}_total" for name in ("hits", "merges", "misses")}
    values = {name: REGISTRY.get_sample_value(full, {"kind": "test.cached"}) for name, full in found.items()}
    return Counter({name: int(value or 0) for name, value in values.items()})


async def cancel(replica: Replica, job_id: str) -> None:
    """As CancelJob does."""
    if await replica.store.cancel(job_id) == replica.name:
        replica.driver.cancel(job_id)


async def entries(replica: Replica) -> list[bytes]:
    found: list[bytes] = []
    for server in await redis_client.servers(replica.store.redis):
        found += [key async for key in server.scan_iter(match="tutti:{*}:cache:*")]
    return found


async def recorded(replica: Replica, count: int) -> None:
    """Wait until so many results are in the cache."""

    async def reached() -> bool:
        found = [await replica.store.redis.hexists(key, "result") for key in await entries(replica)]
        return found.count(True) == count

    await eventually_true(reached, what=f"{count} results are recorded")

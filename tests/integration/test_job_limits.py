"""What a job and its owner are held to, on real replicas and a real Redis: deadlines and quotas."""

import pytest

from services.orchestrator import job
from tests.builders import chain_spec, seconds, stopped, succeeded, task_spec, with_fields
from tests.fixtures.replicas import Replica, know_kinds, running_replica
from tests.fixtures.scheduler import ScriptedScheduler
from tests.fixtures.waiting import eventually, eventually_true
from tutti import errors
from tutti.v1 import job_pb2, task_pb2

SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
FAILED = job_pb2.JOB_STATE_FAILED
OWNER = "ada"


class TestDeadline:
    async def test_a_job_that_waits_too_long_ends(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        job_id = await replica.submit(with_fields(chain_spec(), job_timeout=seconds(0.05)))

        ref = await scheduler.stop_of("compose")
        scheduler.say(stopped("compose", job_id=ref.job_id, lease=""))

        read = await replica.until(job_id, FAILED)
        assert read.record.tasks["render"].state == task_pb2.TASK_STATE_SKIPPED

    async def test_who_takes_a_job_over_keeps_to_its_deadline(
        self, redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(redis_url, address, name="r1") as first:
            job_id = await first.submit(task_spec(job_timeout=seconds(1)))
            await scheduler.order()
            await first.die()
            async with running_replica(redis_url, address, name="r2") as second:
                await scheduler.stop_of()
                scheduler.say(stopped(job_id=job_id))
                await second.until(job_id, FAILED)

    async def test_an_expired_job_is_stopped_again_by_who_takes_it_over(
        self, redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(redis_url, address, name="r1") as first:
            spec = with_fields(chain_spec(), job_timeout=seconds(0.05))
            job_id = await first.submit(spec)
            await scheduler.stop_of("compose")

            async def recorded() -> bool:
                return (await first.job(job_id)).record.expired

            await eventually_true(recorded)
            await first.die()
            scheduler.stops.clear()
            async with running_replica(redis_url, address, name="r2") as second:
                await scheduler.stop_of("compose")
                scheduler.say(stopped("compose", job_id=job_id))
                read = await second.until(job_id, FAILED)
                assert job.resumed(read.record) == ()

    async def test_a_job_within_its_time_leaves_no_timer(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        job_id = await replica.submit(task_spec(job_timeout=seconds(600)))
        await scheduler.order()
        driven = replica.driver._driven[job_id]
        (timer,) = driven.timers.values()

        scheduler.say(succeeded(job_id=job_id))
        await replica.until(job_id, SUCCEEDED)

        await eventually(timer.cancelled, what="the timer is gone")


class TestQuota:
    async def test_an_owner_with_as_many_jobs_as_it_may_have_is_refused_until_one_has_ended(
        self, redis_url: str, address: str, scheduler: ScriptedScheduler
    ) -> None:
        async with running_replica(redis_url, address, max_jobs=2) as replica:
            job_id, _ = [await replica.submit(task_spec()) for _ in range(2)]
            with pytest.raises(errors.QuotaExceeded) as caught:
                await replica.submit(task_spec(), request_id="once")
            assert (caught.value.reason, caught.value.details) == ("OWNER_QUOTA", {"limit": "2", "used": "2"})
            await replica.submit(task_spec(), owner="bob")

            scheduler.say(succeeded(job_id=job_id))
            await replica.until(job_id, SUCCEEDED)

            await replica.submit(task_spec(), request_id="once")

    async def test_with_many_partitions_all_of_them_count(
        self, redis_url: str, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.orchestrator.quota.COUNT_AGAIN_SECONDS", 0.0)
        async with running_replica(redis_url, address, partitions=16, max_jobs=20) as replica:
            await know_kinds(replica.store, "test.echo")
            for _ in range(20):
                await replica.submit(task_spec())

            with pytest.raises(errors.QuotaExceeded) as caught:
                await replica.submit(task_spec())

            assert caught.value.details == {"limit": "20", "used": "20"}
            assert sum(await replica.store.open_jobs(OWNER)) == 20

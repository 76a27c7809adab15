"""The job store on a real Redis, with one partition and with many: creating, claiming, paging, and its bounds."""

import pytest

from services.orchestrator import ids, job
from services.orchestrator.store import keys
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.values import NewJob
from tests.builders import JOB_ID, NOW_MS, succeeded
from tests.fixtures import stores
from tests.fixtures.stores import (
    accept,
    commit_of,
    cursors,
    driven_job,
    new_job,
    open_store,
    pending_entries,
    waiting_entries,
)
from tutti import errors
from tutti.v1 import job_pb2, task_pb2

store, partition = stores.store, stores.partition


class TestOpen:
    async def test_the_first_start_decides_how_many_partitions_there_are(self, redis_url: str) -> None:
        async with open_store(redis_url, partitions=4):
            pass
        async with open_store(redis_url, partitions=16) as later:
            assert later.partitions == 4


class TestCreate:
    async def test_an_accepted_job_is_read_back_as_it_was(self, store: JobStore, partition: int) -> None:
        new = new_job(partition, graph={"compose": (), "render": ("compose",)}, max_attempts=5, labels={"mood": "calm"})

        await accept(store, new)

        read = await store.get(new.record.job_id)
        assert read.record == new.record
        assert (read.revision, read.epoch, read.commits) == (1, 0, 0)

    async def test_the_first_event_is_there_with_the_job(self, store: JobStore, partition: int) -> None:
        new = new_job(partition)

        await accept(store, new)

        (event,) = await store.events(new.record.job_id, "", 10)
        assert event.job_moved.state == job_pb2.JOB_STATE_QUEUED
        assert event.sequence == 1
        assert (await store.get(new.record.job_id)).last_event_id == event.event_id

    async def test_a_request_id_stands_for_the_job_that_it_first_made(self, store: JobStore, partition: int) -> None:
        first, again = (new_job(partition, request_id="once") for _ in range(2))
        await accept(store, first)

        answers, _ = await store.create(partition, [again], "", 0)

        assert answers == [first.record.job_id]
        with pytest.raises(errors.NotFound):
            await store.get(again.record.job_id)
        assert await waiting_entries(store, partition) == 1

    async def test_a_request_id_is_kept_apart_within_one_batch_too(self, store: JobStore, partition: int) -> None:
        first, again = (new_job(partition, request_id="once") for _ in range(2))

        answers, _ = await store.create(partition, [first, again], "", 0)

        assert answers == ["created", first.record.job_id]

    async def test_a_request_id_that_stands_for_another_spec_is_a_conflict(
        self, store: JobStore, partition: int
    ) -> None:
        await accept(store, new_job(partition, request_id="once", digest="d1"))

        answers, _ = await store.create(partition, [new_job(partition, request_id="once", digest="d2")], "", 0)

        assert answers == ["conflict"]

    async def test_owners_have_request_ids_of_their_own(self, store: JobStore, partition: int) -> None:
        await accept(store, new_job(partition, request_id="once", owner="ada", digest="d1"))

        answers, _ = await store.create(
            partition, [new_job(partition, request_id="once", owner="bob", digest="d2")], "", 0
        )

        assert answers == ["created"]

    async def test_a_request_id_is_forgotten_after_its_time(self, store: JobStore, partition: int) -> None:
        new = new_job(partition, request_id="once")

        await accept(store, new)

        ttl = await store.redis.ttl(keys.request(partition, new.record.owner, "once"))
        assert 0 < ttl <= 60

    async def test_repeating_a_create_changes_nothing(self, store: JobStore, partition: int) -> None:
        new = new_job(partition)
        await accept(store, new)

        await accept(store, new)

        assert await waiting_entries(store, partition) == 1
        assert [sequence for sequence, _ in await cursors(store, new.record.job_id)] == [1]

    async def test_some_of_a_batch_may_be_refused_while_others_are_accepted(
        self, store: JobStore, partition: int
    ) -> None:
        await accept(store, new_job(partition, request_id="once", digest="d1"))
        batch = [
            new_job(partition),
            new_job(partition, request_id="once", digest="d2"),
            new_job(partition, request_id="new"),
        ]

        answers, claimed = await store.create(partition, batch, "r1", 10)

        assert answers == ["created", "conflict", "created"]
        assert batch[1].record.job_id not in {claim.job_id for claim in claimed}
        assert {batch[0].record.job_id, batch[2].record.job_id} <= {claim.job_id for claim in claimed}


class TestClaimInTheSameBreath:
    async def test_a_replica_with_room_drives_what_it_creates(self, store: JobStore, partition: int) -> None:
        new = new_job(partition)

        (claim,) = await accept(store, new, replica="r1", room=100)

        assert (claim.job_id, claim.epoch) == (new.record.job_id, 1)
        read = await store.get(new.record.job_id)
        assert (read.epoch, read.entry) == (1, claim.entry)

    async def test_no_more_is_claimed_than_there_is_room_for(self, store: JobStore, partition: int) -> None:
        claimed = await accept(store, *(new_job(partition) for _ in range(5)), replica="r1", room=3)

        assert len(claimed) == 3
        assert await pending_entries(store, partition) == 3

    async def test_a_replica_without_room_or_name_claims_nothing(self, store: JobStore, partition: int) -> None:
        assert await accept(store, new_job(partition), replica="r1", room=0) == []
        assert await accept(store, new_job(partition), replica="", room=9) == []

        assert await pending_entries(store, partition) == 0

    async def test_what_was_left_waiting_is_claimed_first_and_urgent_jobs_before_all(
        self, store: JobStore, partition: int
    ) -> None:
        low, normal, high = (
            new_job(partition, priority=priority)
            for priority in (task_pb2.PRIORITY_LOW, task_pb2.PRIORITY_NORMAL, task_pb2.PRIORITY_HIGH)
        )
        await accept(store, low, normal)

        claimed = await accept(store, high, replica="r1", room=2)

        assert [claim.job_id for claim in claimed] == [high.record.job_id, normal.record.job_id]


class TestClaim:
    async def test_what_waits_on_the_streams_is_read_and_claimed(self, store: JobStore, partition: int) -> None:
        new = new_job(partition)
        await accept(store, new)

        (entry,) = await store.read_streams(partition, "r1", 10, 100)
        (read,) = await store.claim(partition, entry.stream, {entry.entry: entry.job_id}, "r1")

        assert read.record == new.record
        assert read.epoch == 1
        assert await store.cancel(new.record.job_id) == "r1"

    async def test_each_claim_raises_the_epoch(self, store: JobStore, partition: int) -> None:
        record, entry = await driven_job(store, partition)

        (second,) = await store.claim(partition, 2, {entry: record.job_id}, "r2")
        (third,) = await store.claim(partition, 2, {entry: record.job_id}, "r1")

        assert (second.epoch, third.epoch) == (2, 3)

    async def test_a_claim_moves_the_entry_from_the_dead_to_the_living(self, store: JobStore, partition: int) -> None:
        record, entry = await driven_job(store, partition)

        await store.claim(partition, 2, {entry: record.job_id}, "r2")

        assert await store.pending_of(partition, 2, "r1", 10) == {}
        assert await store.pending_of(partition, 2, "r2", 10) == {entry: record.job_id}
        assert await store.consumers(partition, 2) == {"r1": 0, "r2": 1}

    async def test_entries_of_jobs_that_are_gone_or_at_rest_are_dropped(self, store: JobStore, partition: int) -> None:
        new = new_job(partition)
        (claim,) = await accept(store, new, replica="r1", room=100)
        await store.redis.delete(keys.job(partition, new.record.job_id))

        assert await store.claim(partition, 2, {claim.entry: new.record.job_id}, "r2") == []

        assert await waiting_entries(store, partition) == 0
        assert await pending_entries(store, partition) == 0

    async def test_a_replica_finds_again_what_it_was_given(self, store: JobStore, partition: int) -> None:
        record, entry = await driven_job(store, partition)

        ((pending,),) = [page async for page in store.own_pending(partition, "r1")]

        assert (pending.entry, pending.job_id, pending.stream) == (entry, record.job_id, 2)

    async def test_a_replica_finds_again_more_than_a_page_of_entries_and_of_what_was_deleted_nothing(
        self, store: JobStore, partition: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.orchestrator.store.jobs.PENDING_PAGE", 3)
        jobs = [new_job(partition, priority=task_pb2.Priority.ValueType(1 + n % 3)) for n in range(20)]
        claims = await accept(store, *jobs, replica="r1", room=20)
        for claim in claims[:8]:
            await store.redis.xdel(keys.streams(partition)[claim.stream - 1], claim.entry)

        pages = [page async for page in store.own_pending(partition, "r1")]

        assert sorted(claim.job_id for page in pages for claim in page) == sorted(c.job_id for c in claims[8:])

    async def test_a_consumer_that_holds_nothing_is_forgotten(self, store: JobStore, partition: int) -> None:
        record, entry = await driven_job(store, partition)
        await store.claim(partition, 2, {entry: record.job_id}, "r2")

        await store.forget_consumer(partition, 2, "r1")

        assert set(await store.consumers(partition, 2)) == {"r2"}


class TestPages:
    async def test_pages_are_newest_first_and_complete(self, store: JobStore) -> None:
        jobs = await _jobs_over_time(store, 25)

        pages = await _all_pages(store, size=10)

        assert [len(page) for page in pages] == [10, 10, 5]
        assert [job_id for page in pages for job_id in page] == jobs[::-1]

    async def test_jobs_created_meanwhile_do_not_disturb_the_pages(self, store: JobStore) -> None:
        jobs = await _jobs_over_time(store, 20)
        first = await store.page("ada", "", 10)
        await _jobs_over_time(store, 5, from_ms=NOW_MS + 1_000)

        second = await store.page("ada", first.last, 10)

        assert [each.record.job_id for each in (*first.jobs, *second.jobs)] == jobs[::-1]

    async def test_owners_see_only_their_own(self, store: JobStore) -> None:
        await accept(store, new_job(0, owner="bob"))

        assert (await store.page("ada", "", 10)).jobs == []

    async def test_a_job_that_has_expired_is_left_out(self, store: JobStore) -> None:
        jobs = await _jobs_over_time(store, 3)
        gone = jobs[1]
        await store.redis.delete(keys.job(ids.partition_of(gone, store.partitions), gone))

        page = await store.page("ada", "", 10)

        assert [each.record.job_id for each in page.jobs] == [jobs[2], jobs[0]]


class TestMemory:
    async def test_a_full_redis_refuses_new_jobs_with_a_quota(self, redis_url: str) -> None:
        async with open_store(redis_url) as store:
            await store.redis.config_set("maxmemory", 1)
            try:
                with pytest.raises(errors.QuotaExceeded):
                    await store.create(0, [new_job()], "", 0)
            finally:
                await store.redis.config_set("maxmemory", 0)
            await accept(store, new_job())

    async def test_scripts_are_found_again_after_redis_forgot_them(self, redis_url: str) -> None:
        async with open_store(redis_url) as store:
            await accept(store, new_job())
            await store.redis.script_flush()

            await accept(store, new_job())

    async def test_an_owner_is_not_left_with_the_ids_of_jobs_that_have_expired(self, redis_url: str) -> None:
        async with open_store(redis_url, retention_seconds=60) as store:
            record, entry = await driven_job(store, 0)
            await store.commit(0, [commit_of(job.apply(record, [succeeded()], NOW_MS), entry=entry)])
            # As after its retention.
            await store.redis.delete(keys.job(0, record.job_id), keys.events(0, record.job_id))

            await accept(store, new_job(0))
            await store.page(record.owner, "", 10)

            left = await store.redis.zrange(keys.owner(0, record.owner), 0, -1)
            assert record.job_id.encode() not in left


class TestAwayRedis:
    async def test_a_redis_that_is_away_is_unavailable(self) -> None:
        store = JobStore("redis://127.0.0.1:1/0", retention_seconds=1, dead_retention_seconds=1, request_ttl_seconds=1)
        try:
            with pytest.raises(errors.Unavailable) as caught:
                await store.get(JOB_ID)
        finally:
            await store.close()
        assert caught.value.reason == "REDIS_UNAVAILABLE"


async def _jobs_over_time(store: JobStore, count: int, from_ms: int = NOW_MS) -> list[str]:
    """Jobs a millisecond apart, spread over all partitions, oldest first."""
    jobs: list[NewJob] = [new_job(n % store.partitions, created_ms=from_ms + n) for n in range(count)]
    for new in jobs:
        await accept(store, new)
    return [new.record.job_id for new in jobs]


async def _all_pages(store: JobStore, *, size: int) -> list[list[str]]:
    pages, before = [], ""
    while True:
        page = await store.page("ada", before, size)
        pages.append([each.record.job_id for each in page.jobs])
        before = page.last
        if not before:
            return pages

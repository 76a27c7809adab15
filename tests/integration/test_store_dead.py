"""Dead letters and quotas on a real Redis, with one partition and with many."""

import asyncio
from typing import Any

from services.orchestrator import ids, job, job_again
from services.orchestrator.store import keys
from services.orchestrator.store.dead import DeadLetters, Letter
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.records import Stored
from tests.builders import NOW_MS, failed, started, succeeded
from tests.fixtures import stores
from tests.fixtures.stores import accept, commit_of, cursors, new_job, pending_entries, waiting_entries
from tutti import structs
from tutti.v1 import job_pb2

store, partition = stores.store, stores.partition
OWNER = "ada"


async def ended_job(store: JobStore, partition: int, *, at_ms: int = NOW_MS, how: Any = None, **fields: Any) -> str:
    """A job that has died, unless it ended in another way."""
    new = new_job(partition, **fields)
    (claim,) = await accept(store, new, replica="r1", room=1)
    transition = job.apply(new.record, [how or failed(retryable=False)], at_ms)
    (committed,) = await store.commit(partition, [commit_of(transition, entry=claim.entry)])
    assert not committed.fenced
    return new.record.job_id


async def run_again(store: JobStore, job_id: str, **edited: Any) -> Stored:
    seen = await store.get(job_id)
    input = structs.from_dict(edited) if edited else None
    answer = await DeadLetters(store).retry(seen, job_again.retried(seen.record, NOW_MS, input))
    assert not isinstance(answer, str)
    return await store.get(job_id)


async def listed(store: JobStore, owner: str = OWNER) -> list[str]:
    return [letter.job_id for letter in await DeadLetters(store).page(owner, None, 100)]


async def unfinished(store: JobStore, owner: str = OWNER) -> int:
    return sum(await store.open_jobs(owner))


class TestList:
    async def test_a_job_that_failed_is_on_its_owners_list_and_others_are_not(
        self, store: JobStore, partition: int
    ) -> None:
        dead = await ended_job(store, partition)
        await ended_job(store, partition, how=succeeded())
        await ended_job(store, partition, owner="bob")

        assert await listed(store) == [dead]

    async def test_pages_go_from_the_newest_to_the_oldest_and_meet_each_letter_once(
        self, store: JobStore, partition: int
    ) -> None:
        # Three moments of death for ten jobs, over two partitions where there are two.
        times = {}
        for n in range(10):
            at_ms = NOW_MS + n % 3
            times[await ended_job(store, partition if n % 2 else 0, at_ms=at_ms)] = at_ms
        letters, seen = DeadLetters(store), []

        before: Letter | None = None
        while page := await letters.page(OWNER, before, 3):
            seen += page
            before = page[-1]
            # Who dies meanwhile is newer and does not disturb the pages.
            await ended_job(store, partition, at_ms=NOW_MS + 100)

        assert seen == sorted(seen, reverse=True)
        assert {letter.job_id: letter.dead_ms for letter in seen} == times

    async def test_letters_of_jobs_that_are_gone_are_dropped(self, store: JobStore, partition: int) -> None:
        gone, dead = [await ended_job(store, partition) for _ in range(2)]
        await store.redis.delete(keys.job(partition, gone))
        letters = DeadLetters(store)

        read = await letters.read(OWNER, await letters.page(OWNER, None, 10))

        assert [stored.record.job_id for stored in read if stored] == [dead]
        assert await listed(store) == [dead]

    async def test_the_list_of_an_owner_who_never_looks_is_trimmed_when_the_next_one_dies(
        self, store: JobStore, partition: int
    ) -> None:
        await ended_job(store, partition, at_ms=NOW_MS)

        dead = await ended_job(store, partition, at_ms=NOW_MS + 601_000)

        assert await listed(store) == [dead]


class TestRunAgain:
    async def test_a_job_that_is_run_again_is_as_the_machine_says_and_waits_on_its_stream(
        self, store: JobStore, partition: int
    ) -> None:
        job_id = await ended_job(store, partition, graph={"main": (), "next": ("main",)})
        before = await store.get(job_id)
        expected = job_again.retried(before.record, NOW_MS, structs.from_dict({"bpm": 90})).job

        read = await run_again(store, job_id, bpm=90)

        assert read.record == expected
        assert (read.driver, read.epoch) == ("", before.epoch)
        assert await waiting_entries(store, partition) == 1
        assert await store.redis.ttl(keys.job(partition, job_id)) == -1
        assert await store.redis.ttl(keys.events(partition, job_id)) == -1
        assert await listed(store) == []
        log = await cursors(store, job_id)
        assert [sequence for sequence, _ in log] == list(range(1, read.revision + 1))
        assert log[-1] == (read.revision, read.last_event_id)

    async def test_nothing_of_how_it_ended_is_left(self, store: JobStore, partition: int) -> None:
        new = new_job(partition)
        (claim,) = await accept(store, new, replica="r1", room=1)
        await store.cancel(new.record.job_id)
        begun = job.apply(new.record, [started()], NOW_MS).job
        stopped = job.apply(job.cancelled(begun, NOW_MS).job, [failed(retryable=False)], NOW_MS)
        await store.commit(partition, [commit_of(stopped, entry=claim.entry)])

        record = (await run_again(store, new.record.job_id)).record

        assert (record.state, record.failure, record.end_ms) == (job_pb2.JOB_STATE_QUEUED, None, 0)
        assert not record.cancel_requested

    async def test_the_next_driver_has_a_higher_epoch_and_knows_that_nobody_drove_it_since(
        self, store: JobStore, partition: int
    ) -> None:
        job_id = await ended_job(store, partition)
        entry = (await run_again(store, job_id)).entry

        (claimed,) = await store.claim(partition, 2, {entry: job_id}, "r2")
        (again,) = await store.claim(partition, 2, {entry: job_id}, "r3")

        assert (claimed.epoch, claimed.driver) == (2, "")
        assert (again.epoch, again.driver) == (3, "r2")

    async def test_a_driver_from_before_writes_nothing_into_the_next_run(self, store: JobStore, partition: int) -> None:
        new = new_job(partition)
        (claim,) = await accept(store, new, replica="r1", room=1)
        begin = job.apply(new.record, [started()], NOW_MS)
        end = job.apply(begin.job, [failed(retryable=False)], NOW_MS)
        commits = [commit_of(begin), commit_of(end, number=2, entry=claim.entry)]
        await store.commit(partition, commits)
        before = await run_again(store, new.record.job_id)

        # The answer to its last commits was lost, so it repeats them: before somebody has claimed the job, and after.
        repeated = await store.commit(partition, commits)
        await store.claim(partition, 2, {before.entry: new.record.job_id}, "r2")
        fenced = await store.commit(partition, commits)

        assert [(each.fenced, each.events) for each in repeated] == [(False, ())] * 2
        assert [each.fenced for each in fenced] == [True, True]
        read = await store.get(new.record.job_id)
        assert (read.record, read.last_event_id) == (before.record, before.last_event_id)
        assert await waiting_entries(store, partition) == 1
        assert await unfinished(store) == 1

    async def test_of_several_who_run_it_again_one_does(self, store: JobStore, partition: int) -> None:
        seen = await store.get(await ended_job(store, partition))
        letters = DeadLetters(store)

        answers = await asyncio.gather(
            *(letters.retry(seen, job_again.retried(seen.record, NOW_MS + n)) for n in range(5))
        )

        assert sorted(answer for answer in answers if isinstance(answer, str)) == ["open"] * 4
        assert await waiting_entries(store, partition) == 1
        assert await unfinished(store) == 1

    async def test_who_saw_an_earlier_end_has_to_look_again(self, store: JobStore, partition: int) -> None:
        job_id = await ended_job(store, partition)
        seen = await store.get(job_id)
        read = await run_again(store, job_id)
        (claimed,) = await store.claim(partition, 2, {read.entry: job_id}, "r2")
        end = job.apply(claimed.record, [failed(attempt=2, retryable=False)], NOW_MS)
        await store.commit(partition, [commit_of(end, epoch=2, number=2, entry=read.entry)])

        assert await DeadLetters(store).retry(seen, job_again.retried(seen.record, NOW_MS)) == "changed"

    async def test_a_job_that_is_gone_is_missing(self, store: JobStore, partition: int) -> None:
        seen = await store.get(await ended_job(store, partition))
        await store.redis.delete(keys.job(partition, seen.record.job_id))

        assert await DeadLetters(store).retry(seen, job_again.retried(seen.record, NOW_MS)) == "missing"
        assert await store.redis.exists(keys.job(partition, seen.record.job_id)) == 0


class TestDiscard:
    async def test_a_discarded_job_is_kept_as_any_finished_one(self, store: JobStore, partition: int) -> None:
        dead, other = [await ended_job(store, partition) for _ in range(2)]
        letters = DeadLetters(store)

        assert await letters.discard(OWNER, [dead, ids.new_job_id(NOW_MS, partition)]) == 1
        assert await letters.discard(OWNER, [dead]) == 0

        assert await listed(store) == [other]
        for key in (keys.job(partition, dead), keys.events(partition, dead)):
            assert 0 < await store.redis.ttl(key) <= 60

    async def test_a_job_that_runs_again_is_not_made_to_expire(self, store: JobStore, partition: int) -> None:
        job_id = await ended_job(store, partition)
        await run_again(store, job_id)

        assert await DeadLetters(store).discard(OWNER, [job_id]) == 0

        assert await store.redis.ttl(keys.job(partition, job_id)) == -1

    async def test_nobody_discards_what_is_anothers(self, store: JobStore, partition: int) -> None:
        job_id = await ended_job(store, partition)

        assert await DeadLetters(store).discard("bob", [job_id]) == 0

        assert await listed(store) == [job_id]


class TestQuota:
    async def test_a_job_counts_from_its_creation_to_its_end_and_again_when_it_is_run_again(
        self, store: JobStore, partition: int
    ) -> None:
        new = new_job(partition)
        (claim,) = await accept(store, new, replica="r1", room=1)
        counts = [await unfinished(store)]
        begin = job.apply(new.record, [started()], NOW_MS)
        end = job.apply(begin.job, [failed(retryable=False)], NOW_MS)
        for number, transition in enumerate((begin, end), 1):
            await store.commit(partition, [commit_of(transition, number=number, entry=claim.entry)])
            counts.append(await unfinished(store))
        await run_again(store, new.record.job_id)
        counts.append(await unfinished(store))

        assert counts == [1, 1, 0, 1]

    async def test_repetitions_and_refusals_of_all_kinds_do_not_count(self, store: JobStore, partition: int) -> None:
        new = new_job(partition, request_id="once", digest="d1")
        (claim,) = await accept(store, new, replica="r1", room=1)
        await store.create(partition, [new], "", 0)  # the answer was lost
        same = new_job(partition, request_id="once", digest="d1")
        other = new_job(partition, request_id="once", digest="d2")
        await store.create(partition, [same, other], "", 0)
        assert await unfinished(store) == 1

        await store.claim(partition, 2, {claim.entry: new.record.job_id}, "r2")
        end = job.apply(new.record, [failed(retryable=False)], NOW_MS)
        fenced = commit_of(end, epoch=1, entry=claim.entry)
        commit = commit_of(end, epoch=2, entry=claim.entry)
        await store.commit(partition, [fenced, commit, commit])
        await store.commit(partition, [commit])
        await store.create(partition, [new], "", 0)

        assert await unfinished(store) == 0
        assert await store.redis.exists(keys.open_jobs(partition)) == 0

    async def test_a_job_beyond_the_limit_is_refused_and_leaves_nothing_behind(
        self, store: JobStore, partition: int
    ) -> None:
        batch = [new_job(partition, request_id=f"r{n}") for n in range(4)]

        answers, _ = await store.create(partition, batch, "", 0, {OWNER: 2})

        assert answers == ["created", "created", "full 2", "full 2"]
        assert await unfinished(store) == 2
        assert await waiting_entries(store, partition) == 2
        for refused in batch[2:]:
            assert await store.redis.exists(keys.job(partition, refused.record.job_id)) == 0
            assert await store.redis.exists(keys.request(partition, OWNER, refused.request_id)) == 0
        assert await store.redis.zcard(keys.owner(partition, OWNER)) == 2

    async def test_an_owner_without_any_room_takes_no_room_in_redis_either(
        self, store: JobStore, partition: int
    ) -> None:
        answers, _ = await store.create(partition, [new_job(partition)], "", 0, {OWNER: -5})

        assert answers == ["full 0"]
        assert await store.redis.exists(keys.open_jobs(partition)) == 0

    async def test_a_retried_request_is_answered_whatever_the_limit(self, store: JobStore, partition: int) -> None:
        first, again = (new_job(partition, request_id="once") for _ in range(2))
        await accept(store, first)

        answers, _ = await store.create(partition, [again], "", 0, {OWNER: 1})

        assert answers == [first.record.job_id]

    async def test_limits_are_each_owners_own(self, store: JobStore, partition: int) -> None:
        await accept(store, new_job(partition, owner="bob"))

        answers, _ = await store.create(partition, [new_job(partition)], "", 0, {OWNER: 1, "bob": 1})

        assert answers == ["created"]

    async def test_jobs_from_before_there_were_quotas_do_not_make_the_count_wrong(
        self, store: JobStore, partition: int
    ) -> None:
        new = new_job(partition)
        (claim,) = await accept(store, new, replica="r1", room=1)
        await store.redis.delete(keys.open_jobs(partition))

        await store.commit(partition, [commit_of(job.apply(new.record, [succeeded()], NOW_MS), entry=claim.entry)])

        assert await unfinished(store) == 0
        assert await pending_entries(store, partition) == 0

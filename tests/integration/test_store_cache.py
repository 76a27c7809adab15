"""The cache on a real Redis: who claims, who waits, what is recorded, and what is left when somebody vanishes."""

from typing import Any

import pytest

from services.orchestrator.store import keys
from services.orchestrator.store.cache import Answer, Asked, CacheStore, How, Settled, Verdict
from services.orchestrator.store.jobs import JobStore
from tests.fixtures import stores
from tests.fixtures.waiting import eventually_true
from tutti import structs
from tutti.v1 import job_pb2, task_pb2

store, partition = stores.store, stores.partition

DIGEST = "0123456789abcdef" * 4
DONE = job_pb2.Task(kind="test.cached", result=structs.from_dict({"n": 7}))


@pytest.fixture
def cache(store: JobStore) -> CacheStore:
    return CacheStore(store, ttl_seconds=60, claim_seconds=30)


async def ask(
    cache: CacheStore,
    job_id: str = "a",
    *,
    epoch: int = 1,
    how: How = How.ASK,
    priority: int = task_pb2.PRIORITY_NORMAL,
    digest: str = DIGEST,
) -> Answer:
    asked = Asked(digest, job_id, "main", epoch, priority, how)
    return (await cache.ask(cache.partition_of(digest), [asked]))[0]


async def settle(cache: CacheStore, job_id: str = "a", *, epoch: int = 1, done: job_pb2.Task | None = None) -> bool:
    settled = Settled(DIGEST, job_id, "main", epoch, done)
    return (await cache.settle(cache.partition_of(DIGEST), [settled]))[0]


async def ttl_ms(cache: CacheStore, store: JobStore) -> int:
    return int(await store.redis.pttl(keys.cache(cache.partition_of(DIGEST), DIGEST)))


async def verdicts(*asked: Any) -> list[Verdict]:
    return [(await each).verdict for each in asked]


class TestClaim:
    async def test_one_computes_and_the_others_wait(self, cache: CacheStore) -> None:
        assert await verdicts(ask(cache, "a"), ask(cache, "b"), ask(cache, "c")) == [
            Verdict.CLAIMED, Verdict.TAKEN, Verdict.TAKEN,
        ]  # fmt: skip

    async def test_of_one_batch_too(self, cache: CacheStore) -> None:
        asked = [Asked(DIGEST, job_id, "main", 1, 2, How.ASK) for job_id in "abc"]

        answers = await cache.ask(cache.partition_of(DIGEST), asked)

        assert [answer.verdict for answer in answers] == [Verdict.CLAIMED, Verdict.TAKEN, Verdict.TAKEN]

    async def test_a_claim_given_back_is_free(self, cache: CacheStore) -> None:
        await ask(cache, "a")

        assert await settle(cache, "a")

        assert (await ask(cache, "b")).verdict is Verdict.CLAIMED

    async def test_only_who_holds_it_gives_it_back(self, cache: CacheStore) -> None:
        await ask(cache, "a")

        assert not await settle(cache, "b")

        assert (await ask(cache, "c")).verdict is Verdict.TAKEN

    async def test_asking_again_renews_it(self, cache: CacheStore, store: JobStore) -> None:
        await ask(cache, "a")
        await store.redis.pexpire(keys.cache(cache.partition_of(DIGEST), DIGEST), 1_000)

        assert (await ask(cache, "a", how=How.RUN)).verdict is Verdict.MINE

        assert await ttl_ms(cache, store) > 20_000

    async def test_one_that_nobody_renews_expires(self, store: JobStore) -> None:
        cache = CacheStore(store, ttl_seconds=60, claim_seconds=0.2)
        await ask(cache, "a", how=How.RUN)

        async def free() -> bool:
            return (await ask(cache, "b")).verdict is Verdict.CLAIMED

        assert not await free()
        await eventually_true(free, seconds=2.0)

    async def test_the_next_driver_of_the_job_has_it_and_the_one_before_has_not(self, cache: CacheStore) -> None:
        await ask(cache, "a", epoch=1, how=How.RUN)

        assert (await ask(cache, "a", epoch=2, how=How.RUN)).verdict is Verdict.MINE
        assert (await ask(cache, "a", epoch=1, how=How.RUN)).verdict is Verdict.TAKEN
        assert not await settle(cache, "a", epoch=1)
        assert not await settle(cache, "a", epoch=1, done=DONE)
        assert (await ask(cache, "b")).verdict is Verdict.TAKEN

    async def test_each_partition_holds_its_part(self, cache: CacheStore, store: JobStore) -> None:
        digests = [f"{n:08x}" + "0" * 56 for n in range(32)]

        assert {cache.partition_of(digest) for digest in digests} == set(range(store.partitions))
        assert [(await ask(cache, digest=digest)).verdict for digest in digests] == [Verdict.CLAIMED] * 32


class TestWhoHasNotBegun:
    async def test_it_gives_way_at_once_to_one_that_is_more_urgent(self, cache: CacheStore) -> None:
        await ask(cache, "a", priority=task_pb2.PRIORITY_LOW)

        assert (await ask(cache, "b", priority=task_pb2.PRIORITY_HIGH)).verdict is Verdict.CLAIMED
        assert (await ask(cache, "a", how=How.KEEP, priority=task_pb2.PRIORITY_LOW)).verdict is Verdict.TAKEN

    async def test_it_gives_way_to_one_that_runs(self, cache: CacheStore) -> None:
        await ask(cache, "a")

        assert (await ask(cache, "b", how=How.RUN)).verdict is Verdict.CLAIMED

    async def test_it_gives_way_to_anybody_after_a_while_however_often_it_is_renewed(self, store: JobStore) -> None:
        cache = CacheStore(store, ttl_seconds=60, claim_seconds=0.3)
        await ask(cache, "a")

        async def free() -> bool:
            await ask(cache, "a", how=How.KEEP)
            return (await ask(cache, "b")).verdict is Verdict.CLAIMED

        await eventually_true(free, seconds=2.0)

    async def test_one_that_ran_and_is_tried_again_has_just_come(self, cache: CacheStore, store: JobStore) -> None:
        await ask(cache, "a", how=How.RUN)
        await store.redis.hset(keys.cache(cache.partition_of(DIGEST), DIGEST), "since", 0)

        await ask(cache, "a", how=How.ASK)

        assert (await ask(cache, "b")).verdict is Verdict.TAKEN

    async def test_once_it_runs_it_gives_way_to_nobody(self, cache: CacheStore) -> None:
        await ask(cache, "a", priority=task_pb2.PRIORITY_LOW)
        await ask(cache, "a", how=How.RUN, priority=task_pb2.PRIORITY_LOW)

        assert (await ask(cache, "b", how=How.RUN, priority=task_pb2.PRIORITY_HIGH)).verdict is Verdict.TAKEN


class TestResult:
    async def test_it_is_there_for_everybody_from_then_on(self, cache: CacheStore) -> None:
        await ask(cache, "a")

        assert await settle(cache, "a", done=DONE)

        assert await ask(cache, "b") == Answer(Verdict.HIT, DONE)
        assert await ask(cache, "a", epoch=2) == Answer(Verdict.HIT, DONE)

    async def test_it_expires_after_its_own_time(self, cache: CacheStore, store: JobStore) -> None:
        await ask(cache, "a")
        await settle(cache, "a", done=DONE)

        assert 30_000 < await ttl_ms(cache, store) <= 60_000

    async def test_the_first_one_stays(self, cache: CacheStore) -> None:
        await settle(cache, "a", done=DONE)

        assert not await settle(cache, "b", done=job_pb2.Task(kind="test.cached"))
        assert not await settle(cache, "b")

        assert await ask(cache, "c") == Answer(Verdict.HIT, DONE)

    async def test_it_counts_without_a_claim_for_it_is_committed_already(self, cache: CacheStore) -> None:
        await ask(cache, "b", how=How.RUN)

        assert await settle(cache, "a", done=DONE)

        assert (await ask(cache, "b", how=How.RUN)).verdict is Verdict.HIT

    async def test_one_that_says_nothing_is_a_result_too(self, cache: CacheStore) -> None:
        await settle(cache, "a", done=job_pb2.Task(kind="k"))

        assert (await ask(cache, "b")).verdict is Verdict.HIT

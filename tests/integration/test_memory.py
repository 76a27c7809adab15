"""What stays in Redis of many jobs with every outcome: nothing, once their retention is over."""

from collections.abc import AsyncIterator, Sequence

import pytest

from services.orchestrator import job
from services.orchestrator.job_record import JobRecord, Transition
from services.orchestrator.store import keys
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.values import Claimed
from services.orchestrator.upkeep import Upkeep
from tests.builders import NOW_MS, checkpointed, failed, logged, progressed, started, stopped, succeeded, task_spec
from tests.fixtures.keyspace import leftovers
from tests.fixtures.replicas import Replica, running_replica
from tests.fixtures.scheduler import ScriptedScheduler, serving
from tests.fixtures.stores import accept, commit_of, new_job, open_store
from tests.fixtures.waiting import eventually, eventually_true
from tutti import structs
from tutti.v1 import job_pb2, task_pb2

JOBS, BATCH = 2_000, 100
OWNERS = ("ada", "bob", "eve")


@pytest.fixture
async def store(any_redis_url: str) -> AsyncIterator[JobStore]:
    short = {"retention_seconds": 1, "dead_retention_seconds": 1, "request_ttl_seconds": 1}
    async with open_store(any_redis_url, partitions=4, **short) as opened:
        yield opened


async def test_nothing_is_left_of_jobs_whose_retention_is_over(store: JobStore) -> None:
    for number in range(JOBS // BATCH):
        await _run_batch(store, number)
    upkeep = Upkeep(store, replica="r1", retention_seconds=1)

    async def nothing_left() -> bool:
        await upkeep.sweep()
        return not await leftovers(store.redis)

    for replica in ("r1", "r2"):
        for partition in range(store.partitions):
            for stream in (1, 2, 3):
                await store.forget_consumer(partition, stream, replica)
    await eventually_true(nothing_left, what="Redis is empty", seconds=30)


async def test_what_is_left_is_named(store: JobStore) -> None:
    new = new_job(0, request_id="once")
    (claim,) = await accept(store, new, replica="r1", room=1)

    found = await leftovers(store.redis)

    stream = keys.streams(0)[1]
    assert f"{stream} still holds {claim.entry}" in found
    assert f"{stream}: 1 entries are pending for r1" in found
    assert f"{stream} still knows the consumer r1, which is gone" in found
    for key in (keys.job(0, claim.job_id), keys.events(0, claim.job_id), keys.owner(0, new.record.owner)):
        assert f"{key} does not expire" in found
    assert any(line.startswith(keys.request(0, new.record.owner, "once")) for line in found)


class TestUpkeep:
    async def test_only_what_has_gone_leaves_the_index(self, store: JobStore) -> None:
        kept, gone = new_job(1, created_ms=NOW_MS), new_job(1, created_ms=NOW_MS + 1)
        await accept(store, kept, gone)
        await store.redis.delete(keys.job(1, gone.record.job_id))

        assert await Upkeep(store, replica="r1", retention_seconds=60).sweep() == 1

        index = await store.redis.zrange(keys.owner(1, kept.record.owner), 0, -1)
        assert index == [kept.record.job_id.encode()]

    async def test_an_index_longer_than_a_page_is_cleaned_to_its_end(
        self, store: JobStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.orchestrator.upkeep.PAGE", 7)
        jobs = [new_job(2, created_ms=NOW_MS + n) for n in range(50)]
        await accept(store, *jobs)
        for new in jobs[::2]:
            await store.redis.delete(keys.job(2, new.record.job_id))

        assert await Upkeep(store, replica="r1", retention_seconds=60).sweep() == 25
        assert await store.redis.zcard(keys.owner(2, jobs[0].record.owner)) == 25

    async def test_one_replica_at_a_time_has_the_turn(self, store: JobStore) -> None:
        assert await Upkeep(store, replica="r1", retention_seconds=60).take_turn()
        assert not await Upkeep(store, replica="r2", retention_seconds=60).take_turn()

    async def test_dead_letters_that_have_gone_are_taken_off_their_list(self, store: JobStore) -> None:
        dead = keys.dead(1, "ada")
        kept, gone = new_job(1), new_job(1)
        await accept(store, kept)
        await store.redis.zadd(dead, {gone.record.job_id: 1, kept.record.job_id: 2})

        assert await Upkeep(store, replica="r1", retention_seconds=60).sweep() == 1

        assert await store.redis.zrange(dead, 0, -1) == [kept.record.job_id.encode()]


async def test_a_replica_lives_through_a_full_redis_and_goes_on(redis_url: str) -> None:
    scheduler = ScriptedScheduler()  # type: ignore[abstract]  # the calls that no orchestrator makes
    async with serving(scheduler) as address, running_replica(redis_url, address) as replica:
        redis = replica.store.redis
        job_id = await replica.submit(task_spec())
        await scheduler.order()
        waiting = new_job()
        await accept(replica.store, waiting, replica="r0", room=1)
        await redis.config_set("maxmemory", 1)
        try:
            scheduler.say(started(job_id=job_id), succeeded(job_id=job_id))
            for _ in range(3):
                await _lease_is_renewed(replica)
        finally:
            await redis.config_set("maxmemory", 0)
        await replica.until(job_id, job_pb2.JOB_STATE_SUCCEEDED)
        # It could not take the jobs of the dead over while Redis was full; it has not given up on that.
        await eventually(lambda: waiting.record.job_id in replica.driver, what="it takes over from r0")


async def _lease_is_renewed(replica: Replica) -> None:
    lease = keys.replica(replica.name)
    before = await replica.store.redis.pttl(lease)

    async def renewed() -> bool:
        nonlocal before
        former, before = before, await replica.store.redis.pttl(lease)
        return bool(before > former)

    await eventually_true(renewed, what="the lease is renewed")


async def _run_batch(store: JobStore, number: int) -> None:
    """Jobs of one partition, each with its outcome; some are taken over on the way."""
    partition = number % store.partitions
    jobs = [
        new_job(
            partition,
            owner=OWNERS[n % 3],
            request_id=f"{number}-{n}" if n % 2 else "",
            priority=task_pb2.Priority.ValueType(1 + n % 3),
        )
        for n in range(BATCH)
    ]
    claims = {claim.job_id: claim for claim in await accept(store, *jobs, replica="r1", room=BATCH)}
    assert len(claims) == BATCH
    if number % 2:
        by_stream: dict[int, dict[str, str]] = {}
        for claim in claims.values():
            by_stream.setdefault(claim.stream, {})[claim.entry] = claim.job_id
        for stream, entries in by_stream.items():
            await store.claim(partition, stream, entries, "r2")
    for place, new in enumerate(jobs):
        if place % 5 == 0:
            note = task_pb2.Checkpoint(note=structs.from_dict({"n": place}))
            await store.add_checkpoint(job_pb2.Event(job_id=new.record.job_id, checkpoint=note))
        if place % 5 == 1:
            await store.cancel(new.record.job_id)
    begun = [job.apply(new.record, [started(), progressed(), logged()], NOW_MS) for new in jobs]
    ended = [_ended(transition.job, place) for place, transition in enumerate(begun)]
    await _commit(store, partition, begun, 1, claims, number)
    await _commit(store, partition, ended, 2, claims, number)


def _ended(record: JobRecord, place: int) -> Transition:
    match place % 4:
        case 0:
            return job.apply(record, [checkpointed(note={"at": place}), succeeded(result={"x": "y" * 100})], NOW_MS)
        case 1:
            return job.apply(record, [failed(retryable=False)], NOW_MS)
        case 2:
            return job.apply(job.cancelled(record, NOW_MS).job, [stopped()], NOW_MS)
        case _:
            return job.apply(record, [succeeded()], NOW_MS)


async def _commit(
    store: JobStore,
    partition: int,
    transitions: Sequence[Transition],
    number: int,
    claims: dict[str, Claimed],
    batch: int,
) -> None:
    epoch = 2 if batch % 2 else 1
    commits = [
        commit_of(transition, epoch=epoch, number=number, entry=claims[transition.job.job_id].entry)
        for transition in transitions
    ]
    answers = await store.commit(partition, commits)
    assert not any(answer.fenced for answer in answers)

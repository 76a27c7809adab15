"""The job store on a real Redis, with one partition and with many: commits, wishes and checkpoints."""

import pytest

from services.orchestrator import ids, job
from services.orchestrator.store import keys
from services.orchestrator.store.jobs import JobStore
from tests.builders import NOW_MS, checkpointed, failed, leased, progressed, started, stored, succeeded
from tests.fixtures import stores
from tests.fixtures.stores import (
    accept,
    commit_of,
    cursors,
    driven_job,
    new_job,
    pending_entries,
    waiting_entries,
)
from tutti import structs
from tutti.v1 import job_pb2, task_pb2

store, partition = stores.store, stores.partition


class TestCommit:
    async def test_state_and_events_are_recorded_together(self, store: JobStore, partition: int) -> None:
        record, _ = await driven_job(store, partition)
        transition = job.apply(record, [started(), progressed(), stored(), checkpointed(note={"at": 3})], NOW_MS)

        (committed,) = await store.commit(partition, [commit_of(transition)])

        assert not committed.fenced
        assert [event.sequence for event in committed.events] == [2, 3, 4, 5, 6]
        read = await store.get(record.job_id)
        assert read.record == transition.job
        assert (read.revision, read.last_event_id) == (6, committed.events[-1].event_id)
        assert await store.events(record.job_id, "", 100) == [
            *(await store.events(record.job_id, "", 1)),
            *committed.events,
        ]

    async def test_a_driver_that_was_taken_over_is_refused(self, store: JobStore, partition: int) -> None:
        record, entry = await driven_job(store, partition)
        await store.claim(partition, 2, {entry: record.job_id}, "r2")
        transition = job.apply(record, [succeeded()], NOW_MS)

        (committed,) = await store.commit(partition, [commit_of(transition, epoch=1, entry=entry)])

        assert committed.fenced
        assert (await store.get(record.job_id)).record == record
        assert len(await cursors(store, record.job_id)) == 1
        assert await pending_entries(store, partition) == 1

    async def test_a_commit_to_a_job_that_is_gone_is_refused(self, store: JobStore, partition: int) -> None:
        record, _ = await driven_job(store, partition)
        await store.redis.delete(keys.job(partition, record.job_id))

        (committed,) = await store.commit(partition, [commit_of(job.apply(record, [started()], NOW_MS))])

        assert committed.fenced
        assert await store.redis.exists(keys.job(partition, record.job_id)) == 0

    async def test_a_commit_that_is_repeated_does_nothing_and_doubles_no_event(
        self, store: JobStore, partition: int
    ) -> None:
        record, _ = await driven_job(store, partition)
        commit = commit_of(job.apply(record, [started()], NOW_MS))
        await store.commit(partition, [commit])
        before = await cursors(store, record.job_id)

        (repeated,) = await store.commit(partition, [commit])

        assert (repeated.fenced, repeated.events) == (False, ())
        assert await cursors(store, record.job_id) == before

    async def test_one_refused_commit_does_not_touch_the_others_of_its_batch(
        self, store: JobStore, partition: int
    ) -> None:
        taken_over, entry = await driven_job(store, partition)
        await store.claim(partition, 2, {entry: taken_over.job_id}, "r2")
        own, _ = await driven_job(store, partition)
        commits = [commit_of(job.apply(record, [started()], NOW_MS)) for record in (taken_over, own)]

        answers = await store.commit(partition, commits)

        assert [answer.fenced for answer in answers] == [True, False]
        assert (await store.get(own.job_id)).record.state == job_pb2.JOB_STATE_RUNNING

    async def test_several_commits_of_one_job_in_a_batch_follow_each_other(
        self, store: JobStore, partition: int
    ) -> None:
        record, entry = await driven_job(store, partition)
        begin = job.apply(record, [leased(), started()], NOW_MS)
        end = job.apply(begin.job, [succeeded(result={"ok": True})], NOW_MS)

        answers = await store.commit(partition, [commit_of(begin), commit_of(end, number=2, entry=entry)])

        sequences = [event.sequence for answer in answers for event in answer.events]
        assert sequences == [2, 3, 4, 5, 6]
        assert (await store.get(record.job_id)).record == end.job

    async def test_a_commit_without_events_keeps_the_cursor(self, store: JobStore, partition: int) -> None:
        record, _ = await driven_job(store, partition)
        before = await store.get(record.job_id)

        await store.commit(partition, [commit_of(job.apply(record, [started()], NOW_MS), events=())])

        read = await store.get(record.job_id)
        assert (read.revision, read.last_event_id) == (before.revision, before.last_event_id)
        assert read.commits == 1

    @pytest.mark.parametrize(
        ("how", "kept"),
        [(succeeded(result={"x": 1}), 60), (failed(retryable=False), 600)],
        ids=["success", "failure"],
    )
    async def test_a_job_that_ends_leaves_its_stream_and_expires(
        self, store: JobStore, partition: int, how: task_pb2.Update, kept: int
    ) -> None:
        record, entry = await driven_job(store, partition)
        transition = job.apply(record, [how], NOW_MS)

        await store.commit(partition, [commit_of(transition, entry=entry)])

        assert await waiting_entries(store, partition) == 0
        assert await pending_entries(store, partition) == 0
        for key in (keys.job(partition, record.job_id), keys.events(partition, record.job_id)):
            assert kept - 30 < await store.redis.ttl(key) <= kept
        assert (await store.get(record.job_id)).record == transition.job

    async def test_a_job_that_goes_on_does_not_expire(self, store: JobStore, partition: int) -> None:
        record, _ = await driven_job(store, partition)

        await store.commit(partition, [commit_of(job.apply(record, [started()], NOW_MS))])

        assert await store.redis.ttl(keys.job(partition, record.job_id)) == -1


class TestCancel:
    async def test_a_wish_names_the_driver_and_is_read_with_the_job(self, store: JobStore, partition: int) -> None:
        record, _ = await driven_job(store, partition)

        assert await store.cancel(record.job_id) == "r1"

        assert (await store.get(record.job_id)).record.cancel_requested

    async def test_a_wish_outlives_the_next_commit(self, store: JobStore, partition: int) -> None:
        record, _ = await driven_job(store, partition)
        await store.cancel(record.job_id)

        await store.commit(partition, [commit_of(job.apply(record, [started()], NOW_MS))])

        assert (await store.get(record.job_id)).record.cancel_requested

    async def test_a_job_that_nobody_drives_yet_takes_a_wish(self, store: JobStore, partition: int) -> None:
        new = new_job(partition)
        await accept(store, new)

        assert await store.cancel(new.record.job_id) == "-"

    async def test_a_job_at_rest_or_gone_takes_no_wish(self, store: JobStore, partition: int) -> None:
        record, entry = await driven_job(store, partition)
        await store.commit(partition, [commit_of(job.apply(record, [succeeded()], NOW_MS), entry=entry)])

        assert await store.cancel(record.job_id) == ""
        assert await store.cancel(ids.new_job_id(NOW_MS, partition)) == ""

        assert not (await store.get(record.job_id)).record.cancel_requested


class TestCheckpoints:
    async def test_checkpoints_and_commits_share_one_numbering_without_gaps(
        self, store: JobStore, partition: int
    ) -> None:
        record, entry = await driven_job(store, partition)
        for number in range(1, 6):
            transition = job.apply(record, [progressed(fraction=number / 10), progressed()], NOW_MS)
            record = transition.job
            await store.commit(partition, [commit_of(transition, number=number)])
            added = await store.add_checkpoint(_checkpoint_event(record.job_id, number))
            assert not isinstance(added, str)
            assert added.sequence == 1 + 3 * number
        await store.commit(partition, [commit_of(job.apply(record, [succeeded()], NOW_MS), number=6, entry=entry)])

        found = await cursors(store, record.job_id)

        assert [sequence for sequence, _ in found] == list(range(1, 19))
        assert found == sorted(found, key=lambda each: tuple(map(int, each[1].split("-"))))
        read = await store.get(record.job_id)
        assert [structs.to_dict(checkpoint.note) for checkpoint in read.checkpoints] == [{"n": n} for n in range(1, 6)]
        assert (read.revision, read.last_event_id) == found[-1]

    async def test_a_job_at_rest_or_gone_takes_no_checkpoint(self, store: JobStore, partition: int) -> None:
        record, entry = await driven_job(store, partition)
        await store.commit(partition, [commit_of(job.apply(record, [succeeded()], NOW_MS), entry=entry)])

        assert await store.add_checkpoint(_checkpoint_event(record.job_id, 1)) == "finished"
        missing = ids.new_job_id(NOW_MS, partition)
        assert await store.add_checkpoint(_checkpoint_event(missing, 1)) == "missing"
        assert await store.redis.exists(keys.job(partition, missing)) == 0

    async def test_a_job_takes_only_so_many_checkpoints(
        self, store: JobStore, partition: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.orchestrator.store.jobs.MOST_CHECKPOINTS", 2)
        record, _ = await driven_job(store, partition)

        answers = [await store.add_checkpoint(_checkpoint_event(record.job_id, n)) for n in range(3)]

        assert answers[2] == "full"
        assert len(await cursors(store, record.job_id)) == 3


def _checkpoint_event(job_id: str, number: int) -> job_pb2.Event:
    return job_pb2.Event(job_id=job_id, checkpoint=task_pb2.Checkpoint(note=structs.from_dict({"n": number})))

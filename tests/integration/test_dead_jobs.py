"""Jobs that died and run again, on real replicas and a real Redis; the scheduler does what the test says."""

import asyncio
from typing import Any

import pytest

from services.orchestrator import ids, watch
from services.orchestrator.store import keys
from services.orchestrator.store.dead import DeadLetters
from services.orchestrator.store.records import Stored
from tests.builders import (
    NOW_MS,
    checkpointed,
    failed,
    lost,
    seconds,
    started,
    stopped,
    succeeded,
    task_spec,
    with_fields,
)
from tests.fixtures.replicas import Replica
from tests.fixtures.scheduler import ScriptedScheduler
from tests.fixtures.waiting import eventually
from tutti import errors, structs
from tutti.client import plan, step
from tutti.v1 import job_pb2, orchestrator_pb2, scheduler_pb2, task_pb2

RUNNING = job_pb2.JOB_STATE_RUNNING
SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
FAILED = job_pb2.JOB_STATE_FAILED
CANCELLED = job_pb2.JOB_STATE_CANCELLED
ONCE = task_pb2.RetryPolicy(max_attempts=1)
OWNER = "ada"
SLEEP = '{"type":"object","properties":{"seconds":{"type":"number"}},"required":["seconds"]}'


async def dead_job(replica: Replica, scheduler: ScriptedScheduler, spec: job_pb2.JobSpec | None = None) -> str:
    """A job whose first task has failed."""
    job_id = await replica.submit(spec or task_spec(retry=ONCE))
    read = await replica.job(job_id)
    task = read.record.plan.tasks[0].name
    await eventually(lambda: any(order.job_id == job_id for order in scheduler.orders), what="the order is out")
    scheduler.say(started(task, job_id=job_id), checkpointed(task, job_id=job_id, note={"section": 3}))
    scheduler.say(failed(task, job_id=job_id, retryable=False))
    await replica.until(job_id, FAILED)
    return job_id


async def listed(replica: Replica, reason: str = "") -> list[str]:
    page = await replica.dead.page(OWNER, orchestrator_pb2.ListDeadJobsRequest(reason=reason))
    return [dead.stored.record.job_id for dead in page.jobs]


async def refused(replica: Replica, *job_ids: str, owner: str = OWNER, **input: object) -> errors.TuttiError:
    with pytest.raises(errors.TuttiError) as caught:
        await replica.dead.replay(owner, job_ids, structs.from_dict(input) if input else None)
    return caught.value


async def seen_by_a_watcher(replica: Replica, job_id: str, after: str = "") -> list[job_pb2.Event]:
    async with asyncio.timeout(20):
        return [event async for events, _ in replica.hub.watch(job_id, after) for event in events]


class TestRetry:
    async def test_a_failed_job_is_driven_again_to_its_end(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await dead_job(replica, scheduler)

        read = await replica.dead.retry(OWNER, job_id)

        assert read.record.state == job_pb2.JOB_STATE_QUEUED
        order = await scheduler.order(attempt=2)
        assert not order.recovered  # nobody can be running it: no reason to look for it first
        assert structs.to_dict(order.resume_from.note) == {"section": 3}
        scheduler.say(started(job_id=job_id, attempt=2), succeeded(job_id=job_id, attempt=2))
        read = await replica.until(job_id, SUCCEEDED)
        events = await replica.store.events(job_id, "", 100)
        assert [event.sequence for event in events] == list(range(1, read.revision + 1))
        assert await replica.store.open_jobs(OWNER) == [0]

    async def test_a_cancelled_job_is_run_again_and_not_cancelled_by_the_old_wish(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await replica.submit(task_spec())
        await scheduler.order()
        await replica.store.cancel(job_id)
        replica.driver.cancel(job_id)
        scheduler.say(stopped(job_id=job_id))
        await replica.until(job_id, CANCELLED)
        # As when the wish came in while the job ended: remembered for a claim that never comes.
        await eventually(lambda: job_id not in replica.driver)
        replica.driver.cancel(job_id)

        await replica.dead.retry(OWNER, job_id)

        await scheduler.order(attempt=2)
        assert scheduler.stops == [ref for ref in scheduler.stops if ref.attempt == 1]
        scheduler.say(succeeded(job_id=job_id, attempt=2))
        await replica.until(job_id, SUCCEEDED)

    async def test_a_wish_for_a_job_that_runs_again_is_not_lost_while_its_claim_is_on_its_way(
        self, replica: Replica, scheduler: ScriptedScheduler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await dead_job(replica, scheduler)
        claim = replica.store.claim

        async def claim_and_wish(*args: Any, **more: Any) -> list[Stored]:
            found = await claim(*args, **more)
            # The record was read without the wish, and the wish finds nobody who drives the job yet.
            assert await replica.store.cancel(job_id) == replica.name
            replica.driver.cancel(job_id)
            return found

        monkeypatch.setattr(replica.store, "claim", claim_and_wish)
        await replica.dead.retry(OWNER, job_id)

        await scheduler.stop_of(attempt=2)

    async def test_a_job_that_is_not_at_rest_is_returned_as_it_is(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await replica.submit(task_spec())
        await scheduler.order()

        read = await replica.dead.retry(OWNER, job_id)

        assert (read.record.retry_ms, read.record.tasks["main"].attempt) == (0, 1)

    async def test_a_job_that_succeeded_has_nothing_left_to_do(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await replica.submit(task_spec())
        await scheduler.order()
        scheduler.say(succeeded(job_id=job_id))
        await replica.until(job_id, SUCCEEDED)

        with pytest.raises(errors.PreconditionFailed) as caught:
            await replica.dead.retry(OWNER, job_id)

        assert caught.value.reason == "JOB_SUCCEEDED"

    async def test_a_job_of_another_owner_is_not_found(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        job_id = await dead_job(replica, scheduler)

        with pytest.raises(errors.NotFound):
            await replica.dead.retry("bob", job_id)

    async def test_watchers_see_every_end_of_a_job_and_stop_at_the_last(
        self, replica: Replica, scheduler: ScriptedScheduler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await dead_job(replica, scheduler)
        ended = await replica.job(job_id)
        first_end = ended.last_event_id
        # A page that ends with the first end.
        monkeypatch.setattr(watch, "PAGE", ended.revision)
        await replica.dead.retry(OWNER, job_id)
        watching = asyncio.create_task(seen_by_a_watcher(replica, job_id), name="watcher")
        await scheduler.order(attempt=2)
        scheduler.say(succeeded(job_id=job_id, attempt=2))
        live = await watching
        replayed = await seen_by_a_watcher(replica, job_id)
        rest = await seen_by_a_watcher(replica, job_id, first_end)

        states = [event.job_moved.state for event in replayed if event.HasField("job_moved")]
        queued = job_pb2.JOB_STATE_QUEUED
        assert states == [queued, RUNNING, FAILED, queued, SUCCEEDED]
        assert [event.event_id for event in live] == [event.event_id for event in replayed]
        assert [event.event_id for event in rest] == [event.event_id for event in replayed][-len(rest) :]
        assert rest[0].job_moved.state == queued


class TestDeadJobs:
    async def test_each_is_listed_with_the_reason_it_died_of(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        plain = await dead_job(replica, scheduler)
        poison = await replica.submit(task_spec(retry=ONCE))
        scheduler.say(lost(job_id=poison))
        await replica.until(poison, FAILED)
        late = await replica.submit(task_spec(job_timeout=seconds(0.05)))
        await scheduler.stop_of()
        scheduler.say(stopped(job_id=late))
        read = await replica.until(late, FAILED)

        assert await listed(replica) == [late, poison, plain]
        assert [await listed(replica, reason) for reason in ("FAILED", "POISON", "TIMEOUT")] == [
            [plain],
            [poison],
            [late],
        ]
        assert read.record.failure is not None
        assert read.record.failure.reason == "TIMEOUT"

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (orchestrator_pb2.ListDeadJobsRequest(reason="BOREDOM"), "reason"),
            (orchestrator_pb2.ListDeadJobsRequest(page_size=201), "page_size"),
            (orchestrator_pb2.ListDeadJobsRequest(page_token="1.x"), "page_token"),  # noqa: S106  not a password
        ],
    )
    async def test_a_bad_question_names_its_field(
        self, replica: Replica, request_: orchestrator_pb2.ListDeadJobsRequest, field: str
    ) -> None:
        with pytest.raises(errors.InvalidInput) as caught:
            await replica.dead.page(OWNER, request_)
        assert caught.value.field == field

    async def test_pages_follow_each_other(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        dead = [await dead_job(replica, scheduler) for _ in range(5)]
        seen, token = [], ""
        while True:
            request = orchestrator_pb2.ListDeadJobsRequest(page_size=2, page_token=token)
            page = await replica.dead.page(OWNER, request)
            seen += [each.stored.record.job_id for each in page.jobs]
            token = page.next_token
            if not token:
                break
        assert seen == dead[::-1]

    async def test_an_edited_input_is_what_the_next_attempt_gets(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await dead_job(replica, scheduler)

        (read,) = await replica.dead.replay(OWNER, [job_id], structs.from_dict({"bpm": 90}))

        order = await scheduler.order(attempt=2)
        assert structs.to_dict(order.input) == structs.to_dict(read.record.spec.task.input) == {"bpm": 90}
        assert not order.HasField("resume_from")
        assert await listed(replica) == []

    async def test_a_replay_may_be_repeated(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        job_id = await dead_job(replica, scheduler)
        input = structs.from_dict({"bpm": 90})
        (first,) = await replica.dead.replay(OWNER, [job_id], input)
        await scheduler.order(attempt=2)

        (second,) = await replica.dead.replay(OWNER, [job_id, job_id], input)

        assert second.record.retry_ms == first.record.retry_ms
        # With another input it is another wish, which comes too late.
        assert (await refused(replica, job_id, bpm=91)).reason == "NOT_DEAD"

    async def test_of_two_edits_at_once_one_is_refused_and_none_is_lost_in_silence(
        self, replica: Replica, scheduler: ScriptedScheduler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = await dead_job(replica, scheduler)
        both_are_checked, retry = asyncio.Barrier(2), DeadLetters.retry

        async def retry_together(*args: Any) -> Any:
            await both_are_checked.wait()
            return await retry(*args)

        monkeypatch.setattr(DeadLetters, "retry", retry_together)
        replays = [replica.dead.replay(OWNER, [job_id], structs.from_dict({"bpm": bpm})) for bpm in (90, 91)]

        answers = await asyncio.gather(*replays, return_exceptions=True)

        (error,) = [answer for answer in answers if isinstance(answer, BaseException)]
        ((done,),) = [answer for answer in answers if not isinstance(answer, BaseException)]
        assert isinstance(error, errors.PreconditionFailed)
        assert error.reason == "NOT_DEAD"
        assert (await scheduler.order(attempt=2)).input == done.record.spec.task.input

    async def test_all_are_run_again_or_none_is(self, replica: Replica, scheduler: ScriptedScheduler) -> None:
        dead = await dead_job(replica, scheduler)
        alive = await replica.submit(task_spec())

        error = await refused(replica, dead, alive)

        assert (type(error), error.reason) == (errors.PreconditionFailed, "NOT_DEAD")
        assert alive in error.message
        assert await listed(replica) == [dead]

    async def test_what_cannot_be_replayed_is_refused_by_its_field(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        dead = [await dead_job(replica, scheduler) for _ in range(2)]
        missing = ids.new_job_id(NOW_MS, 0)

        assert (await refused(replica)).field == "job_ids"
        assert (await refused(replica, *[missing] * 201)).field == "job_ids"
        assert (await refused(replica, *dead, bpm=90)).field == "input"
        assert (await refused(replica, dead[0], text="x" * 70_000)).field == "input"
        error = await refused(replica, dead[0], missing)
        assert isinstance(error, errors.NotFound)
        assert missing in error.message
        assert isinstance(await refused(replica, dead[0], owner="bob"), errors.NotFound)

    async def test_an_edited_input_has_to_fit_the_kind_of_the_task_that_failed(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        info = scheduler_pb2.KindInfo(kind="test.sleep", input_schema=SLEEP)
        await replica.store.redis.hset(keys.KINDS, "test.sleep", info.SerializeToString())
        spec = plan([step("nap", "test.sleep", {"seconds": 1}), step("next", "test.echo", {"x": "${nap.result}"})])
        job_id = await dead_job(replica, scheduler, with_fields(spec, retry=ONCE))

        assert (await refused(replica, job_id, seconds="long")).field == "input.seconds"
        assert (await refused(replica, job_id, seconds="${next.result.x}")).field == "input"
        await replica.dead.replay(OWNER, [job_id], structs.from_dict({"seconds": 2}))

        assert structs.to_dict((await scheduler.order("nap", attempt=2)).input) == {"seconds": 2}

    async def test_a_discarded_job_is_dead_no_more_but_can_be_run_again_by_itself(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await dead_job(replica, scheduler)

        assert await replica.dead.discard(OWNER, [job_id, job_id, "nonsense"]) == 1

        assert await listed(replica) == []
        assert (await refused(replica, job_id)).reason == "NOT_DEAD"
        await replica.dead.retry(OWNER, job_id)
        await scheduler.order(attempt=2)


class TestPoison:
    async def test_the_last_attempt_after_a_loss_is_marked(
        self, replica: Replica, scheduler: ScriptedScheduler
    ) -> None:
        job_id = await replica.submit(task_spec(retry=task_pb2.RetryPolicy(max_attempts=2)))
        assert not (await scheduler.order(attempt=1)).suspect

        scheduler.say(lost(job_id=job_id))

        assert (await scheduler.order(attempt=2)).suspect

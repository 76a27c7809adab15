"""Jobs that are run again, that took too long, whose tasks kill their workers; and what tasks remember of it all."""

import pytest

from services.orchestrator import attempts, job, job_again
from services.orchestrator.job_record import MOST_PAST, HandOver, JobRecord, Stop
from tests.builders import (
    NOW_MS,
    Graph,
    checkpointed,
    failed,
    job_record,
    leased,
    lost,
    seconds,
    started,
    stopped,
    succeeded,
    task_spec,
)
from tests.unit.test_job_machine import LATER_MS, PAIR, after, assert_nothing_happened, begun, job_state, said, state
from tutti import structs
from tutti.v1 import job_pb2, task_pb2

THREE: Graph = {"first": (), "second": ("first",), "third": ("second",)}


def again(record: JobRecord, **edited: object) -> JobRecord:
    input = structs.from_dict(edited) if edited else None
    return job_again.retried(record, LATER_MS, input).job


def timed(graph: Graph | None = None) -> JobRecord:
    return job.created(job_record(graph, job_timeout=seconds(5))).job


class TestPastAttempts:
    def test_each_attempt_without_success_is_remembered_with_its_worker_its_times_and_its_failure(self) -> None:
        first = job.apply(begun(), [started(worker="w7")], NOW_MS + 1_000).job
        second = job.apply(first, [failed(reason="ON_PURPOSE")], NOW_MS + 2_000).job
        third = job.apply(second, [started(attempt=2, lease="1-2", worker="w8")], NOW_MS + 3_000).job
        record = job.apply(third, [lost(attempt=2, lease="1-2")], NOW_MS + 4_000).job

        past = record.tasks["main"].past

        assert [(each.attempt, each.worker_id, each.failure.reason) for each in past] == [
            (1, "w7", "ON_PURPOSE"),
            (2, "w8", "WORKER_LOST"),
        ]
        assert [each.start_time.ToMilliseconds() - NOW_MS for each in past] == [1_000, 3_000]
        assert [each.end_time.ToMilliseconds() - NOW_MS for each in past] == [2_000, 4_000]
        assert record.tasks["main"].start_ms == NOW_MS + 1_000

    def test_an_attempt_whose_handler_never_began_has_no_start(self) -> None:
        (past,) = after(begun(), leased(worker="w7"), lost()).tasks["main"].past

        assert not past.HasField("start_time")
        assert past.worker_id == "w7"

    def test_the_last_failure_is_remembered_too(self) -> None:
        record = after(begun(max_attempts=1), started(), failed(reason="ON_PURPOSE"))

        assert [each.failure.reason for each in record.tasks["main"].past] == ["ON_PURPOSE"]

    def test_an_attempt_that_was_stopped_with_its_job_is_remembered(self) -> None:
        wished = job.cancelled(after(begun(), started()), LATER_MS).job

        (past,) = after(wished, stopped()).tasks["main"].past

        assert past.failure.reason == "CANCELLED"

    def test_of_very_many_the_last_ones_are_kept_and_their_messages_are_cut(self) -> None:
        record = begun(max_attempts=100)
        long = failed()
        long.failed.message = "x" * 10_000
        for attempt in range(1, 51):
            long.attempt = attempt
            record = after(record, long)

        past = record.tasks["main"].past

        assert [each.attempt for each in past] == list(range(51 - MOST_PAST, 51))
        assert len(past[-1].failure.message) < 1_100
        assert record.tasks["main"].failure == long.failed  # the last one is kept whole


class TestPoison:
    def test_a_task_whose_workers_died_with_it_until_no_attempt_was_left_is_poison(self) -> None:
        record = after(begun(max_attempts=3), lost(), lost(attempt=2), lost(attempt=3))

        assert job_state(record) == "FAILED"
        assert record.failure is not None
        assert (record.failure.reason, record.failure.retryable) == ("POISON", False)
        assert record.failure.message.startswith("3 workers died")
        assert [each.failure.reason for each in record.tasks["main"].past] == ["WORKER_LOST"] * 3

    def test_a_task_with_a_single_attempt_is_poison_at_once(self) -> None:
        record = after(begun(max_attempts=1), lost())

        assert record.failure is not None
        assert record.failure.reason == "POISON"

    @pytest.mark.parametrize(
        ("ends", "reason"),
        [
            ([lost(), failed(attempt=2), failed(attempt=3)], "HANDLER_ERROR"),
            ([failed(), failed(attempt=2), lost(attempt=3)], "WORKER_LOST"),
            ([lost(), failed(attempt=2), lost(attempt=3)], "POISON"),
            ([failed(reason="WORKER_LEFT"), failed(attempt=2), lost(attempt=3)], "WORKER_LOST"),
        ],
        ids=["failed last", "lost once", "lost twice", "left is not lost"],
    )
    def test_what_counts_is_that_the_last_attempt_was_lost_and_another_one_too(
        self, ends: list[task_pb2.Update], reason: str
    ) -> None:
        record = after(begun(max_attempts=3), *ends)

        assert record.failure is not None
        assert record.failure.reason == reason

    def test_losses_before_the_job_was_run_again_do_not_count(self) -> None:
        record = again(after(begun(max_attempts=2), lost(), lost(attempt=2)))

        record = after(record, failed(attempt=3), lost(attempt=4))

        assert record.failure is not None
        assert record.failure.reason == "WORKER_LOST"

    def test_the_last_attempt_after_a_loss_is_suspect(self) -> None:
        record = begun(max_attempts=3)
        suspected = []
        for attempt in (1, 2):
            record = after(record, lost(attempt=attempt))
            suspected.append(attempts.is_suspect(record, record.tasks["main"]))

        assert suspected == [False, True]

    def test_the_last_attempt_after_another_failure_is_not_suspect(self) -> None:
        record = after(begun(max_attempts=3), lost(), failed(attempt=2))

        assert not attempts.is_suspect(record, record.tasks["main"])

    def test_no_pause_is_made_for_a_worker_that_left(self) -> None:
        transition = job.apply(begun(), [failed(reason="WORKER_LEFT")], LATER_MS)

        assert transition.effects == (HandOver(task="main"),)


class TestExpiry:
    def test_a_job_that_took_too_long_skips_what_waits_stops_what_runs_and_then_fails(self) -> None:
        running = after(timed(THREE), started("first"))

        expiring = job.expired(running, LATER_MS)
        ended = job.apply(expiring.job, [stopped("first")], LATER_MS)

        assert said(expiring.events) == ["second SKIPPED", "third SKIPPED"]
        assert expiring.effects == (Stop(task="first", attempt=1, lease_id="1-1"),)
        assert said(ended.events) == ["first CANCELLED", "job FAILED"]
        assert ended.job.failure is not None
        assert (ended.job.failure.reason, "5 s" in ended.job.failure.message) == ("TIMEOUT", True)

    @pytest.mark.parametrize(
        "how", [failed(), failed(retryable=False), lost(), stopped()], ids=lambda u: u.WhichOneof("what")
    )
    def test_however_its_last_attempt_ends_it_died_of_the_time(self, how: task_pb2.Update) -> None:
        transition = job.apply(job.expired(after(timed(), started()), LATER_MS).job, [how], LATER_MS)

        assert transition.effects == ()
        assert transition.job.failure is not None
        assert transition.job.failure.reason == "TIMEOUT"

    def test_what_succeeds_all_the_same_has_succeeded(self) -> None:
        assert job_state(after(job.expired(after(timed(), started()), LATER_MS).job, succeeded())) == "SUCCEEDED"

    def test_a_success_after_the_time_is_kept_but_nothing_follows_it(self) -> None:
        record = after(job.expired(after(timed(THREE), started("first")), LATER_MS).job, succeeded("first"))

        assert (state(record, "first"), job_state(record)) == ("SUCCEEDED", "FAILED")

    @pytest.mark.parametrize(
        "ending",
        [
            after(timed(), succeeded()),
            job.cancelled(after(timed(), started()), LATER_MS).job,
            after(job.created(job_record(PAIR, job_timeout=seconds(5))).job, failed("left", retryable=False)),
            job.expired(after(timed(), started()), LATER_MS).job,
        ],
        ids=["at rest", "being cancelled", "failing", "expired before"],
    )
    def test_a_job_that_comes_to_an_end_already_is_left_to_it(self, ending: JobRecord) -> None:
        assert_nothing_happened(job.expired(ending, LATER_MS), ending)

    def test_who_takes_an_expired_job_over_stops_it_again(self) -> None:
        record = job.expired(after(timed(), started()), LATER_MS).job

        assert job.resumed(record) == (Stop(task="main", attempt=1, lease_id="1-1"),)

    def test_the_time_runs_from_the_acceptance_and_anew_when_it_is_run_again(self) -> None:
        record = timed()
        ended = after(record, failed(retryable=False))

        assert record.deadline_ms == NOW_MS + 5_000
        assert job_again.retried(ended, NOW_MS + 60_000).job.deadline_ms == NOW_MS + 65_000
        assert begun().deadline_ms == 0


class TestRunAgain:
    def test_what_succeeded_is_kept_and_the_rest_is_tried_again_with_the_next_numbers(self) -> None:
        ended = after(begun(THREE, max_attempts=1), succeeded("first", result={"n": 1}), failed("second"))

        transition = job_again.retried(ended, LATER_MS)

        assert said(transition.events) == ["job QUEUED", "second READY", "third WAITING"]
        assert transition.effects == (HandOver(task="second"),)
        record = transition.job
        assert record.tasks["first"] == ended.tasks["first"]
        assert [(task.attempt, task.first_attempt) for task in record.tasks.values()] == [(1, 1), (2, 2), (0, 1)]
        assert (record.failure, record.end_ms, record.retry_ms) == (None, 0, LATER_MS)
        assert transition.changed == {"second", "third"}

    def test_it_has_as_many_attempts_as_at_first(self) -> None:
        record = again(after(begun(max_attempts=2), failed(), failed(attempt=2)))

        once = job.apply(record, [failed(attempt=3)], LATER_MS)
        twice = job.apply(once.job, [failed(attempt=4)], LATER_MS)

        assert once.effects == (HandOver(task="main", pause_seconds=1.0),)
        assert job_state(twice.job) == "FAILED"
        assert [each.attempt for each in twice.job.tasks["main"].past] == [1, 2, 3, 4]

    def test_what_an_earlier_attempt_still_says_is_stale(self) -> None:
        record = again(after(begun(max_attempts=1), started(), failed()))

        transition = job.apply(record, [succeeded(), started(lease="9-9"), lost()], LATER_MS)

        assert transition.stale == 3
        assert_nothing_happened(transition, record)

    def test_a_cancelled_job_is_run_again_as_if_nobody_had_wished(self) -> None:
        cancelled = after(job.cancelled(after(begun(THREE), started("first")), LATER_MS).job, stopped("first"))

        record = again(cancelled)

        assert not record.cancel_requested
        assert [state(record, name) for name in THREE] == ["READY", "WAITING", "WAITING"]
        assert job_state(after(record, started("first", attempt=2))) == "RUNNING"

    def test_a_job_that_took_too_long_is_run_again_without_having_expired(self) -> None:
        record = again(after(job.expired(after(timed(), started()), LATER_MS).job, stopped()))

        assert not record.expired
        assert job_state(after(record, failed(attempt=2))) == "QUEUED"

    def test_it_succeeds_when_what_was_left_has(self) -> None:
        record = again(after(begun(THREE, max_attempts=1), succeeded("first"), failed("second")))

        assert job_state(after(record, succeeded("second", attempt=2), succeeded("third"))) == "SUCCEEDED"

    def test_the_last_checkpoint_is_handed_on(self) -> None:
        ended = after(begun(max_attempts=1), started(), checkpointed(note={"section": 3}), failed())

        assert again(ended).tasks["main"].checkpoint == ended.tasks["main"].checkpoint

    def test_an_edited_input_replaces_that_of_the_failed_task_and_its_checkpoint_is_forgotten(self) -> None:
        ended = after(begun(max_attempts=1), started(), checkpointed(note={"section": 3}), failed())

        record = again(ended, bpm=90)

        assert structs.to_dict(record.plan.tasks[0].input) == {"bpm": 90}
        assert structs.to_dict(record.spec.task.input) == {"bpm": 90}
        assert record.tasks["main"].checkpoint is None
        assert structs.to_dict(ended.plan.tasks[0].input) == {}  # the record before is a value of its own

    def test_in_a_plan_of_the_callers_own_the_edit_is_seen_in_the_spec_too(self) -> None:
        record = begun(THREE, max_attempts=1)
        record = record._replace(spec=job_pb2.JobSpec(plan=record.plan, retry=record.spec.retry))
        ended = after(record, succeeded("first"), failed("second"))

        edited = again(ended, bpm=90)

        for plan in (edited.plan, edited.spec.plan):
            assert [structs.to_dict(task.input) for task in plan.tasks] == [{}, {"bpm": 90}, {}]
        assert job_again.has_input(edited, structs.from_dict({"bpm": 90}))
        assert not job_again.has_input(edited, structs.from_dict({"bpm": 91}))

    def test_of_a_job_that_took_too_long_the_first_task_without_success_is_edited(self) -> None:
        running = after(timed(THREE), succeeded("first"), started("second"))
        ended = after(job.expired(running, LATER_MS).job, stopped("second"))

        assert job_again.culprit(ended).name == "second"

    def test_nothing_of_a_spec_but_the_input_is_changed(self) -> None:
        spec = task_spec(labels={"album": "one"}, priority=task_pb2.PRIORITY_HIGH)
        ended = after(begun(max_attempts=1)._replace(spec=spec), failed(retryable=False))

        edited = again(ended, bpm=90)

        edited.spec.task.ClearField("input")
        spec.task.ClearField("input")
        assert edited.spec == spec

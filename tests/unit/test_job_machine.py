"""The job machine, one step at a time: what each thing that happens does to a job."""

from collections.abc import Sequence

import pytest

from services.orchestrator import job
from services.orchestrator.job_record import HandOver, JobRecord, Retry, Stop, Transition, retry_of
from tests.builders import (
    NOW_MS,
    Graph,
    checkpointed,
    failed,
    job_record,
    leased,
    logged,
    lost,
    progressed,
    seconds,
    started,
    stopped,
    stored,
    succeeded,
    update,
)
from tutti import structs
from tutti.v1 import job_pb2, task_pb2

LATER_MS = NOW_MS + 5_000
CHAIN: Graph = {"compose": (), "render": ("compose",)}
PAIR: Graph = {"left": (), "right": ()}
DIAMOND: Graph = {"top": (), "left": ("top",), "right": ("top",), "bottom": ("left", "right")}


def begun(graph: Graph | None = None, *, max_attempts: int = 3) -> JobRecord:
    return job.created(job_record(graph, max_attempts=max_attempts)).job


def after(record: JobRecord, *updates: task_pb2.Update) -> JobRecord:
    return job.apply(record, updates, LATER_MS).job


def state(record: JobRecord, task: str = "main") -> str:
    return task_pb2.TaskState.Name(record.tasks[task].state).removeprefix("TASK_STATE_")


def job_state(record: JobRecord) -> str:
    return job_pb2.JobState.Name(record.state).removeprefix("JOB_STATE_")


def said(events: Sequence[job_pb2.Event]) -> list[str]:
    """Events in short, such as `job RUNNING` or `main LEASED`."""
    lines = []
    for event in events:
        match event.WhichOneof("what"):
            case "job_moved":
                moved = job_pb2.JobState.Name(event.job_moved.state).removeprefix("JOB_STATE_")
                lines.append(f"job {moved}")
            case "task_moved":
                moved = task_pb2.TaskState.Name(event.task_moved.state).removeprefix("TASK_STATE_")
                lines.append(f"{event.task} {moved}")
            case what:
                lines.append(f"{event.task} {what}")
    return lines


def assert_nothing_happened(transition: Transition, before: JobRecord) -> None:
    assert transition.job == before
    assert (transition.events, transition.effects, transition.changed) == ((), (), frozenset())


def test_a_new_job_hands_over_the_tasks_that_need_nothing() -> None:
    transition = job.created(job_record({"left": (), "right": (), "both": ("left", "right")}))

    assert said(transition.events) == ["job QUEUED"]
    assert transition.effects == (HandOver(task="left"), HandOver(task="right"))
    assert [task.attempt for task in transition.job.tasks.values()] == [1, 1, 0]
    assert state(transition.job, "both") == "WAITING"


def test_the_first_start_moves_the_job_before_its_task() -> None:
    transition = job.apply(begun(), [leased(worker="w7"), started(worker="w7")], LATER_MS)

    assert said(transition.events) == ["main LEASED", "job RUNNING", "main RUNNING"]
    assert transition.job.tasks["main"].worker_id == "w7"
    assert transition.job.start_ms == transition.job.tasks["main"].start_ms == LATER_MS


def test_a_job_starts_only_once() -> None:
    running = after(begun(PAIR), started("left"))

    transition = job.apply(running, [started("right", lease="1-2")], LATER_MS)

    assert said(transition.events) == ["right RUNNING"]


def test_the_last_success_ends_the_job_and_keeps_the_result() -> None:
    running = after(begun(), started())

    transition = job.apply(running, [succeeded(result={"bpm": 90})], LATER_MS)

    assert said(transition.events) == ["main SUCCEEDED", "job SUCCEEDED"]
    assert transition.effects == ()
    result = transition.job.tasks["main"].result
    assert result is not None
    assert structs.to_dict(result) == {"bpm": 90}
    assert transition.job.end_ms == LATER_MS


def test_a_success_is_taken_even_if_the_start_was_never_heard_of() -> None:
    assert job_state(after(begun(), succeeded())) == "SUCCEEDED"


def test_a_task_is_handed_over_once_all_that_it_needs_has_succeeded() -> None:
    top_done = after(begun(DIAMOND), succeeded("top"))

    left_done = job.apply(top_done, [succeeded("left")], LATER_MS)
    right_done = job.apply(left_done.job, [succeeded("right")], LATER_MS)

    assert left_done.effects == ()
    assert state(left_done.job, "bottom") == "WAITING"
    assert right_done.effects == (HandOver(task="bottom"),)
    assert state(right_done.job, "bottom") == "READY"


def test_one_batch_may_carry_a_job_from_start_to_end() -> None:
    updates = [started("compose"), succeeded("compose"), started("render", lease="1-2"), succeeded("render")]
    updates[3].lease_id = "1-2"

    transition = job.apply(begun(CHAIN), updates, LATER_MS)

    assert job_state(transition.job) == "SUCCEEDED"
    assert transition.changed == {"compose", "render"}


def test_a_retryable_failure_leads_to_the_next_attempt_after_a_pause() -> None:
    transition = job.apply(after(begun(), started()), [failed()], LATER_MS)

    assert said(transition.events) == ["main READY"]
    assert transition.effects == (HandOver(task="main", pause_seconds=1.0),)
    task = transition.job.tasks["main"]
    assert (task.attempt, task.lease_id, task.worker_id) == (2, "", "")
    assert task.failure is not None
    assert task.failure.reason == "HANDLER_ERROR"


def test_a_lost_worker_costs_an_attempt_but_no_pause() -> None:
    transition = job.apply(after(begun(), started()), [lost()], LATER_MS)

    assert transition.job.tasks["main"].attempt == 2
    assert transition.effects == (HandOver(task="main"),)


def test_the_last_attempt_that_fails_ends_the_job_with_its_failure() -> None:
    transition = job.apply(begun(max_attempts=1), [failed(reason="ON_PURPOSE")], LATER_MS)

    assert said(transition.events) == ["main FAILED", "job FAILED"]
    assert transition.job.failure is not None
    assert transition.job.failure.reason == "ON_PURPOSE"


def test_a_final_failure_ends_the_job_whatever_attempts_are_left() -> None:
    assert job_state(after(begun(max_attempts=3), failed(retryable=False))) == "FAILED"


def test_a_failure_skips_what_waits_and_stops_what_runs_and_the_job_ends_when_that_has_stopped() -> None:
    running = after(begun({**PAIR, "mix": ("left", "right")}), started("left"), started("right", lease="1-2"))

    failing = job.apply(running, [failed("left", retryable=False)], LATER_MS)
    ended = job.apply(failing.job, [stopped("right", lease="1-2")], LATER_MS)

    assert said(failing.events) == ["left FAILED", "mix SKIPPED"]
    assert failing.effects == (Stop(task="right", attempt=1, lease_id="1-2"),)
    assert job_state(failing.job) == "RUNNING"
    assert said(ended.events) == ["right CANCELLED", "job FAILED"]


def test_nothing_is_tried_again_in_a_job_that_is_failing() -> None:
    failing = after(begun(PAIR), started("left"), started("right"), failed("left", retryable=False))

    transition = job.apply(failing, [lost("right")], LATER_MS)

    assert transition.effects == ()
    assert job_state(transition.job) == "FAILED"


def test_a_job_names_the_failure_that_came_first_in_its_plan_when_two_tasks_failed() -> None:
    failing = after(begun(PAIR), failed("right", reason="SECOND", retryable=False))

    ended = after(failing, failed("left", reason="FIRST", retryable=False))

    assert ended.failure is not None
    assert ended.failure.reason == "FIRST"


def test_cancelling_ends_what_waits_and_stops_what_was_handed_over() -> None:
    running = after(begun(CHAIN), started("compose"))

    transition = job.cancelled(running, LATER_MS)

    assert said(transition.events) == ["render CANCELLED"]
    assert transition.effects == (Stop(task="compose", attempt=1, lease_id="1-1"),)
    assert transition.job.cancel_requested


def test_a_cancelled_job_ends_when_its_last_attempt_has_stopped() -> None:
    wished = job.cancelled(after(begun(CHAIN), started("compose")), LATER_MS).job

    transition = job.apply(wished, [stopped("compose")], LATER_MS)

    assert said(transition.events) == ["compose CANCELLED", "job CANCELLED"]


@pytest.mark.parametrize(
    "how", [failed(), failed(retryable=False), lost(), stopped()], ids=lambda u: u.WhichOneof("what")
)
def test_however_an_attempt_of_a_cancelled_job_ends_it_is_not_tried_again(how: task_pb2.Update) -> None:
    wished = job.cancelled(after(begun(), started()), LATER_MS).job

    transition = job.apply(wished, [how], LATER_MS)

    assert transition.effects == ()
    assert job_state(transition.job) == "CANCELLED"


def test_what_succeeds_after_the_wish_still_counts_but_nothing_follows_it() -> None:
    wished = job.cancelled(after(begun(CHAIN), started("compose")), LATER_MS).job

    transition = job.apply(wished, [succeeded("compose")], LATER_MS)

    assert state(transition.job, "compose") == "SUCCEEDED"
    assert transition.effects == ()
    assert job_state(transition.job) == "CANCELLED"


def test_a_job_whose_every_task_succeeded_in_spite_of_the_wish_has_succeeded() -> None:
    wished = job.cancelled(after(begun(), started()), LATER_MS).job

    assert job_state(after(wished, succeeded())) == "SUCCEEDED"


def test_cancelling_twice_changes_nothing() -> None:
    wished = job.cancelled(begun(), LATER_MS).job

    assert_nothing_happened(job.cancelled(wished, LATER_MS), wished)


def test_cancelling_a_job_at_rest_changes_nothing() -> None:
    ended = after(begun(), succeeded())

    assert_nothing_happened(job.cancelled(ended, LATER_MS), ended)


def test_an_attempt_that_was_stopped_without_a_wish_is_tried_again() -> None:
    transition = job.apply(after(begun(), started()), [stopped()], LATER_MS)

    assert transition.job.tasks["main"].attempt == 2
    assert transition.effects == (HandOver(task="main", pause_seconds=1.0),)


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param(succeeded(attempt=1, lease="1-1"), id="of an earlier attempt"),
        pytest.param(succeeded(attempt=3, lease="1-9"), id="of an attempt that was never begun"),
        pytest.param(succeeded(attempt=2, lease="1-4"), id="under an older lease"),
        pytest.param(succeeded(attempt=2, lease=""), id="under no lease"),
        pytest.param(succeeded("nobody", attempt=2, lease="1-5"), id="of a task that the job does not have"),
        pytest.param(update(attempt=2, lease="1-5"), id="that says nothing"),
    ],
)
def test_a_stale_update_is_counted_and_changes_nothing(stale: task_pb2.Update) -> None:
    second = after(begun(), started(), failed(), started(attempt=2, lease="1-5"))

    transition = job.apply(second, [stale], LATER_MS)

    assert transition.stale == 1
    assert_nothing_happened(transition, second)


def test_a_task_that_waits_is_not_begun_by_whatever_is_said_of_it() -> None:
    waiting = begun(CHAIN)

    for said_of_it in (leased, started, succeeded, progressed):
        transition = job.apply(waiting, [said_of_it("render", attempt=0)], LATER_MS)
        assert transition.stale == 1
        assert_nothing_happened(transition, waiting)


@pytest.mark.parametrize("repeated", [leased(), started(), stored()], ids=lambda u: u.WhichOneof("what"))
def test_what_was_said_before_does_nothing_the_second_time(repeated: task_pb2.Update) -> None:
    once = after(begun(), leased(), started(), repeated)

    assert_nothing_happened(job.apply(once, [repeated], LATER_MS), once)


@pytest.mark.parametrize("how", [succeeded(), failed(retryable=False)], ids=lambda u: u.WhichOneof("what"))
def test_a_job_at_rest_hears_nothing_any_more(how: task_pb2.Update) -> None:
    ended = after(begun(), started(), how)

    for late in (how, leased(), started(lease="9-9"), logged(), stored(name="late.wav"), lost()):
        assert_nothing_happened(job.apply(ended, [late], LATER_MS), ended)


def test_a_younger_lease_of_the_same_attempt_takes_over() -> None:
    first = after(begun(), started(worker="w1", lease="1-9"), stored(lease="1-9"))

    second = after(first, leased(worker="w2", lease="2-1"), started(worker="w2", lease="2-1"))

    assert (second.tasks["main"].worker_id, second.tasks["main"].lease_id) == ("w2", "2-1")
    assert second.tasks["main"].artifacts == ()
    assert job.apply(second, [succeeded(lease="1-9")], LATER_MS).stale == 1


@pytest.mark.parametrize(
    ("younger", "older"), [("2-1", "1-9"), ("1-10", "1-9"), ("10-1", "9-99"), ("1-1", ""), ("1-1", "nonsense")]
)
def test_leases_rank_by_term_and_then_by_number(younger: str, older: str) -> None:
    assert job.outranks(younger, older)
    assert not job.outranks(older, younger)
    assert not job.outranks(younger, younger)


def test_reports_become_events_and_progress_is_kept() -> None:
    running = after(begun(), started())

    transition = job.apply(running, [progressed(fraction=0.25), logged(), checkpointed(), stored()], LATER_MS)

    assert said(transition.events) == ["main progress", "main log", "main checkpoint", "main artifact"]
    assert transition.job.tasks["main"].progress == task_pb2.Progress(fraction=0.25)
    assert all(event.attempt == 1 for event in transition.events)


def test_an_artifact_names_the_task_that_stored_it() -> None:
    transition = job.apply(after(begun(), started()), [stored(name="mix.wav")], LATER_MS)

    (artifact,) = transition.job.tasks["main"].artifacts
    assert artifact.task == transition.events[0].artifact.task == "main"


def test_what_a_failed_attempt_stored_is_gone_from_the_next_one() -> None:
    failed_once = after(begun(), started(), stored(), failed())

    again = after(failed_once, started(attempt=2, lease="1-2"))

    assert again.tasks["main"].artifacts == ()
    assert again.tasks["main"].progress is None


def test_what_an_attempt_goes_on_from_is_listed_with_what_it_stores_and_each_once() -> None:
    def section(number: int, attempt: int) -> task_pb2.Update:
        return stored(name=f"{number}.wav", attempt=attempt, lease=f"1-{attempt}")

    def files(record: JobRecord) -> list[str]:
        return [artifact.key.split("/", 2)[-1] for artifact in record.tasks["main"].artifacts]

    kept = checkpointed(artifacts=[section(number, 1).artifact for number in (0, 1)])
    first = after(begun(), started(), section(0, 1), section(1, 1), kept, section(2, 1))
    second = after(first, lost(), started(attempt=2, lease="1-2"))
    assert files(second) == ["1/0.wav", "1/1.wav"]
    third = after(second, section(2, 2), lost(attempt=2, lease="1-2"), started(attempt=3, lease="1-3"))
    assert files(third) == ["1/0.wav", "1/1.wav"]

    # One that is made again all the same takes the place of the one before.
    done = after(third, section(1, 3), section(2, 3))
    assert files(done) == ["1/0.wav", "3/1.wav", "3/2.wav"]


def test_a_checkpoint_outlives_its_attempt() -> None:
    failed_once = after(begun(), started(), checkpointed(note={"section": 3}), failed())

    checkpoint = after(failed_once, started(attempt=2, lease="1-2")).tasks["main"].checkpoint

    assert checkpoint is not None
    assert structs.to_dict(checkpoint.note) == {"section": 3}


def test_a_job_that_is_claimed_again_hands_over_every_attempt_that_has_not_ended() -> None:
    graph: Graph = {"done": (), "leased": (), "running": (), "ready": (), "waiting": ("ready",)}
    record = after(begun(graph), succeeded("done"), leased("leased"), started("running"))

    assert job.resumed(record) == (HandOver(task="leased"), HandOver(task="running"), HandOver(task="ready"))


def test_pauses_double_up_to_the_longest() -> None:
    retry = Retry(initial_backoff_seconds=2, max_backoff_seconds=10)

    assert [retry.pause_before(attempt) for attempt in range(2, 7)] == [2, 4, 8, 10, 10]


def test_a_pause_stays_finite_at_the_largest_number_of_attempts() -> None:
    assert Retry(max_attempts=100).pause_before(100) == 60


def test_what_a_spec_leaves_open_of_its_retries_is_filled_in() -> None:
    given = job_pb2.JobSpec(retry=task_pb2.RetryPolicy(initial_backoff=seconds(0)))

    assert retry_of(job_pb2.JobSpec()) == Retry()
    assert retry_of(given) == Retry(initial_backoff_seconds=0)

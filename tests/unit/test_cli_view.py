"""Events move bars and become lines; views are drawn the same with and without a terminal."""

import io
import itertools
import re
from typing import Any

import pytest
from rich.console import Console, RenderableType

from tutti.cli import tables, view, words
from tutti.cli.bars import Drawing
from tutti.cli.following import file_names
from tutti.v1 import artifact_pb2, job_pb2, orchestrator_pb2, scheduler_pb2, task_pb2

JOB = job_pb2.Job(
    job_id="01J0-0", tasks=[job_pb2.Task(name="compose"), job_pb2.Task(name="render")], state=job_pb2.JOB_STATE_QUEUED
)
_sequence = itertools.count(1)


def event(at: float = 100.0, task: str = "", attempt: int = 0, **what: Any) -> job_pb2.Event:
    made = job_pb2.Event(sequence=next(_sequence), job_id=JOB.job_id, task=task, attempt=attempt, **what)
    made.time.FromNanoseconds(int(at * 1e9))
    return made


def moved(
    task: str, state: task_pb2.TaskState.ValueType, at: float = 100.0, attempt: int = 1, **more: Any
) -> job_pb2.Event:
    return event(at, task, attempt, task_moved=job_pb2.Event.TaskMoved(state=state, **more))


def progressed(task: str, fraction: float, message: str = "", at: float = 100.0) -> job_pb2.Event:
    return event(at, task, 1, progress=task_pb2.Progress(fraction=fraction, message=message))


def seen(*events: job_pb2.Event) -> view.View:
    current = view.begin(JOB)
    for each in events:
        current = view.after(current, each)
    return current


def drawn(what: RenderableType, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(what)
    text = console.file.getvalue()  # type: ignore[attr-defined]  # the StringIO from above
    assert isinstance(text, str)
    return text


def test_bars_stand_in_the_order_of_the_plan_before_anything_happens() -> None:
    assert list(seen().bars) == ["compose", "render"]
    assert seen().bars["render"].elapsed(now=500) is None


def test_progress_moves_one_bar_and_keeps_the_last_message() -> None:
    bars = seen(progressed("compose", 0.25, "chords"), progressed("compose", 0.5)).bars
    assert (bars["compose"].fraction, bars["compose"].message) == (0.5, "chords")
    assert bars["render"].fraction == 0.0


def test_elapsed_time_runs_from_the_first_start_until_the_task_rests() -> None:
    running = seen(moved("compose", task_pb2.TASK_STATE_RUNNING, at=100))
    assert running.bars["compose"].elapsed(now=107) == 7
    ended = view.after(running, moved("compose", task_pb2.TASK_STATE_SUCCEEDED, at=103))
    assert ended.bars["compose"].elapsed(now=999) == 3
    assert ended.bars["compose"].fraction == 1.0


def test_a_clock_that_is_behind_never_shows_negative_time() -> None:
    assert seen(moved("compose", task_pb2.TASK_STATE_RUNNING, at=100)).bars["compose"].elapsed(now=99) == 0


def test_another_attempt_begins_from_nothing_and_says_why() -> None:
    failure = task_pb2.Failure(reason="WORKER_LOST", message="worker-1 is gone", retryable=True)
    again = moved("compose", task_pb2.TASK_STATE_READY, attempt=2, failure=failure)
    bar = seen(moved("compose", task_pb2.TASK_STATE_RUNNING), progressed("compose", 0.7), again).bars["compose"]
    assert (bar.fraction, bar.attempt, bar.message) == (0.0, 2, "worker-1 is gone")
    assert view.remark(again) == "compose: trying again, attempt 2 (WORKER_LOST: worker-1 is gone)"


def test_a_task_that_the_plan_did_not_name_gets_a_bar() -> None:
    assert "mix" in seen(progressed("mix", 0.1)).bars


def test_a_fraction_outside_of_its_range_is_brought_back() -> None:
    assert seen(progressed("compose", 1.7)).bars["compose"].fraction == 1.0


def test_lines_for_a_pipe_come_with_every_move_and_every_tenth() -> None:
    milestones = view.Milestones()
    events = [
        event(job_moved=job_pb2.Event.JobMoved(state=job_pb2.JOB_STATE_RUNNING)),
        moved("compose", task_pb2.TASK_STATE_RUNNING),
        progressed("compose", 0.04),
        progressed("compose", 0.1, "chords"),
        progressed("compose", 0.14),
        progressed("compose", 0.3, "melody"),
        event(task="compose", log=task_pb2.LogLine(level="INFO", message="hello")),
        event(task="compose", artifact=artifact_pb2.Artifact(name="plan.json", size=2048)),
        moved("compose", task_pb2.TASK_STATE_SUCCEEDED),
    ]
    assert [line for each in events if (line := milestones.line(each))] == [
        "job RUNNING",
        "compose: RUNNING",
        "compose:  10% chords",
        "compose:  30% melody",
        "compose: hello",
        "compose: stored plan.json (2.0 kB)",
        "compose: SUCCEEDED",
    ]


def test_a_frame_has_a_row_per_task_with_percent_time_and_message() -> None:
    current = seen(
        event(job_moved=job_pb2.Event.JobMoved(state=job_pb2.JOB_STATE_RUNNING)),
        moved("compose", task_pb2.TASK_STATE_RUNNING, at=100),
        moved("compose", task_pb2.TASK_STATE_SUCCEEDED, at=101.5),
        moved("render", task_pb2.TASK_STATE_RUNNING, at=102),
        progressed("render", 0.42, "chorus"),
    )
    lines = drawn(Drawing().frame(current, now=104)).splitlines()
    assert "01J0-0" in lines[0]
    assert "RUNNING" in lines[0]
    compose, render = (line for line in lines[1:] if line.strip())
    assert all(part in compose for part in ("✓", "compose", "100%", "1.5 s"))
    assert all(part in render for part in ("render", "42%", "2.0 s", "chorus"))


@pytest.mark.parametrize("state", list(task_pb2.TaskState.values()))
def test_every_state_of_a_task_can_be_drawn(state: task_pb2.TaskState.ValueType) -> None:
    assert "compose" in drawn(Drawing().frame(seen(moved("compose", state)), now=100))


def test_what_tasks_say_is_never_read_as_markup() -> None:
    current = seen(progressed("compose", 0.5, "[red]not markup[/]"))
    assert "[red]not markup[/]" in drawn(Drawing().frame(current, now=100))


def _finished_job() -> job_pb2.Job:
    job = job_pb2.Job(
        job_id="01J0-0",
        state=job_pb2.JOB_STATE_SUCCEEDED,
        spec=job_pb2.JobSpec(music=job_pb2.MusicRequest(narrative="a [bold] beat", model="muscgen")),
        tasks=[job_pb2.Task(name="render", kind="muscgen.render", state=task_pb2.TASK_STATE_SUCCEEDED, attempt=1)],
        artifacts=[
            artifact_pb2.Artifact(name="mix.wav", type="audio/wav", size=1_500_000, url="http://h/x?s=1", task="render")
        ],
    )
    job.spec.music.options.update({"bpm": 90, "key": "Am"})
    job.spec.music.duration.FromSeconds(12)
    job.create_time.FromSeconds(1000)
    job.end_time.FromSeconds(1004)
    return job


def test_a_job_is_shown_with_its_options_tasks_and_artifacts() -> None:
    text = drawn(tables.job(_finished_job(), now=1010))
    for part in (
        "a [bold] beat, 12 s",
        "bpm=90  key=Am",
        "muscgen.render",
        "mix.wav",
        "1.5 MB",
        "4.0 s",
    ):
        assert part in text


def test_jobs_are_listed_with_age_and_progress() -> None:
    text = drawn(tables.jobs([_finished_job()], now=1010))
    for part in ("01J0-0", "SUCCEEDED", "a [bold] beat", "100%", "10 s ago"):
        assert part in text


def test_workers_are_listed_with_what_they_have_and_do() -> None:
    worker = scheduler_pb2.Worker(state=scheduler_pb2.WORKER_STATE_READY, ready_models=["jen1"])
    worker.info.worker_id, worker.info.slots, worker.info.address = "worker-1", 8, "127.0.0.1:7300"
    worker.info.kinds.add(kind="test.echo")
    worker.leases.add(job_id="01J0-0")
    text = drawn(tables.workers([worker], now=1010))
    for part in ("worker-1", "READY", "1 of 8", "test.echo", "jen1"):
        assert part in text


def test_a_lost_worker_is_listed_with_the_reason() -> None:
    worker = scheduler_pb2.Worker(state=scheduler_pb2.WORKER_STATE_LOST, lost_message="it missed its heartbeats")
    worker.info.worker_id = "worker-1"
    text = drawn(tables.workers([worker], now=1010))
    for part in ("worker-1", "LOST", "it missed its heartbeats"):
        assert part in text


def test_queues_are_listed_with_what_waits_and_what_is_paused() -> None:
    found = scheduler_pb2.GetQueuesResponse(leased=3, paused_kinds=["test.hold"])
    for kind in ("test.echo", "test.hold"):
        queue = found.queues.add(kind=kind, priority=task_pb2.PRIORITY_LOW, owner="ada", depth=17)
        queue.oldest_time.FromSeconds(1000)
    lines = drawn(tables.queues(found, now=1010)).splitlines()
    for part in ("test.echo", "low", "17", "10 s ago", "ada"):
        assert part in lines[1]
    assert "paused" not in lines[1]
    assert "paused" in lines[2]


def test_artifacts_of_the_same_name_are_saved_under_their_tasks() -> None:
    job = job_pb2.Job()
    for task, name in (("drums", "mix.wav"), ("bass", "mix.wav"), ("plan", "plan.json")):
        job.artifacts.add(task=task, name=name)
    assert [name for _, name in file_names(job)] == ["drums-mix.wav", "bass-mix.wav", "plan.json"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (12.34, "12.3 s"), (75, "1:15 min"), (7322, "2:02 h"), (260_000, "3 days")]
)
def test_durations_are_told_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_100_000, "2.1 MB"), (5 * 10**12, "5000.0 GB")]
)
def test_sizes_are_told_in_the_unit_that_fits(count: int, text: str) -> None:
    assert words.size(count) == text


def test_a_job_shows_every_attempt_that_did_not_succeed() -> None:
    job = job_pb2.Job(job_id="01J0-0", state=job_pb2.JOB_STATE_FAILED)
    job.spec.task.kind = "test.echo"
    task = job.tasks.add(name="main", kind="test.echo", state=task_pb2.TASK_STATE_FAILED, attempt=2)
    for attempt, reason in ((1, "WORKER_LOST"), (2, "HANDLER_ERROR")):
        failure = task_pb2.Failure(reason=reason, message=f"why {attempt}")
        past = task.past_attempts.add(attempt=attempt, worker_id=f"w{attempt}", failure=failure)
        past.start_time.FromSeconds(100)
        past.end_time.FromSeconds(103)
    text = drawn(tables.job(job, 110.0))
    assert re.search(r"main +1 +w1 +7 s ago +3\.0 s +WORKER_LOST +why 1", text)
    assert re.search(r"main +2 +w2 +7 s ago +3\.0 s +HANDLER_ERROR +why 2", text)
    assert "past" not in drawn(tables.job(JOB, 110.0))


def test_dead_letters_say_what_they_died_of_and_why() -> None:
    letter = orchestrator_pb2.DeadJob(reason="POISON")
    letter.job.job_id = "01J0-0"
    letter.job.spec.task.kind = "test.crash"
    letter.job.failure.CopyFrom(task_pb2.Failure(reason="POISON", message="3 workers died"))
    letter.dead_time.FromSeconds(100)
    assert re.search(
        r"01J0-0 +POISON +10 s ago +test\.crash +POISON: 3 workers died", drawn(tables.dead([letter], 110.0))
    )


def test_a_bar_of_a_task_that_runs_again_moves_again() -> None:
    over = seen(
        moved("compose", task_pb2.TASK_STATE_RUNNING, at=100), moved("compose", task_pb2.TASK_STATE_FAILED, at=103)
    )
    again = view.after(over, moved("compose", task_pb2.TASK_STATE_READY, at=200, attempt=2))
    assert over.bars["compose"].elapsed(210) == 3
    assert again.bars["compose"].elapsed(210) == 110
    assert again.bars["compose"].attempt == 2

"""What keeps a job's log from growing without end."""

import pytest

from services.orchestrator import bounds
from services.worker.lines import LineBudget, LineLimit
from tutti.v1 import job_pb2, task_pb2


def line(number: int = 0) -> job_pb2.Event:
    return job_pb2.Event(log=task_pb2.LogLine(level="INFO", message=str(number)))


def moved() -> job_pb2.Event:
    return job_pb2.Event(job_moved=job_pb2.Event.JobMoved(state=job_pb2.JOB_STATE_SUCCEEDED))


def recorded(batches: list[list[job_pb2.Event]], *, most: int) -> list[job_pb2.Event]:
    log: list[job_pb2.Event] = []
    for batch in batches:
        log += bounds.within(batch, len(log), most=most)
    return log


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_log_that_is_full_says_so_once_and_takes_no_more_talk(size: int) -> None:
    lines = [line(number) for number in range(30)]
    log = recorded([lines[first : first + size] for first in range(0, 30, size)], most=10)
    assert [event.log.message for event in log[:9]] == [str(number) for number in range(9)]
    assert len(log) == 10
    assert log[-1].log.message.startswith("10 events are recorded")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_what_a_job_did_is_recorded_even_then_and_its_end_comes_last(size: int) -> None:
    events = [event for number in range(30) for event in (line(number), moved())]
    log = recorded([events[first : first + size] for first in range(0, 60, size)], most=10)
    assert sum(event.HasField("job_moved") for event in log) == 30
    assert sum("events are recorded" in event.log.message for event in log) == 1
    assert log[-1].HasField("job_moved")


def test_a_short_log_is_left_alone() -> None:
    events = [line(), moved()]
    assert bounds.within(events, 5, most=10) is events


def test_an_attempt_may_say_so_much_at_once_and_so_much_in_the_long_run() -> None:
    budget = LineBudget(LineLimit(burst=5, per_second=2), now=0)
    assert [budget.admits(0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [budget.admits(1) for _ in range(4)] == [True] * 2 + [False] * 2
    assert budget.left_out().startswith("… 4 lines left out")
    assert budget.left_out() == ""
    assert sum(budget.admits(1000) for _ in range(100)) == 5

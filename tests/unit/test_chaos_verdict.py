"""The verdict of the chaos suite, on forged evidence: each check bites, and a run in which all is well passes."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from tests.chaos import verdict
from tests.chaos.faults import Done
from tests.chaos.found import Accepted, Effect, Followed, Found, Seen
from tests.chaos.scenario import PlannedJob, Scenario, Shape, What
from tutti.clock import timestamp
from tutti.v1 import job_pb2, task_pb2

JOB = "job-0"
END_MS = 1_000_000
RUN = "run2"


def event(sequence: int, *, attempt: int = 0, **what: object) -> job_pb2.Event:
    task = "main" if attempt else ""
    return job_pb2.Event(event_id=f"{sequence}-0", sequence=sequence, job_id=JOB, task=task, attempt=attempt, **what)  # type: ignore[arg-type]


def job_moved(state: job_pb2.JobState.ValueType) -> job_pb2.Event.JobMoved:
    return job_pb2.Event.JobMoved(state=state)


def task_moved(state: task_pb2.TaskState.ValueType) -> job_pb2.Event.TaskMoved:
    return job_pb2.Event.TaskMoved(state=state)


def checkpoint(done: int) -> task_pb2.Checkpoint:
    saved = task_pb2.Checkpoint()
    saved.note["done"] = done
    return saved


def good_log() -> list[job_pb2.Event]:
    """Of a job whose first attempt was lost after its first section, and whose second went on from there."""
    return [
        event(1, job_moved=job_moved(job_pb2.JOB_STATE_QUEUED)),
        event(2, job_moved=job_moved(job_pb2.JOB_STATE_RUNNING)),
        event(3, attempt=1, task_moved=task_moved(task_pb2.TASK_STATE_RUNNING)),
        event(4, attempt=1, checkpoint=checkpoint(1)),
        event(5, attempt=2, task_moved=task_moved(task_pb2.TASK_STATE_READY)),
        event(6, attempt=2, task_moved=task_moved(task_pb2.TASK_STATE_RUNNING)),
        event(7, attempt=2, checkpoint=checkpoint(2)),
        event(8, attempt=2, task_moved=task_moved(task_pb2.TASK_STATE_SUCCEEDED)),
        event(9, job_moved=job_moved(job_pb2.JOB_STATE_SUCCEEDED)),
    ]


def good_job() -> job_pb2.Job:
    job = job_pb2.Job(
        job_id=JOB,
        spec=job_pb2.JobSpec(labels={"chaos": "0"}),
        state=job_pb2.JOB_STATE_SUCCEEDED,
        revision=9,
        last_event_id="9-0",
        end_time=timestamp(END_MS),
    )
    task = job.tasks.add(name="main", state=task_pb2.TASK_STATE_SUCCEEDED, attempt=2)
    task.result.update({"run": RUN, "given": ""})
    task.artifacts.add(name="run.txt", sha256=hashlib.sha256(RUN.encode()).hexdigest())
    return job


def effect(what: str, at: float, *, attempt: int, run: str, number: int = 0, pid: int = 7) -> Effect:
    return Effect(what=what, at=at, job_id=JOB, task="main", attempt=attempt, run=run, pid=pid, number=number)


def good_effects() -> list[Effect]:
    return [
        effect("begin", 990.0, attempt=1, run="run1"),
        effect("section", 991.0, attempt=1, run="run1", number=1),
        effect("begin", 992.0, attempt=2, run=RUN, number=1),
        effect("section", 993.0, attempt=2, run=RUN, number=2),
        effect("end", 993.0, attempt=2, run=RUN, number=2),
    ]


PLANNED = PlannedJob(
    number=0,
    at=0.0,
    shape=Shape.CHECKPOINTS,
    owner="ada",
    priority=2,
    seconds=1.0,
    sections=2,
    artifact=True,
    repeated=False,
    watched="grpc",
    cancel_after=None,
)


def found(
    *,
    job: job_pb2.Job | None = None,
    log: Sequence[job_pb2.Event] | None = None,
    effects: Sequence[Effect] | None = None,
    planned: PlannedJob = PLANNED,
    **more: object,
) -> Found:
    events = good_log() if log is None else log
    all_seen = [(one.event_id, one.sequence) for one in events]
    given = {
        "scenario": Scenario(seed=1, seconds=1.0, partitions=1, jobs=(planned,), faults=()),
        "accepted": {0: Accepted(job_ids=[JOB])},
        "jobs": {JOB: Seen(job=job or good_job(), events=events)},
        "effects": good_effects() if effects is None else effects,
        "followed": [Followed(job_id=JOB, over="grpc", seen=all_seen, ended=True)],
        **more,
    }
    return Found(**given)  # type: ignore[arg-type]


OTHER = "job-1"


def spared(*, run: str = RUN, key: str = "job-0/main/2/run.txt") -> job_pb2.Job:
    """A job whose task got the result of the good one."""
    job = job_pb2.Job(
        job_id=OTHER,
        spec=job_pb2.JobSpec(labels={"chaos": "1"}),
        state=job_pb2.JOB_STATE_SUCCEEDED,
        revision=3,
        last_event_id="3-0",
        end_time=timestamp(END_MS),
    )
    task = job.tasks.add(name="main", state=task_pb2.TASK_STATE_SUCCEEDED, attempt=1, cached=True)
    task.result.update({"run": run, "given": "group 1"})
    sha256 = hashlib.sha256(RUN.encode()).hexdigest()
    task.artifacts.add(name="run.txt", sha256=sha256, key=key)
    return job


def sharing(other: job_pb2.Job, *, group: int = 1, effects: Sequence[Effect] | None = None) -> Found:
    made = good_job()
    made.tasks[0].artifacts[0].key = "job-0/main/2/run.txt"
    alike = replace(PLANNED, shape=Shape.SHARED, group=1)
    log = [
        event(1, job_moved=job_moved(job_pb2.JOB_STATE_QUEUED)),
        event(2, attempt=1, task_moved=task_moved(task_pb2.TASK_STATE_SUCCEEDED)),
        event(3, job_moved=job_moved(job_pb2.JOB_STATE_SUCCEEDED)),
    ]
    jobs = (alike, replace(alike, number=1, group=group, shape=Shape.SHARED if group else Shape.ECHO))
    return found(
        scenario=Scenario(seed=1, seconds=1.0, partitions=1, jobs=jobs, faults=()),
        accepted={0: Accepted(job_ids=[JOB]), 1: Accepted(job_ids=[OTHER])},
        jobs={JOB: Seen(job=made, events=good_log()), OTHER: Seen(job=other, events=log)},
        effects=effects,
    )


def violations(evidence: Found) -> set[str]:
    return {one.check for one in verdict.judge(evidence)}


def changed(change: Callable[[job_pb2.Job], object]) -> job_pb2.Job:
    job = good_job()
    change(job)
    return job


def test_a_run_in_which_all_is_well_passes() -> None:
    assert verdict.judge(found()) == []
    assert verdict.lost(found()) == 0


def test_an_accepted_job_that_is_gone_is_lost() -> None:
    evidence = found(jobs={}, followed=[])
    assert violations(evidence) == {"accepted"}
    assert verdict.lost(evidence) == 1


def test_a_job_that_nobody_got_an_id_for_is_missed() -> None:
    assert violations(found(accepted={})) == {"accepted"}


def test_one_request_makes_one_job() -> None:
    assert "accepted" in violations(found(accepted={0: Accepted(job_ids=[JOB, "job-1"])}))
    twin = Seen(job=good_job(), events=good_log())
    assert "accepted" in violations(found(jobs={JOB: twin, "job-1": twin}))


def test_a_gap_in_the_log_is_seen() -> None:
    log = good_log()
    del log[4]
    assert "log" in violations(found(log=log))


def test_cursors_must_grow() -> None:
    log = good_log()
    log[5].event_id = log[4].event_id
    assert "log" in violations(found(log=log))


def test_the_record_must_name_the_last_event() -> None:
    assert violations(found(job=changed(lambda job: setattr(job, "revision", 8)))) == {"log"}


def test_a_second_end_of_a_job_is_seen() -> None:
    log = [*good_log(), event(10, job_moved=job_moved(job_pb2.JOB_STATE_FAILED))]
    assert "one end" in violations(found(log=log))


def test_a_job_without_an_end_is_lost() -> None:
    evidence = found(job=changed(lambda job: setattr(job, "state", job_pb2.JOB_STATE_RUNNING)), log=good_log()[:-1])
    assert "one end" in violations(evidence)
    assert verdict.lost(evidence) == 1


def test_a_second_end_of_a_task_is_seen() -> None:
    log = good_log()
    log.insert(7, event(8, attempt=2, task_moved=task_moved(task_pb2.TASK_STATE_FAILED)))
    assert "one end" in violations(found(log=log))


def test_nothing_may_follow_the_end_of_a_task() -> None:
    log = good_log()
    log[6], log[7] = log[7], log[6]
    assert "one end" in violations(found(log=log))


def test_a_job_must_end_as_it_had_to() -> None:
    assert violations(found(planned=replace(PLANNED, shape=Shape.DOOMED))) == {"outcome"}


def test_a_wish_that_was_answered_must_be_recorded() -> None:
    wished = {0: Accepted(job_ids=[JOB], wish_recorded=True)}
    assert violations(found(accepted=wished)) == {"outcome"}


def test_a_result_without_an_execution_that_ended_is_lost() -> None:
    evidence = found(effects=good_effects()[:-1])
    assert violations(evidence) == {"results"}
    assert verdict.lost(evidence) == 1


def test_a_result_of_another_attempt_is_seen() -> None:
    effects = [*good_effects()[:-1], effect("end", 993.0, attempt=1, run=RUN, number=2)]
    assert "results" in violations(found(effects=effects))


def test_an_artifact_of_another_execution_is_seen() -> None:
    assert violations(found(job=changed(lambda job: setattr(job.tasks[0].artifacts[0], "sha256", "")))) == {"results"}


def test_a_result_may_be_that_of_an_equal_job() -> None:
    assert verdict.judge(sharing(spared())) == []


def test_a_shared_result_that_no_execution_brought_forth_is_lost() -> None:
    evidence = sharing(spared(run="run9"))
    assert violations(evidence) == {"shared"}
    assert verdict.lost(evidence) == 1


def test_a_shared_result_that_nobody_is_recorded_with_is_seen() -> None:
    # As if it had been taken from an attempt that was given up.
    given_up = effect("end", 991.0, attempt=1, run="run1", number=2)
    assert violations(sharing(spared(run="run1"), effects=[*good_effects(), given_up])) == {"shared"}


def test_a_result_of_a_job_that_is_not_equal_is_seen() -> None:
    assert violations(sharing(spared(), group=2)) == {"shared"}
    assert violations(sharing(spared(), group=0)) == {"shared"}


def test_files_of_another_job_than_the_result_are_seen() -> None:
    assert violations(sharing(spared(key="job-7/main/1/run.txt"))) == {"shared"}


def test_one_that_was_spared_may_have_been_beginning_just_then() -> None:
    begun = effect("begin", 1_001.0, attempt=1, run="run3")._replace(job_id=OTHER)
    assert violations(sharing(spared(), effects=[*good_effects(), begun])) == set()
    late = begun._replace(at=1_100.0)
    assert violations(sharing(spared(), effects=[*good_effects(), late])) == {"attempts"}


@pytest.mark.parametrize(
    "late",
    [
        effect("begin", 1_001.0, attempt=2, run="run3", number=1),
        effect("begin", 995.0, attempt=3, run="run3", number=2),
        effect("begin", 995.0, attempt=1, run="run3"),
    ],
    ids=["after the job's end", "unknown to the record", "out of turn"],
)
def test_an_attempt_that_must_not_begin_is_seen(late: Effect) -> None:
    assert "attempts" in violations(found(effects=[*good_effects(), late]))


def test_a_zombie_may_begin_late_what_it_was_given_before() -> None:
    zombie = effect("begin", 1_001.0, attempt=1, run="run3", pid=9)
    paused = Done(what=What.PAUSE, target="worker-1", pid=9, begin=980.0, end=1_000.5)
    assert violations(found(effects=[*good_effects(), zombie], faults=[paused])) == set()
    assert violations(found(effects=[*good_effects(), zombie], faults=[replace(paused, pid=8)])) == {"attempts"}


def test_attempts_follow_each_other_in_the_log() -> None:
    log = good_log()
    log[6].attempt = 1
    assert "attempts" in violations(found(log=log))


def test_a_checkpoint_that_was_passed_over_is_seen() -> None:
    effects = [one._replace(number=0) if one.run == RUN and one.what == "begin" else one for one in good_effects()]
    assert violations(found(effects=effects)) == {"checkpoints"}


def test_a_section_that_nobody_worked_on_is_seen() -> None:
    effects = [one for one in good_effects() if one.what != "section" or one.number != 1]
    assert violations(found(effects=effects)) == {"checkpoints"}


@pytest.mark.parametrize("sequences", [[1, 2, 4], [1, 2, 2, 3], [1, 3, 2]], ids=["missing", "twice", "swapped"])
def test_a_watcher_that_saw_another_log_is_seen(sequences: list[int]) -> None:
    tail = [(f"{n}-0", n) for n in range(5, 10)]
    watcher = Followed(job_id=JOB, over="sse", seen=[*((f"{n}-0", n) for n in sequences), *tail], ended=True)
    assert violations(found(followed=[watcher])) == {"watchers"}


def test_a_watcher_that_never_saw_the_end_is_seen() -> None:
    watcher = Followed(job_id=JOB, over="sse", seen=[("1-0", 1)], ended=False)
    assert violations(found(followed=[watcher])) == {"watchers"}


def test_what_is_left_behind_and_what_surprises_is_told() -> None:
    evidence = found(leftovers=["tutti:{0}:job:job-0 never expires"], surprises=["worker-1 ended by itself"])
    assert violations(evidence) == {"leftovers", "surprises"}


def test_a_violation_shows_the_piece_of_the_log() -> None:
    (violation,) = verdict.judge(found(effects=good_effects()[:-1]))
    assert violation.job_id == JOB
    assert any("main/2 SUCCEEDED" in line for line in violation.excerpt)
    assert any("main/2 begin 1 run2" in line for line in violation.excerpt)

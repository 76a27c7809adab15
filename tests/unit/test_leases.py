"""Leases: at most one for each task, and how they ended until somebody has recorded it."""

from services.scheduler.fleet import Claim, Fleet
from services.scheduler.leases import Held, Leases, is_terminal
from services.scheduler.orders import Shape
from tests.builders import failed, logged, lost, progressed, started, stopped, succeeded, worker_info
from tutti.v1 import task_pb2


def claim() -> Claim:
    fleet = Fleet()
    fleet.join(worker_info(), ())
    return fleet.occupy("w1", Shape("test.echo"))


def held(job_id: str = "job-1", *, lease_id: str = "3-1", attempt: int = 1, worker_id: str = "w1") -> Held:
    return Held(
        lease_id=lease_id,
        job_id=job_id,
        task="main",
        attempt=attempt,
        worker_id=worker_id,
        claim=claim(),
        orchestrator_id="o1",
        order=None,
    )


def said(update: task_pb2.Update, job_id: str = "job-1") -> task_pb2.Update:
    update.job_id = job_id
    return update


def test_ids_count_within_the_term() -> None:
    leases = Leases(term=7)

    assert [leases.mint(), leases.mint()] == ["7-1", "7-2"]


def test_a_lease_is_found_by_task_and_by_worker() -> None:
    leases, one, two = Leases(3), held("job-1"), held("job-2", worker_id="w2")
    leases.add(one)
    leases.add(two)

    assert leases.find(("job-1", "main")) is one
    assert leases.of_worker("w2") == [two]
    assert leases.of_worker("nobody") == []
    assert len(leases) == 2


def test_an_update_counts_only_under_the_current_lease() -> None:
    leases, one = Leases(3), held()
    leases.add(one)

    assert leases.current(said(started(lease="3-1"))) is one
    assert leases.current(said(started(lease="3-0"))) is None
    assert leases.current(said(started(lease="3-1"), job_id="other")) is None


def test_a_lease_that_ended_is_gone_and_its_end_is_kept() -> None:
    leases, one, end = Leases(3), held(), said(succeeded(lease="3-1"))
    leases.add(one)

    leases.end(one, end)

    assert leases.find(one.key) is None
    assert leases.of_worker("w1") == []
    assert leases.how_ended(("job-1", "main", 1)) == [end]
    assert leases.how_ended(("job-1", "main", 2)) == []


def test_what_nobody_has_heard_yet_comes_before_the_end() -> None:
    leases, one, end = Leases(3), held(), said(succeeded())
    one.backlog += [said(started()), said(progressed())]
    leases.add(one)

    leases.end(one, end)

    assert [update.WhichOneof("what") for update in leases.how_ended(("job-1", "main", 1))] == [
        "started",
        "progress",
        "succeeded",
    ]


def test_an_end_that_was_recorded_is_forgotten() -> None:
    leases, one, end = Leases(3), held(), said(succeeded())
    leases.add(one)
    leases.end(one, end)

    leases.forget(end)
    leases.forget(end)

    assert leases.how_ended(("job-1", "main", 1)) == []


def test_what_is_collected_of_an_earlier_term_counts_once_its_end_is_there() -> None:
    leases = Leases(3)
    leases.collect(said(started(lease="2-9")))
    leases.collect(said(logged(lease="2-9")))
    assert leases.how_ended(("job-1", "main", 1)) == []

    leases.collect(said(failed(lease="2-9")))

    assert [update.WhichOneof("what") for update in leases.how_ended(("job-1", "main", 1))] == [
        "started",
        "log",
        "failed",
    ]


def test_a_lease_that_is_dropped_leaves_no_end() -> None:
    leases, one = Leases(3), held()
    leases.add(one)

    leases.drop(one)

    assert len(leases) == 0
    assert leases.how_ended(("job-1", "main", 1)) == []


def test_what_is_said_in_the_name_of_a_lease_carries_its_marks() -> None:
    update = held(attempt=4).update(leased=task_pb2.Update.Leased(worker_id="w1"))

    assert (update.job_id, update.task, update.attempt, update.lease_id) == ("job-1", "main", 4, "3-1")
    assert update.HasField("time")


def test_an_attempt_says_nothing_more_after_one_of_four_things() -> None:
    assert all(is_terminal(update) for update in (succeeded(), failed(), stopped(), lost()))
    assert not any(is_terminal(update) for update in (started(), progressed(), logged(), task_pb2.Update()))

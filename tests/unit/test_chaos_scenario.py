"""Scenarios of the chaos suite: repeatable, and complete where there is time."""

from collections import defaultdict
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos import scenario, workload
from tests.chaos.scenario import PAUSES, PlannedJob, Shape, What

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)


@given(SEEDS)
def test_a_seed_always_draws_the_same(seed: int) -> None:
    assert scenario.draw(seed, jobs=20, seconds=30) == scenario.draw(seed, jobs=20, seconds=30)


def test_another_seed_draws_something_else() -> None:
    assert scenario.draw(1, jobs=20, seconds=30) != scenario.draw(2, jobs=20, seconds=30)


@given(SEEDS)
def test_every_service_is_killed_and_paused_before_anything_comes_twice(seed: int) -> None:
    faults = scenario.draw(seed, jobs=1, seconds=60).faults
    met = {(fault.what, scenario.service_of(fault.target)) for fault in faults[:14]}
    assert met >= {(what, service) for what in (What.KILL, What.PAUSE) for service in PAUSES}


@given(SEEDS)
def test_jobs_and_faults_come_in_time_and_in_order(seed: int) -> None:
    drawn = scenario.draw(seed, jobs=50, seconds=30)
    for times in ([one.at for one in drawn.jobs], [one.at for one in drawn.faults]):
        assert times == sorted(times)
        assert 0 <= times[0] <= times[-1] <= 30
    assert [one.number for one in drawn.jobs] == list(range(50))


def test_some_jobs_are_equal_to_each_other_and_to_no_others() -> None:
    jobs = scenario.draw(1, jobs=500, seconds=30).jobs
    groups: dict[int, list[PlannedJob]] = defaultdict(list)
    for job in jobs:
        groups[job.group].append(job)
    assert {job.shape for job in groups.pop(0)} == set(Shape) - {Shape.SHARED}
    assert len(groups) > 5
    inputs = []
    for alike in groups.values():
        specs = [workload.spec_of(job, Path("effects.log")) for job in alike]
        assert {spec.task.kind for spec in specs} == {workload.SHARED_KIND}
        assert all(spec.task.input == specs[0].task.input for spec in specs)
        inputs.append(specs[0].task.input.SerializeToString(deterministic=True))
    assert len(set(inputs)) == len(inputs)
    assert max(map(len, groups.values())) > 2
    # What one of them is done for may be given up.
    assert any(job.cancel_after is not None for alike in groups.values() for job in alike)


def test_jobs_are_mixed() -> None:
    jobs = scenario.draw(1, jobs=500, seconds=30).jobs
    assert {one.shape for one in jobs} == set(Shape)
    assert {one.watched for one in jobs} == {"", "grpc", "sse"}
    assert any(one.repeated for one in jobs)
    assert any(one.cancel_after is not None for one in jobs)

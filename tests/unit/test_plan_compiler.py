"""Specs as a whole: what compiles to which plan, and how each bad input names its field."""

from collections.abc import Callable

import pytest

from services.orchestrator.plan import Kinds, compile_spec
from tests.builders import music_spec, seconds, task_spec, with_fields
from tutti import errors
from tutti.v1 import job_pb2, scheduler_pb2, task_pb2

SCHEMA = '{"type":"object","properties":{"seconds":{"type":"number","minimum":0}},"required":["seconds"]}'
KINDS = Kinds(
    [
        scheduler_pb2.KindInfo(kind="test.echo"),
        scheduler_pb2.KindInfo(kind="test.sleep", input_schema=SCHEMA),
    ]
)


def refused(spec: job_pb2.JobSpec) -> errors.InvalidInput:
    with pytest.raises(errors.InvalidInput) as caught:
        compile_spec(spec, KINDS)
    return caught.value


def test_a_single_task_becomes_a_plan_of_one() -> None:
    spec = task_spec(input={"a": 1})
    spec.task.resources.gpus = 1
    spec.task.worker_labels["zone"] = "b"

    (planned,) = compile_spec(spec, KINDS).tasks

    assert (planned.name, planned.kind, list(planned.needs)) == ("main", "test.echo", [])
    assert (planned.input, planned.resources.gpus, dict(planned.worker_labels)) == (spec.task.input, 1, {"zone": "b"})


def test_a_task_that_asks_for_nothing_has_no_resources() -> None:
    (planned,) = compile_spec(task_spec(), KINDS).tasks

    assert not planned.HasField("resources")


@pytest.mark.parametrize("model", ["jen1", "muscgen", "track"])
def test_the_tasks_of_a_model_stand_in_an_order_that_could_run(model: str) -> None:
    plan = compile_spec(music_spec(model=model), KINDS)

    names = [task.name for task in plan.tasks]
    assert all(set(task.needs) <= set(names[:place]) for place, task in enumerate(plan.tasks))


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(task_spec(priority=task_pb2.PRIORITY_HIGH), id="urgent"),
        pytest.param(task_spec(labels={"k" * 128: "v" * 128}), id="long labels"),
        pytest.param(task_spec(labels={f"k{n}": "" for n in range(32)}), id="many labels"),
        pytest.param(task_spec(retry=task_pb2.RetryPolicy(max_attempts=100)), id="many attempts"),
        pytest.param(task_spec(retry=task_pb2.RetryPolicy(initial_backoff=seconds(0))), id="no pause"),
        pytest.param(task_spec(attempt_timeout=seconds(0.001)), id="short timeout"),
        pytest.param(task_spec(job_timeout=seconds(0.001)), id="short job"),
        pytest.param(task_spec("test.sleep", {"seconds": 0}), id="input that fits its schema"),
    ],
)
def test_what_is_within_the_limits_is_accepted(spec: job_pb2.JobSpec) -> None:
    assert len(compile_spec(spec, KINDS).tasks) == 1


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        pytest.param(job_pb2.JobSpec(), "work", id="nothing to do"),
        pytest.param(task_spec(""), "kind", id="no kind"),
        pytest.param(task_spec("no.such"), "kind", id="unknown kind"),
        pytest.param(task_spec(input={"x": "y" * 70_000}), "input", id="input too large"),
        pytest.param(task_spec("test.sleep", {}), "input", id="input lacks something"),
        pytest.param(task_spec("test.sleep", {"seconds": -1}), "input.seconds", id="input out of range"),
        pytest.param(task_spec(labels={f"k{n}": "" for n in range(33)}), "labels", id="too many labels"),
        pytest.param(task_spec(labels={"": "v"}), "labels", id="empty label"),
        pytest.param(task_spec(labels={"k" * 129: "v"}), "labels", id="label key too long"),
        pytest.param(task_spec(labels={"k": "v" * 129}), "labels", id="label value too long"),
        pytest.param(task_spec(priority=9), "priority", id="no such priority"),
        pytest.param(task_spec(cache=9), "cache", id="no such cache policy"),
        pytest.param(task_spec(attempt_timeout=seconds(0)), "attempt_timeout", id="no time"),
        pytest.param(task_spec(attempt_timeout=seconds(-1)), "attempt_timeout", id="negative time"),
        pytest.param(task_spec(job_timeout=seconds(0)), "job_timeout", id="no time for the job"),
        pytest.param(task_spec(job_timeout=seconds(31 * 24 * 3600)), "job_timeout", id="too much time for the job"),
        pytest.param(
            task_spec(retry=task_pb2.RetryPolicy(max_attempts=-1)), "retry.max_attempts", id="negative attempts"
        ),
        pytest.param(
            task_spec(retry=task_pb2.RetryPolicy(max_attempts=101)), "retry.max_attempts", id="too many attempts"
        ),
        pytest.param(
            task_spec(retry=task_pb2.RetryPolicy(initial_backoff=seconds(-1))),
            "retry.initial_backoff",
            id="negative pause",
        ),
        pytest.param(
            task_spec(retry=task_pb2.RetryPolicy(max_backoff=seconds(3601))), "retry.max_backoff", id="pause too long"
        ),
    ],
)
def test_a_bad_input_names_its_field(spec: job_pb2.JobSpec, field: str) -> None:
    error = refused(spec)

    assert error.field == field
    assert error.message.startswith(f"{field}:")


def _beyond_measure(spec: job_pb2.JobSpec) -> None:
    spec.attempt_timeout.seconds = 2**62


def _no_number(spec: job_pb2.JobSpec) -> None:
    spec.task.resources.cpu = float("nan")


def _less_than_nothing(spec: job_pb2.JobSpec) -> None:
    spec.task.resources.gpus = -1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param(_beyond_measure, "attempt_timeout", id="a timeout that no clock can count"),
        pytest.param(_no_number, "resources.cpu", id="cores that are no number fit no worker ever"),
        pytest.param(_less_than_nothing, "resources.gpus", id="fewer GPUs than none"),
    ],
)
def test_what_can_never_run_is_refused_at_the_door(change: Callable[[job_pb2.JobSpec], None], field: str) -> None:
    spec = task_spec()
    change(spec)

    assert refused(spec).field == field


def test_bad_music_is_checked_for_labels_and_retries_too() -> None:
    assert refused(with_fields(music_spec(), labels={"": "v"})).field == "labels"


def test_an_unknown_kind_is_told_which_are_known() -> None:
    error = refused(task_spec("no.such"))

    assert error.reason == "UNKNOWN_KIND"
    assert "test.echo, test.sleep" in error.message


def test_what_a_refusal_shows_of_the_input_is_short() -> None:
    for spec in (task_spec("k" * 10_000), task_spec("test.sleep", {"seconds": "x" * 10_000})):
        assert len(refused(spec).message) < 1_000

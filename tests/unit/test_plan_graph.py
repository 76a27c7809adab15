"""Plans of a caller's own: what is accepted, in which order it comes back, and how what is wrong names its place."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orchestrator.plan import Kinds, compile_spec
from tests.builders import music_spec
from tutti import errors, structs
from tutti.client import plan, step
from tutti.v1 import job_pb2, scheduler_pb2

SCHEMA = '{"type":"object","properties":{"seconds":{"type":"number","minimum":0}},"required":["seconds"]}'
KINDS = Kinds(
    [
        scheduler_pb2.KindInfo(kind="test.echo"),
        scheduler_pb2.KindInfo(kind="test.sleep", input_schema=SCHEMA),
        scheduler_pb2.KindInfo(kind="jen1.compose"),
        scheduler_pb2.KindInfo(kind="muscgen.render", input_schema='{"required":["plan"]}'),
        scheduler_pb2.KindInfo(kind="prompt.parse"),
        scheduler_pb2.KindInfo(kind="mix.master"),
        scheduler_pb2.KindInfo(kind="track.finalize"),
    ]
)


def echo(name: str, *needs: str, **input: Any) -> job_pb2.PlannedTask:
    return step(name, "test.echo", input, needs=needs)


def compiled(*tasks: job_pb2.PlannedTask) -> list[job_pb2.PlannedTask]:
    return list(compile_spec(plan(tasks), KINDS).tasks)


def refused(tasks: Iterable[job_pb2.PlannedTask]) -> errors.InvalidInput:
    with pytest.raises(errors.InvalidInput) as caught:
        compile_spec(plan(tasks), KINDS)
    return caught.value


def test_a_plan_in_a_good_order_comes_back_as_it_was() -> None:
    tasks = [echo("a", x=1), echo("b", "a"), echo("c"), echo("d", "c", "b")]

    assert compiled(*tasks) == tasks


def test_a_plan_in_any_other_order_is_put_in_one_that_could_run() -> None:
    assert [task.name for task in compiled(echo("c", "b"), echo("b", "a"), echo("a"))] == ["a", "b", "c"]


@given(
    st.permutations(range(8)),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda edge: edge[0] < edge[1]), max_size=20),
)
def test_every_task_comes_after_what_it_needs(order: list[int], edges: list[tuple[int, int]]) -> None:
    tasks = [echo(f"t{n}", *(f"t{first}" for first, then in edges if then == n)) for n in order]

    names = [task.name for task in compiled(*tasks)]

    assert sorted(names) == [f"t{n}" for n in range(8)]
    assert all(names.index(f"t{first}") < names.index(f"t{then}") for first, then in edges)


def test_what_a_task_refers_to_it_needs() -> None:
    (_, _, last) = compiled(
        echo("a"), echo("b"), echo("c", "b", deep=[{"x": "take ${a.result.x.0} and ${b.result}, ${a.result.y}"}])
    )

    assert list(last.needs) == ["b", "a"]


def test_what_a_plan_asks_of_workers_is_kept() -> None:
    task = echo("a")
    task.resources.gpus, task.worker_labels["zone"] = 1, "b"

    (planned,) = compiled(task)

    assert (planned.resources.gpus, dict(planned.worker_labels)) == (1, {"zone": "b"})


def test_the_answer_of_plan_job_can_be_submitted_as_it_is() -> None:
    answer = compile_spec(music_spec(model="track"), KINDS)

    assert compile_spec(job_pb2.JobSpec(plan=answer), KINDS) == answer


def test_an_input_that_refers_to_a_result_is_not_held_to_the_schema_yet() -> None:
    tasks = compiled(echo("a"), step("b", "test.sleep", {"seconds": "${a.result.seconds}"}))

    assert structs.to_dict(tasks[1].input) == {"seconds": "${a.result.seconds}"}


def _greedy() -> job_pb2.PlannedTask:
    task = echo("a")
    task.resources.memory_bytes = -1
    return task


@pytest.mark.parametrize(
    ("tasks", "field"),
    [
        pytest.param([], "plan.tasks", id="no task"),
        pytest.param([echo(f"t{n}") for n in range(201)], "plan.tasks", id="too many tasks"),
        pytest.param([echo("a"), echo("")], "plan.tasks[1].name", id="no name"),
        pytest.param([echo("a.b")], "plan.tasks[0].name", id="a name that no reference could hold"),
        pytest.param([echo("a" * 65)], "plan.tasks[0].name", id="a name that is too long"),
        pytest.param([echo("a"), echo("a")], "plan.tasks[1].name", id="a name that is taken"),
        pytest.param([step("a", "")], "plan.tasks[0].kind", id="no kind"),
        pytest.param([echo("a"), step("b", "no.such")], "plan.tasks[1].kind", id="unknown kind"),
        pytest.param([echo("a", "b")], "plan.tasks[0].needs", id="needs what is not there"),
        pytest.param([echo("a", x="${b.result.y}")], "plan.tasks[0].input", id="refers to what is not there"),
        pytest.param([echo("a", "a")], "plan.tasks", id="needs itself"),
        pytest.param([echo("a"), echo("b", "a", "c"), echo("c", "b")], "plan.tasks", id="a circle"),
        pytest.param([echo("a", x="${b.result}"), echo("b", "a")], "plan.tasks", id="a circle of references"),
        pytest.param([echo("a", x="y" * 70_000)], "plan.tasks[0].input", id="input too large"),
        pytest.param([echo(f"t{n}", x="y" * 60_000) for n in range(40)], "plan", id="a plan too large"),
        pytest.param([step("a", "test.sleep", {"seconds": -1})], "plan.tasks[0].input.seconds", id="bad input"),
        pytest.param(
            [step("a", "test.sleep", {"seconds": "${else}"})], "plan.tasks[0].input.seconds", id="no true reference"
        ),
        pytest.param([_greedy()], "plan.tasks[0].resources.memory_bytes", id="less memory than none"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(tasks: list[job_pb2.PlannedTask], field: str) -> None:
    error = refused(tasks)

    assert error.field == field
    assert error.message.startswith(f"{field}:")


def test_an_unknown_kind_keeps_its_reason() -> None:
    assert refused([step("a", "no.such")]).reason == "UNKNOWN_KIND"


def test_a_circle_is_shown() -> None:
    assert "b → c → b" in refused([echo("a"), echo("b", "a", "c"), echo("c", "b")]).message

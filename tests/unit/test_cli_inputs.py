"""What people type becomes values, or a message that says how to type it."""

import os
from pathlib import Path
from typing import Any

import pytest

from tutti import errors, structs
from tutti.cli import failures, inputs
from tutti.cli.connection import Found, Where, data_dir, find
from tutti.embedded import endpoints, layout
from tutti.embedded.options import MeshOptions


@pytest.mark.parametrize(
    ("pair", "value"),
    [
        ("x=90", 90),
        ("x=0.5", 0.5),
        ("x=true", True),
        ("x=A minor", "A minor"),
        ("x=007", "007"),
        ("x=4/4", "4/4"),
        ("x=NaN", "NaN"),
        ('x="90"', "90"),
        ("x=[1, 2]", [1, 2]),
        ("x=a=b", "a=b"),
        ("x=", ""),
    ],
)
def test_an_option_is_json_where_it_can_be_and_text_where_not(pair: str, value: Any) -> None:
    parsed = inputs.options([pair])
    assert parsed == {"x": value}
    assert type(parsed["x"]) is type(value)


def test_a_plan_is_read_as_rest_spells_it(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(
        '{"tasks": [{"name": "a", "kind": "test.echo", "input": {"x": [1, "ä"]}, "workerLabels": {"zone": "b"}},'
        ' {"name": "b", "kind": "test.echo", "needs": ["a"]}]}',
        encoding="utf-8",
    )
    first, second = inputs.plan(file).tasks
    assert (first.name, first.kind, dict(first.worker_labels)) == ("a", "test.echo", {"zone": "b"})
    assert structs.to_dict(first.input) == {"x": [1, "ä"]}
    assert list(second.needs) == ["a"]


@pytest.mark.parametrize("pairs", [["bpm"], ["=90"], [" =1"], ["bpm=90", "bpm=100"]])
def test_an_option_that_cannot_be_read_names_itself(pairs: list[str]) -> None:
    with pytest.raises(errors.InvalidInput, match="--option") as refused:
        inputs.options(pairs)
    assert refused.value.field == "option"


def test_labels_stay_text() -> None:
    assert inputs.labels(["take=3", "mood=calm"]) == {"take": "3", "mood": "calm"}


@pytest.mark.parametrize("text", ["[1]", '"text"', "{", "{'a': 1}", '{"a": NaN}'])
def test_an_input_must_be_a_json_object(text: str) -> None:
    with pytest.raises(errors.InvalidInput, match="--input"):
        inputs.json_object(text, field="input")


def test_addresses_are_separated_by_commas() -> None:
    assert inputs.addresses(" a:1, b:2 ,", field="--address") == ("a:1", "b:2")


@pytest.mark.parametrize("text", ["host", "host:", ":7100", "a:1,host:http"])
def test_an_address_without_host_or_port_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidInput, match=r"--address: .* is not host:port"):
        inputs.addresses(text, field="--address")


def test_what_was_said_outranks_the_environment() -> None:
    found = find(Where(address="a:1"), {"TUTTI_ORCHESTRATORS": "b:2"})
    assert found == Found(orchestrators=("a:1",), schedulers=("a:1",))


def test_the_environment_names_both_kinds_of_addresses() -> None:
    found = find(Where(), {"TUTTI_ORCHESTRATORS": "a:1,b:2", "TUTTI_SCHEDULERS": "c:3"})
    assert found == Found(orchestrators=("a:1", "b:2"), schedulers=("c:3",))


def _endpoints_of(pid: int, directory: Path) -> endpoints.Endpoints:
    plan = layout.choose(MeshOptions(data_dir=directory, gateway_port=0))
    names = ["gateway", "redis", "triton", "orchestrator-1", "scheduler-1", "worker-1"]
    return plan.endpoints(pid, dict.fromkeys(names, pid))


def test_a_data_directory_that_was_named_outranks_the_environment(tmp_path: Path) -> None:
    written = _endpoints_of(os.getpid(), tmp_path)
    endpoints.write(tmp_path, written)
    found = find(Where(data_dir=tmp_path), {"TUTTI_ORCHESTRATORS": "b:2"})
    assert found.orchestrators == written.orchestrator_addresses
    assert found.schedulers == written.scheduler_addresses


def test_a_directory_without_a_mesh_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable, match="tutti up") as refused:
        find(Where(data_dir=tmp_path), {})
    assert failures.exit_code(refused.value) == failures.UNREACHABLE


def test_endpoints_of_a_mesh_that_was_killed_are_not_believed(tmp_path: Path) -> None:
    endpoints.write(tmp_path, _endpoints_of(2**22 + 1, tmp_path))
    with pytest.raises(errors.Unavailable, match="has ended without cleaning up"):
        find(Where(data_dir=tmp_path), {})


def test_the_data_directory_is_what_was_said_else_the_environments_else_the_default() -> None:
    assert data_dir(Where(data_dir=Path("a")), {"TUTTI_DATA_DIR": "b"}) == Path("a")
    assert data_dir(Where(), {"TUTTI_DATA_DIR": "b"}) == Path("b")
    assert data_dir(Where(), {}) == Path(".tutti")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidInput("x"), 2),
        (errors.NotFound("x"), 2),
        (errors.StaleLease("x"), 2),
        (errors.Unavailable("x"), 3),
        (errors.DeadlineExceeded("x"), 3),
        (errors.Internal("x"), 1),
    ],
)
def test_every_error_has_its_exit_code(error: errors.TuttiError, code: int) -> None:
    assert failures.exit_code(error) == code


def test_an_error_names_its_field_once() -> None:
    assert failures.described(errors.InvalidInput("too long", field="narrative")) == "narrative: too long"
    assert (
        failures.described(errors.InvalidInput("narrative is too long", field="narrative")) == "narrative is too long"
    )

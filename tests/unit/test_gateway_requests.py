"""What the gateway makes of a request's body and query."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf import json_format

from services.gateway import requests, structs
from tutti import errors
from tutti.v1 import job_pb2, orchestrator_pb2, task_pb2


def spec_of(body: dict[str, Any]) -> job_pb2.JobSpec:
    return requests.spec(requests.parse(json.dumps(body).encode()))


def refusal_of(body: bytes | dict[str, Any]) -> errors.InvalidInput:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(errors.InvalidInput) as caught:
        requests.spec(requests.parse(text))
    return caught.value


def test_a_narrative_alone_is_a_request_for_music() -> None:
    spec = spec_of({"narrative": "calm piano"})
    assert spec.music.narrative == "calm piano"
    assert spec.music.model == "muscgen"
    assert not spec.music.HasField("duration")
    assert not spec.HasField("retry")
    assert spec.priority == task_pb2.PRIORITY_UNSPECIFIED


def test_everything_that_can_be_asked_for_arrives() -> None:
    spec = spec_of(
        {
            "narrative": "calm piano",
            "duration": 2.5,
            "model": "jen1",
            "options": {"bpm": 90, "swing": 0.55, "loop": True, "key": None, "stems": ["drums", {"n": 1}], "deep": {}},
            "labels": {"album": "one"},
            "priority": "high",
            "retry": {"maxAttempts": 5, "initialBackoffSeconds": 0.25, "maxBackoffSeconds": 9},
            "timeoutSeconds": 60,
            "jobTimeoutSeconds": 0.5,
            "cache": "off",
        }
    )
    assert (spec.music.duration.seconds, spec.music.duration.nanos) == (2, 500_000_000)
    assert json_format.MessageToDict(spec.music.options) == {
        "bpm": 90.0,
        "swing": 0.55,
        "loop": True,
        "key": None,
        "stems": ["drums", {"n": 1.0}],
        "deep": {},
    }
    assert dict(spec.labels) == {"album": "one"}
    assert spec.priority == task_pb2.PRIORITY_HIGH
    assert spec.retry.max_attempts == 5
    assert spec.retry.initial_backoff.nanos == 250_000_000
    assert spec.retry.max_backoff.seconds == 9
    assert spec.attempt_timeout.seconds == 60
    assert spec.job_timeout.nanos == 500_000_000
    assert spec.cache == job_pb2.CACHE_POLICY_OFF


def test_a_kind_makes_it_a_request_for_one_task() -> None:
    spec = spec_of({"kind": "test.echo", "input": {"say": "hello"}})
    assert spec.WhichOneof("work") == "task"
    assert spec.task.kind == "test.echo"
    assert structs.plain(spec.task.input) == {"say": "hello"}


def test_a_task_without_input_has_an_empty_one() -> None:
    assert structs.plain(spec_of({"kind": "test.echo"}).task.input) == {}


def test_tasks_make_it_a_request_for_a_plan() -> None:
    last = {
        "name": "b",
        "kind": "test.echo",
        "input": {"x": "${a.result.x}"},
        "needs": ["a"],
        "resources": {"cpu": 0.5, "memoryBytes": 2**40, "gpus": 1},
        "workerLabels": {"zone": "c"},
    }
    spec = spec_of({"tasks": [{"name": "a", "kind": "test.echo"}, last], "priority": "low"})
    first, second = spec.plan.tasks
    assert (first.name, first.kind, list(first.needs), first.HasField("resources")) == ("a", "test.echo", [], False)
    assert structs.plain(second.input) == {"x": "${a.result.x}"}
    assert (list(second.needs), dict(second.worker_labels)) == (["a"], {"zone": "c"})
    assert second.resources == task_pb2.Resources(cpu=0.5, memory_bytes=2**40, gpus=1)
    assert spec.priority == task_pb2.PRIORITY_LOW


def test_a_plan_without_tasks_is_still_a_plan() -> None:
    assert spec_of({"tasks": []}).WhichOneof("work") == "plan"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tasks": [{"kind": "k"}]}, "tasks[0].name"),
        ({"tasks": [{"name": "a", "kind": "k"}, {"name": "b", "kind": 1}]}, "tasks[1].kind"),
        ({"tasks": [{"name": "a", "kind": "k", "input": {"x": 2**60}}]}, "tasks[0].input.x"),
        ({"tasks": [{"name": "a", "kind": "k", "resources": {"gpus": -1}}]}, "tasks[0].resources.gpus"),
        ({"tasks": [], "kind": "test.echo"}, "kind"),
        ({}, "narrative"),
        ({"narrative": 1}, "narrative"),
        ({"narrative": "x", "tempo": 90}, "tempo"),
        ({"narrative": "x", "duration": "30"}, "duration"),
        ({"narrative": "x", "duration": True}, "duration"),
        ({"narrative": "x", "duration": 0}, "duration"),
        ({"narrative": "x", "duration": 1e300}, "duration"),
        ({"narrative": "x", "options": []}, "options"),
        ({"narrative": "x", "labels": {"a": 1}}, "labels.a"),
        ({"narrative": "x", "priority": "urgent"}, "priority"),
        ({"narrative": "x", "retry": {"max_attempts": 1}}, "retry.max_attempts"),
        ({"narrative": "x", "retry": {"maxAttempts": 0}}, "retry.maxAttempts"),
        ({"narrative": "x", "retry": {"maxAttempts": 2**31}}, "retry.maxAttempts"),
        ({"narrative": "x", "options": {"seed": 2**53 + 1}}, "options.seed"),
        ({"narrative": "x", "kind": "test.echo"}, "narrative"),
        ({"kind": "test.echo", "input": {"a": [0, {"b": 2**60}]}}, "input.a[1].b"),
    ],
)
def test_what_does_not_fit_is_refused_by_the_name_of_its_field(body: dict[str, Any], field: str) -> None:
    error = refusal_of(body)
    assert error.field == field
    assert field in error.message


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal_of(body).message


def test_broken_json_is_refused_with_its_position() -> None:
    error = refusal_of(b'{\n  "narrative": "x",,\n}')
    assert error.reason == "MALFORMED_JSON"
    assert error.details == {"line": "2", "column": "20"}


@pytest.mark.parametrize("body", [b"", b'{"narrative": NaN}', b'{"narrative": "\\ud800"}', b'{"narrative": "\xff"}'])
def test_what_only_looks_like_json_is_refused(body: bytes) -> None:
    assert refusal_of(body).reason == "MALFORMED_JSON"


def nested(levels: int, *, wrap: str) -> dict[str, Any]:
    inner: Any = {}
    for _ in range(levels - 1):
        inner = {"a": inner} if wrap == "object" else [inner]
    return inner if wrap == "object" else {"a": inner}


@pytest.mark.parametrize("wrap", ["object", "list"])
def test_nesting_that_protobuf_could_not_parse_is_refused(wrap: str) -> None:
    too_deep = {"kind": "k", "input": nested(structs.MAX_DEPTH + 1, wrap=wrap)}
    assert "nested" in refusal_of(too_deep).message


@pytest.mark.parametrize("wrap", ["object", "list"])
def test_nesting_up_to_the_limit_survives_the_way_to_the_orchestrator_and_back(wrap: str) -> None:
    levels = structs.MAX_DEPTH if wrap == "object" else structs.MAX_DEPTH - 1
    body = {"kind": "k", "input": nested(levels, wrap=wrap)}
    request = orchestrator_pb2.CreateJobsRequest(requests=[orchestrator_pb2.CreateJobRequest(spec=spec_of(body))])
    arrived = orchestrator_pb2.CreateJobsRequest.FromString(request.SerializeToString())
    assert structs.plain(arrived.requests[0].spec.task.input) == body["input"]


def test_numbers_come_back_as_they_were_sent() -> None:
    sent = {"whole": 90, "part": 0.5, "negative": -3, "large": 2**53, "huge": 1e300}
    body = {"kind": "k", "input": sent}
    back = structs.plain(spec_of(body).task.input)
    assert json.dumps(back, sort_keys=True) == json.dumps(sent, sort_keys=True)


def test_a_query_becomes_a_filter() -> None:
    query = requests.JobsQuery.model_validate(
        {"state": ["running", "QUEUED"], "label": ["a:b:c", "d:"], "createdAfter": "2026-01-02T03:04:05+02:00"}
    )
    wanted = query.filter()
    assert list(wanted.states) == [job_pb2.JOB_STATE_RUNNING, job_pb2.JOB_STATE_QUEUED]
    assert dict(wanted.labels) == {"a": "b:c", "d": ""}
    assert wanted.created_after.ToDatetime(UTC) == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert not wanted.HasField("created_before")


@pytest.mark.parametrize(
    ("query", "field"),
    [({"state": ["UNSPECIFIED"]}, "state"), ({"label": ["a"]}, "label")],
)
def test_a_filter_that_says_nothing_is_refused(query: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        requests.JobsQuery.model_validate(query).filter()
    assert caught.value.field == field

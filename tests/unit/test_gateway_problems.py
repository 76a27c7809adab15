"""Errors as HTTP tells them."""

import logging
from collections.abc import Iterator

import orjson
import pytest

from services.gateway import problems, schemas
from tutti import errors
from tutti.telemetry import context


@pytest.fixture(autouse=True)
def journey() -> Iterator[None]:
    with context.entered("request-1", ""):
        yield


def kinds_of(kind: type[errors.TuttiError]) -> Iterator[type[errors.TuttiError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from kinds_of(narrower)


@pytest.mark.parametrize("kind", list(kinds_of(errors.TuttiError)), ids=lambda kind: kind.__name__)
def test_every_error_is_a_documented_problem(kind: type[errors.TuttiError]) -> None:
    response = problems.of(kind("what is wrong", details={"limit": "5"}))
    problem = schemas.Problem.model_validate(orjson.loads(response.body))
    assert response.media_type == "application/problem+json"
    assert problem.status == response.status_code >= 400
    assert problem.reason == kind.default_reason
    assert problem.request_id == "request-1"
    assert problem.details == {"limit": "5"}


def test_no_entry_of_the_table_is_hidden_by_an_earlier_one() -> None:
    kinds = [kind for kind, _ in problems.STATUSES]
    for position, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:position])


@pytest.mark.parametrize("kind", [errors.Unavailable, errors.Internal, errors.DeadlineExceeded])
def test_what_broke_inside_goes_to_the_log_and_not_to_the_caller(
    kind: type[errors.TuttiError], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        response = problems.of(kind("connect to 10.1.2.3:7100 failed"))
    assert b"10.1.2.3" not in response.body
    assert "10.1.2.3" in str(vars(caplog.records[0])["error"])


def test_a_caller_is_told_how_long_to_wait() -> None:
    assert problems.of(errors.Unavailable("x")).headers["retry-after"] == "2"
    quota = errors.QuotaExceeded("x", details={"retry_after_seconds": "30"})
    assert problems.of(quota).headers["retry-after"] == "30"


@pytest.mark.parametrize(
    ("contract", "rest"),
    [
        ("spec.music.duration", "duration"),
        ("spec.retry.max_attempts", "retry.maxAttempts"),
        ("spec.attempt_timeout", "timeoutSeconds"),
        ("job_timeout", "jobTimeoutSeconds"),
        ("job_ids", "jobIds"),
        ("retry.initial_backoff", "retry.initialBackoffSeconds"),
        ("request_id", "Idempotency-Key"),
        ("requests[3].spec.task.kind", "kind"),
        ("plan.tasks[3].worker_labels", "tasks[3].workerLabels"),
        ("plan.tasks[3].input.my_field", "tasks[3].input.my_field"),
        ("options.time_signature", "options.time_signature"),
        ("spec.labels.my_label", "labels.my_label"),
        ("page_size", "pageSize"),
        ("job_id", "jobId"),
        ("narrative", "narrative"),
    ],
)
def test_fields_are_named_as_rest_spells_them(contract: str, rest: str) -> None:
    body = orjson.loads(problems.of(errors.InvalidInput("x", field=contract)).body)
    assert body["field"] == rest

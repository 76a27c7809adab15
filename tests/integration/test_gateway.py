"""The gateway's REST interface over real HTTP, with real gRPC behind it. Event streams have a module of their own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway import schemas
from tests.fixtures.gateway import RunningGateway, running
from tests.fixtures.orchestrator import POOR_OWNER, MemoryOrchestrator, serving
from tests.fixtures.waiting import eventually_true
from tutti import errors, structs
from tutti.v1 import job_pb2

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def orchestrator() -> MemoryOrchestrator:
    return MemoryOrchestrator()


@pytest.fixture
async def gateway(orchestrator: MemoryOrchestrator) -> AsyncIterator[RunningGateway]:
    async with serving(orchestrator) as address, running(address, max_body_bytes=2048, max_job_bytes=4096) as gateway:
        yield gateway


async def refused(gateway: RunningGateway, status: int, method: str, path: str, **request: Any) -> schemas.Problem:
    answer = await gateway.http.request(method, path, **request)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = schemas.Problem.model_validate(answer.json())
    assert problem.status == status
    assert problem.request_id == answer.headers["x-request-id"]
    return problem


async def test_a_submitted_job_is_accepted_and_can_be_looked_at(gateway: RunningGateway) -> None:
    answer = await gateway.http.post(
        "/jobs", json={"narrative": "calm piano", "duration": 12, "model": "jen1", "options": {"bpm": 90}}
    )
    assert answer.status_code == 202
    assert answer.json()["status"] == "QUEUED"
    assert answer.headers["location"] == f"/jobs/{answer.json()['jobId']}"

    shown = await gateway.http.get(answer.headers["location"])
    assert shown.status_code == 200
    job = schemas.Job.model_validate(shown.json())
    assert (job.job_id, job.status, job.owner) == (answer.json()["jobId"], "QUEUED", "local")
    assert (job.narrative, job.duration, job.model, job.options) == ("calm piano", 12, "jen1", {"bpm": 90})


async def test_a_single_task_can_be_submitted(gateway: RunningGateway) -> None:
    answer = await gateway.http.post("/jobs", json={"kind": "test.sleep", "input": {"seconds": 1}, "priority": "low"})
    job = (await gateway.http.get(answer.headers["location"])).json()
    assert (job["kind"], job["input"], job["priority"]) == ("test.sleep", {"seconds": 1}, "low")


async def test_the_journey_of_a_request_goes_on_in_the_job(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"X-Request-Id": "from-the-caller", "traceparent": traceparent, "X-Tutti-Owner": "ana"}
    answer = await gateway.http.post("/jobs", json={"narrative": "x"}, headers=headers)
    assert answer.headers["x-request-id"] == "from-the-caller"
    job = orchestrator.jobs[answer.json()["jobId"]]
    assert (job.request_id, job.traceparent, job.owner) == ("from-the-caller", traceparent, "ana")

    await gateway.http.get(answer.headers["location"], headers=headers)
    assert orchestrator.metadata["GetJob"]["x-request-id"] == "from-the-caller"
    assert orchestrator.metadata["GetJob"]["traceparent"] == traceparent


async def test_a_request_id_that_is_not_fit_for_logs_is_replaced(gateway: RunningGateway) -> None:
    answer = await gateway.http.get("/health", headers={"X-Request-Id": 'a "quoted" id'})
    assert answer.headers["x-request-id"] not in ("", 'a "quoted" id')


async def test_an_idempotency_key_stands_for_one_job(gateway: RunningGateway) -> None:
    body, headers = {"narrative": "x"}, {"Idempotency-Key": "key-1"}
    first = await gateway.http.post("/jobs", json=body, headers=headers)
    again = await gateway.http.post("/jobs", json=body, headers=headers)
    assert again.json() == first.json()

    problem = await refused(gateway, 409, "POST", "/jobs", json={"narrative": "y"}, headers=headers)
    assert problem.reason == "CONFLICT"


async def test_many_submissions_at_once_become_as_many_jobs(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    ids = await asyncio.gather(*(gateway.submit(labels={"n": str(n)}) for n in range(100)))
    assert len(set(ids)) == 100
    assert [orchestrator.jobs[job_id].spec.labels["n"] for job_id in ids] == [str(n) for n in range(100)]


async def test_jobs_are_listed_newest_first_in_pages(gateway: RunningGateway) -> None:
    ids = [await gateway.submit() for _ in range(5)]
    first = (await gateway.http.get("/jobs", params={"pageSize": 3})).json()
    second = (await gateway.http.get("/jobs", params={"pageSize": 3, "pageToken": first["nextPageToken"]})).json()
    assert [job["jobId"] for job in first["jobs"] + second["jobs"]] == ids[::-1]
    assert second["nextPageToken"] == ""
    schemas.JobPage.model_validate(first)


async def test_jobs_are_filtered_by_state_label_and_time(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    plain, labelled = await gateway.submit(), await gateway.submit(labels={"album": "one", "take": "2"})
    await orchestrator.move(labelled, job_pb2.JOB_STATE_RUNNING)

    async def listed(**params: Any) -> list[str]:
        answer = await gateway.http.get("/jobs", params=params)
        assert answer.status_code == 200, answer.text
        return [job["jobId"] for job in answer.json()["jobs"]]

    assert await listed(state="RUNNING") == [labelled]
    assert await listed(state=["running", "queued"]) == [labelled, plain]
    assert await listed(label=["album:one", "take:2"]) == [labelled]
    assert await listed(label=["album:one", "take:3"]) == []
    assert await listed(createdAfter="2100-01-01T00:00:00Z") == []
    assert await listed(createdBefore="2100-01-01T00:00:00Z") == [labelled, plain]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"pageSize": 0}, "pageSize"),
        ({"pageSize": 201}, "pageSize"),
        ({"status": "RUNNING"}, "status"),
        ({"state": "DONE"}, "state"),
        ({"label": "album"}, "label"),
        ({"createdAfter": "2026-01-01"}, "createdAfter"),
    ],
)
async def test_a_bad_query_is_refused_by_its_name(gateway: RunningGateway, params: dict[str, Any], field: str) -> None:
    assert (await refused(gateway, 400, "GET", "/jobs", params=params)).field == field


async def test_deleting_a_job_cancels_it(gateway: RunningGateway) -> None:
    job_id = await gateway.submit()
    answer = await gateway.http.delete(f"/jobs/{job_id}")
    assert answer.status_code == 202
    assert (answer.json()["jobId"], answer.json()["cancelRequested"]) == (job_id, True)
    assert (await gateway.http.get(f"/jobs/{job_id}")).json()["status"] == "CANCELLED"


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("DELETE", ""), ("GET", "/events")])
async def test_the_job_of_somebody_else_does_not_exist(gateway: RunningGateway, method: str, suffix: str) -> None:
    job_id = await gateway.submit()
    path = f"/jobs/{job_id}{suffix}"
    problem = await refused(gateway, 404, method, path, headers={"X-Tutti-Owner": "somebody-else"})
    assert problem.reason == "NOT_FOUND"
    assert (await gateway.http.get("/jobs", headers={"X-Tutti-Owner": "somebody-else"})).json()["jobs"] == []


@pytest.mark.parametrize("header", ["X-Tutti-Owner", "Idempotency-Key"])
@pytest.mark.parametrize("value", ["two words", "x" * 129, "\xe9"])
async def test_a_header_that_cannot_travel_on_is_refused(gateway: RunningGateway, header: str, value: str) -> None:
    headers = {header: value.encode("latin-1")}
    assert (await refused(gateway, 400, "POST", "/jobs", json={"narrative": "x"}, headers=headers)).field == header


async def test_an_unknown_address_is_a_problem(gateway: RunningGateway) -> None:
    assert (await refused(gateway, 404, "GET", "/nowhere")).reason == "ROUTE_NOT_FOUND"


async def test_an_unknown_method_is_told_the_known_ones(gateway: RunningGateway) -> None:
    assert (await refused(gateway, 405, "PUT", "/jobs")).reason == "METHOD_NOT_ALLOWED"
    assert (await gateway.http.put("/jobs")).headers["allow"] == "GET, POST"


@pytest.mark.parametrize("headers", [{}, {"Content-Type": "text/plain"}, {"Content-Type": "multipart/form-data"}])
async def test_only_json_is_taken(gateway: RunningGateway, headers: dict[str, str]) -> None:
    problem = await refused(gateway, 415, "POST", "/jobs", content=b'{"narrative": "x"}', headers=headers)
    assert problem.reason == "UNSUPPORTED_MEDIA_TYPE"


async def test_broken_json_is_a_problem_with_a_position(gateway: RunningGateway) -> None:
    problem = await refused(gateway, 400, "POST", "/jobs", content=b'{"narrative":', headers=JSON)
    assert problem.details == {"line": "1", "column": "14"}


async def test_an_unknown_field_is_a_problem(gateway: RunningGateway) -> None:
    problem = await refused(gateway, 400, "POST", "/jobs", json={"narrative": "x", "tempo": 1})
    assert problem.field == "tempo"


async def test_what_the_orchestrator_refuses_is_a_problem_in_terms_of_rest(gateway: RunningGateway) -> None:
    problem = await refused(gateway, 400, "POST", "/jobs", json={"narrative": "x", "model": "nobody"})
    assert (problem.field, problem.detail) == ("model", "There is no model nobody.")
    body = {"narrative": "x", "retry": {"maxAttempts": 101}}
    assert (await refused(gateway, 400, "POST", "/jobs", json=body)).field == "retry.maxAttempts"


async def test_a_used_up_quota_is_a_problem_that_says_when_to_come_back(gateway: RunningGateway) -> None:
    headers = {"X-Tutti-Owner": POOR_OWNER}
    problem = await refused(gateway, 429, "POST", "/jobs", json={"narrative": "x"}, headers=headers)
    assert (problem.reason, problem.details) == ("OWNER_QUOTA", {"limit": "2", "used": "2"})


async def test_a_body_that_declares_to_be_too_large_is_refused(gateway: RunningGateway) -> None:
    problem = await refused(gateway, 413, "POST", "/jobs", json={"narrative": "x" * 5000})
    assert problem.reason == "BODY_TOO_LARGE"
    assert "4096" in problem.detail


async def test_a_submission_may_be_larger_than_other_bodies(gateway: RunningGateway) -> None:
    assert (await gateway.http.post("/jobs", json={"narrative": "x" * 3000})).status_code == 202
    problem = await refused(gateway, 413, "POST", "/jobs/dead/discard", json={"jobIds": ["x" * 3000]})
    assert "2048" in problem.detail


async def test_a_large_submission_is_read_like_a_small_one(orchestrator: MemoryOrchestrator) -> None:
    notes = [{"start": start, "pitch": 60} for start in range(20_000)]
    body: dict[str, Any] = {"narrative": "x", "options": {"plan": {"tracks": [{"notes": notes}]}}}
    async with serving(orchestrator) as address, running(address) as gateway:
        job_id = (await gateway.http.post("/jobs", json=body)).json()["jobId"]
        assert structs.to_dict(orchestrator.jobs[job_id].spec.music.options) == body["options"]
        assert (await refused(gateway, 400, "POST", "/jobs", json={**body, "tempo": 1})).field == "tempo"


async def test_a_body_that_grows_too_large_is_refused(gateway: RunningGateway) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 100

    problem = await refused(gateway, 413, "POST", "/jobs", content=endless(), headers=JSON)
    assert problem.reason == "BODY_TOO_LARGE"


async def test_a_defect_behind_the_gateway_shows_no_more_than_a_request_id(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    orchestrator.broken = ZeroDivisionError("a secret of the inside")
    problem = await refused(gateway, 500, "GET", "/jobs")
    assert problem.reason == "INTERNAL"
    assert "secret" not in problem.detail


async def test_a_defect_of_the_gateway_shows_no_more_than_a_request_id(gateway: RunningGateway) -> None:
    gateway.application.state.gateway = None
    for method, path in (("GET", "/jobs"), ("POST", "/jobs")):
        problem = await refused(gateway, 500, method, path, json={"narrative": "x"})
        assert problem.reason == "INTERNAL"
        assert "application" not in problem.detail


async def test_a_failing_orchestrator_is_a_problem_that_says_when_to_come_back(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    orchestrator.broken = errors.Unavailable("Redis at 10.0.0.7 is gone")
    problem = await refused(gateway, 503, "GET", "/jobs")
    assert "10.0.0.7" not in problem.detail


async def test_without_an_orchestrator_the_gateway_lives_and_is_not_ready(orchestrator: MemoryOrchestrator) -> None:
    async with serving(orchestrator) as address:
        pass
    # Long enough for gRPC to connect again, which it tries once a second.
    async with running(address, upstream_timeout_seconds=3) as gateway:
        assert (await gateway.http.get("/health")).json() == {"status": "ok"}
        async with asyncio.timeout(1.5):
            problem = await refused(gateway, 503, "GET", "/ready")
        assert problem.reason == "ORCHESTRATOR_UNAVAILABLE"
        assert "orchestrator" in problem.detail
        problem = await refused(gateway, 503, "POST", "/jobs", json={"narrative": "x"})
        assert address not in problem.detail

        async with serving(orchestrator, address):
            assert (await gateway.http.post("/jobs", json={"narrative": "x"})).status_code == 202

            async def ready() -> bool:
                return (await gateway.http.get("/ready")).status_code == 200

            # It asks over a connection of its own, which tries again at a moment of its own.
            await eventually_true(ready)


async def test_a_gateway_with_an_orchestrator_is_ready(gateway: RunningGateway) -> None:
    answer = await gateway.http.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


async def test_requests_are_counted_by_route_and_not_by_address(gateway: RunningGateway) -> None:
    job_id = await gateway.submit()
    await gateway.http.get(f"/jobs/{job_id}")
    await gateway.http.get("/nowhere/at/all")
    answer = await gateway.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert 'tutti_gateway_requests_total{method="GET",route="/jobs/{job_id}",status="200"}' in answer.text
    assert 'tutti_gateway_requests_total{method="GET",route="unmatched",status="404"}' in answer.text
    assert 'tutti_gateway_response_seconds_bucket{le="0.1",method="POST",route="/jobs"}' in answer.text
    assert "tutti_gateway_submits_total" in answer.text
    assert job_id not in answer.text
    assert "nowhere" not in answer.text


async def test_the_interface_describes_itself(gateway: RunningGateway) -> None:
    described = (await gateway.http.get("/openapi.json")).json()
    assert set(described["paths"]["/jobs"]) == {"get", "post"}
    assert "/jobs/{job_id}/events" in described["paths"]

"""Dead letters over real HTTP, with real gRPC behind it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway import schemas
from tests.fixtures.gateway import RunningGateway, running
from tests.fixtures.orchestrator import MemoryOrchestrator, serving
from tutti import structs
from tutti.v1 import job_pb2, task_pb2


@pytest.fixture
async def orchestrator() -> MemoryOrchestrator:
    return MemoryOrchestrator()


@pytest.fixture
async def gateway(orchestrator: MemoryOrchestrator) -> AsyncIterator[RunningGateway]:
    async with serving(orchestrator) as address, running(address) as gateway:
        yield gateway


async def dead_job(gateway: RunningGateway, orchestrator: MemoryOrchestrator, reason: str = "") -> str:
    answer = await gateway.http.post("/jobs", json={"kind": "test.echo", "input": {"a": 1}})
    job_id = str(answer.json()["jobId"])
    if reason:
        orchestrator.jobs[job_id].failure.CopyFrom(task_pb2.Failure(reason=reason, message="it broke"))
    await orchestrator.move(job_id, job_pb2.JOB_STATE_FAILED)
    return job_id


async def test_dead_letters_are_listed_in_pages_as_documented(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    dead = [await dead_job(gateway, orchestrator) for _ in range(3)]
    seen, token = [], ""
    while True:
        answer = await gateway.http.get("/jobs/dead", params={"pageToken": token})
        page = schemas.DeadPage.model_validate(answer.json())
        seen += [(letter.job.job_id, letter.reason) for letter in page.dead_jobs]
        token = page.next_page_token
        if not token:
            break
    assert seen == [(job_id, "FAILED") for job_id in reversed(dead)]


async def test_dead_letters_are_filtered_by_what_they_died_of(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    await dead_job(gateway, orchestrator)
    poison = await dead_job(gateway, orchestrator, "POISON")
    answer = await gateway.http.get("/jobs/dead", params={"reason": "POISON"})
    assert [letter["job"]["jobId"] for letter in answer.json()["deadJobs"]] == [poison]


@pytest.mark.parametrize(
    ("params", "field"),
    [({"reason": "BOREDOM"}, "reason"), ({"pageSize": 201}, "pageSize"), ({"owner": "x"}, "owner")],
)
async def test_a_bad_question_is_refused_by_its_name(
    gateway: RunningGateway, params: dict[str, Any], field: str
) -> None:
    answer = await gateway.http.get("/jobs/dead", params=params)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_a_replay_with_an_edited_input_queues_the_job_again(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await dead_job(gateway, orchestrator)
    answer = await gateway.http.post("/jobs/dead/replay", json={"jobIds": [job_id], "input": {"b": [2]}})
    assert answer.status_code == 202
    (job,) = schemas.Replayed.model_validate(answer.json()).jobs
    assert (job.job_id, job.status, job.input) == (job_id, "QUEUED", {"b": [2]})


async def test_a_replay_without_an_input_keeps_the_one_there_was(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    dead = [await dead_job(gateway, orchestrator) for _ in range(2)]
    answer = await gateway.http.post("/jobs/dead/replay", json={"jobIds": dead, "input": None})
    assert [job["jobId"] for job in answer.json()["jobs"]] == dead
    assert [structs.to_dict(orchestrator.jobs[job_id].spec.task.input) for job_id in dead] == [{"a": 1}] * 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "jobIds"),
        ({"jobIds": "x"}, "jobIds"),
        ({"jobIds": ["x", 1]}, "jobIds[1]"),
        ({"jobIds": ["x"], "input": []}, "input"),
        ({"jobIds": ["x"], "input": {"n": 2**60}}, "input.n"),
        ({"jobIds": ["x"], "force": True}, "force"),
    ],
)
async def test_a_bad_replay_is_refused_by_its_name(gateway: RunningGateway, body: dict[str, Any], field: str) -> None:
    answer = await gateway.http.post("/jobs/dead/replay", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


async def test_what_is_not_dead_is_a_conflict(gateway: RunningGateway) -> None:
    job_id = await gateway.submit()
    answer = await gateway.http.post("/jobs/dead/replay", json={"jobIds": [job_id]})
    problem = schemas.Problem.model_validate(answer.json())
    assert (problem.status, problem.reason, problem.field) == (409, "NOT_DEAD", "jobIds")


async def test_only_json_is_taken(gateway: RunningGateway) -> None:
    for path in ("/jobs/dead/replay", "/jobs/dead/discard"):
        assert (await gateway.http.post(path, content="jobIds=x")).status_code == 415


async def test_discarding_says_how_many_there_were(gateway: RunningGateway, orchestrator: MemoryOrchestrator) -> None:
    job_id = await dead_job(gateway, orchestrator)
    answer = await gateway.http.post("/jobs/dead/discard", json={"jobIds": [job_id]})
    assert (answer.status_code, answer.json()) == (200, {"discarded": 1})


async def test_a_job_is_retried_at_its_own_address(gateway: RunningGateway, orchestrator: MemoryOrchestrator) -> None:
    job_id = await dead_job(gateway, orchestrator)
    answer = await gateway.http.post(f"/jobs/{job_id}/retry")
    assert answer.status_code == 202
    assert schemas.Job.model_validate(answer.json()).status == "QUEUED"


async def test_somebody_elses_jobs_do_not_exist(gateway: RunningGateway, orchestrator: MemoryOrchestrator) -> None:
    job_id = await dead_job(gateway, orchestrator)
    other = {"X-Tutti-Owner": "bob"}
    assert (await gateway.http.get("/jobs/dead", headers=other)).json()["deadJobs"] == []
    assert (await gateway.http.post(f"/jobs/{job_id}/retry", headers=other)).status_code == 404
    answer = await gateway.http.post("/jobs/dead/replay", json={"jobIds": [job_id]}, headers=other)
    assert answer.status_code == 404


async def test_dead_is_no_jobs_id(gateway: RunningGateway) -> None:
    assert (await gateway.http.delete("/jobs/dead")).json()["reason"] == "NOT_FOUND"
    answer = await gateway.http.put("/jobs/dead")
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET")

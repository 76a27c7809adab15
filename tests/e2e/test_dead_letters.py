"""Jobs that die on a whole mesh, seen through its public doors: poison, deadlines, quotas, edited and replayed."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.fixtures.meshes import client_of, eventually, http_of, ready_workers, running_mesh
from tutti.client import Client, plan, step, task
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")
TUTTI = (sys.executable, "-m", "tutti.cli.main")
SUCCEEDED = job_pb2.JOB_STATE_SUCCEEDED
FAILED = job_pb2.JOB_STATE_FAILED
#: What one owner may have at a time.
MOST_JOBS = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    environment = {
        "TUTTI_LEASE_SECONDS": "2",
        "TUTTI_LEADER_LEASE_SECONDS": "1",
        "TUTTI_OWNER_MAX_JOBS": str(MOST_JOBS),
    }
    data_dir = tmp_path_factory.mktemp("dead") / "data"
    async with running_mesh(data_dir, orchestrators=2, workers=2, environment=environment) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(mesh: Mesh) -> AsyncIterator[Client]:
    async with client_of(mesh.endpoints) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(mesh: Mesh) -> AsyncIterator[httpx.AsyncClient]:
    async with http_of(mesh.endpoints) as http:
        yield http


async def tutti(mesh: Mesh, *words: str) -> list[dict[str, Any]]:
    """Run the command with --json; returns what it said."""
    address = ",".join(mesh.endpoints.orchestrator_addresses)
    process = await asyncio.create_subprocess_exec(
        *TUTTI, *words, "--json", "--address", address, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return [json.loads(line) for line in out.decode().splitlines()]


def with_attempts(spec: job_pb2.JobSpec, attempts: int) -> job_pb2.JobSpec:
    spec.retry.max_attempts = attempts
    spec.retry.initial_backoff.nanos = 10_000_000
    return spec


async def waited(client: Client, job_id: str) -> job_pb2.Job:
    return await asyncio.wait_for(client.wait(job_id), 90)


async def test_a_poison_task_becomes_a_dead_letter_and_its_bystanders_succeed(
    mesh: Mesh, client: Client, http: httpx.AsyncClient
) -> None:
    async def both_work() -> bool:
        return await ready_workers(client) == 2

    await eventually(both_work, within=60)
    innocents = [
        await client.submit(with_attempts(task("test.sleep", {"seconds": 0.5, "steps": 5}), 20)) for _ in range(20)
    ]
    poison = await client.submit(with_attempts(task("test.crash"), 3))

    job = await waited(client, poison)
    bystanders = await asyncio.gather(*(waited(client, job_id) for job_id in innocents))

    assert (job.state, job.failure.reason) == (FAILED, "POISON")
    assert job.failure.message.startswith("3 workers died")
    assert [(past.attempt, past.failure.reason) for past in job.tasks[0].past_attempts] == [
        (attempt, "WORKER_LOST") for attempt in (1, 2, 3)
    ]
    assert {job.state for job in bystanders} == {SUCCEEDED}
    dead = (await http.get("/jobs/dead", params={"reason": "POISON"})).json()["deadJobs"]
    assert [(letter["job"]["jobId"], letter["reason"]) for letter in dead] == [(poison, "POISON")]
    await eventually(both_work, within=60)

    # With an input that spares its workers it runs to its end.
    answer = await http.post("/jobs/dead/replay", json={"jobIds": [poison], "input": {"spare": True}})
    assert answer.status_code == 202, answer.text
    job = await waited(client, poison)
    assert (job.state, job.tasks[0].attempt, job.tasks[0].first_attempt) == (SUCCEEDED, 4, 4)
    assert (await http.get("/jobs/dead")).json()["deadJobs"] == []


async def test_a_dead_letter_is_edited_and_replayed_over_rest(client: Client, http: httpx.AsyncClient) -> None:
    body = {
        "tasks": [
            {"name": "first", "kind": "test.echo", "input": {"n": 7}},
            {"name": "second", "kind": "test.fail", "input": {"times": 99}, "needs": ["first"]},
            {"name": "third", "kind": "test.echo", "input": {"said": "${second.result.attempt} of ${first.result.n}"}},
        ],
        "retry": {"maxAttempts": 2, "initialBackoffSeconds": 0.01},
    }
    job_id = (await http.post("/jobs", json=body)).json()["jobId"]
    assert (await waited(client, job_id)).state == FAILED

    (letter,) = (await http.get("/jobs/dead")).json()["deadJobs"]
    second = letter["job"]["tasks"][1]
    assert (letter["job"]["jobId"], letter["reason"]) == (job_id, "FAILED")
    assert [past["failure"]["reason"] for past in second["pastAttempts"]] == ["ON_PURPOSE", "ON_PURPOSE"]
    bad = await http.post("/jobs/dead/replay", json={"jobIds": [job_id], "input": {"times": -1}})
    assert (bad.status_code, bad.json()["field"]) == (400, "input.times")

    replayed = await http.post("/jobs/dead/replay", json={"jobIds": [job_id], "input": {"times": 2}})

    assert (replayed.status_code, replayed.json()["jobs"][0]["status"]) == (202, "QUEUED")
    job = await waited(client, job_id)
    assert job.state == SUCCEEDED
    assert [task.attempt for task in job.tasks] == [1, 3, 1]
    assert dict(job.tasks[2].result) == {"said": "3 of 7"}
    events = [event async for event in client.watch(job_id)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    again = await http.post("/jobs/dead/replay", json={"jobIds": [job_id]})
    assert (again.status_code, again.json()["reason"]) == (409, "NOT_DEAD")


async def test_a_dead_letter_is_edited_and_replayed_on_the_command_line(mesh: Mesh, client: Client) -> None:
    job_id = await client.submit(with_attempts(task("test.fail", {"times": 99}), 1))
    await waited(client, job_id)

    (letter,) = await tutti(mesh, "dead")
    assert (letter["job"]["jobId"], letter["reason"]) == (job_id, "FAILED")
    await tutti(mesh, "replay", job_id, "--input", '{"times": 0}')

    assert (await waited(client, job_id)).state == SUCCEEDED
    assert await tutti(mesh, "dead") == []


async def test_a_dead_letter_is_discarded_and_can_still_be_retried_by_itself(
    mesh: Mesh, client: Client, http: httpx.AsyncClient
) -> None:
    job_id = await client.submit(with_attempts(task("test.fail", {"times": 1}), 1))
    await waited(client, job_id)

    assert (await http.post("/jobs/dead/discard", json={"jobIds": [job_id, "no-job"]})).json() == {"discarded": 1}
    assert await tutti(mesh, "discard", job_id) == [{"discarded": 0}]
    assert (await http.get("/jobs/dead")).json() == {"deadJobs": [], "nextPageToken": ""}
    assert (await http.get(f"/jobs/{job_id}")).json()["status"] == "FAILED"
    assert (await http.post(f"/jobs/{job_id}/retry")).status_code == 202

    assert (await waited(client, job_id)).state == SUCCEEDED
    assert (await http.post(f"/jobs/{job_id}/retry")).json()["reason"] == "JOB_SUCCEEDED"


async def test_a_cancelled_job_is_run_again_on_the_command_line(mesh: Mesh, client: Client) -> None:
    spec = plan([step("one", "test.echo"), step("two", "test.sleep", {"seconds": 2, "steps": 20}, needs=["one"])])
    job_id = await client.submit(spec)
    async for event in client.watch(job_id):
        if event.task == "two" and event.HasField("progress"):
            await client.cancel(job_id)
    assert (await waited(client, job_id)).state == job_pb2.JOB_STATE_CANCELLED

    (job,) = await tutti(mesh, "retry", job_id)

    assert job["state"] == "JOB_STATE_QUEUED"
    ended = await waited(client, job_id)
    assert (ended.state, [task.attempt for task in ended.tasks]) == (SUCCEEDED, [1, 2])


async def test_a_job_that_takes_too_long_is_stopped_and_dies_of_it(mesh: Mesh, client: Client) -> None:
    answers = await tutti(mesh, "submit", "--kind", "test.sleep", "--input", '{"seconds": 600}', "--job-timeout", "0.5")
    job_id = answers[0]["jobId"]

    job = await waited(client, job_id)

    assert (job.state, job.failure.reason) == (FAILED, "TIMEOUT")
    assert [letter["reason"] for letter in await tutti(mesh, "dead", "--reason", "timeout")] == ["TIMEOUT"]


async def test_an_owner_has_so_many_unfinished_jobs_and_no_more(client: Client, http: httpx.AsyncClient) -> None:
    body = {"kind": "test.sleep", "input": {"seconds": 600}}
    headers = {"X-Tutti-Owner": "greedy"}
    held = [(await http.post("/jobs", json=body, headers=headers)).json()["jobId"] for _ in range(MOST_JOBS)]

    refused = await http.post("/jobs", json=body, headers={**headers, "Idempotency-Key": "once"})

    assert (refused.status_code, refused.json()["reason"]) == (429, "OWNER_QUOTA")
    assert refused.json()["details"] == {"limit": str(MOST_JOBS), "used": str(MOST_JOBS)}
    assert (await http.post("/jobs", json={"kind": "test.echo"})).status_code == 202
    for job_id in held:
        await http.delete(f"/jobs/{job_id}", headers=headers)

    async def accepted() -> bool:
        answer = await http.post("/jobs", json={"kind": "test.echo"}, headers={**headers, "Idempotency-Key": "once"})
        return answer.status_code == 202

    await eventually(accepted, within=60)

"""One key, one job: at two replicas at once, over the death of the one that was asked, over a restart of Redis."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import pytest
import pytest_asyncio

from tests.fixtures.meshes import client_of, eventually, http_of, kill, running_mesh
from tutti import errors, rpc
from tutti.client import Client, task
from tutti.embedded import Mesh
from tutti.embedded.endpoints import Replica
from tutti.v1 import job_pb2, orchestrator_pb2, orchestrator_pb2_grpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPEC = task("test.echo", {"n": 1})
OTHER = task("test.echo", {"n": 2})
#: More than all else that the mesh says to Redis while that does not read, less than what the kernel takes for it.
LARGE_BYTES = 40_000
LARGE = task("test.echo", {"text": "l" * LARGE_BYTES})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    async with running_mesh(tmp_path_factory.mktemp("idempotency") / "data", orchestrators=2) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(mesh: Mesh) -> AsyncIterator[Client]:
    async with client_of(mesh.endpoints) as client:
        yield client


async def create_at(
    replica: Replica, owner: str, *requests: tuple[str, job_pb2.JobSpec], timeout: float = 30
) -> list[orchestrator_pb2.CreateJobsResponse.Result]:
    """One CreateJobs call at one replica, without retries: (request id, spec) each."""
    batch = [orchestrator_pb2.CreateJobRequest(request_id=key, spec=spec) for key, spec in requests]
    async with rpc.channel([replica.address]) as channel:
        stub = orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
        answer = await stub.CreateJobs(
            orchestrator_pb2.CreateJobsRequest(requests=batch), timeout=timeout, metadata=rpc.metadata(owner=owner)
        )
    return list(answer.results)


async def jobs_of(client: Client, owner: str) -> list[str]:
    return [job.job_id for job in (await client.jobs(owner=owner)).jobs]


async def test_one_key_at_two_replicas_at_once_makes_one_job(mesh: Mesh, client: Client) -> None:
    replicas = mesh.endpoints.orchestrators
    answers = await asyncio.gather(*(create_at(replicas[n % 2], "both", ("key", SPEC)) for n in range(20)))

    ids = {result.job_id for (result,) in answers}
    assert len(ids) == 1
    assert await jobs_of(client, "both") == list(ids)
    for replica in replicas:
        (result,) = await create_at(replica, "both", ("key", OTHER))
        assert (result.refusal.code, result.refusal.reason, result.refusal.field) == (
            grpc.StatusCode.ALREADY_EXISTS.value[0],
            "REQUEST_ID_REUSED",
            "request_id",
        )
    assert (await client.wait(ids.pop(), owner="both")).state == job_pb2.JOB_STATE_SUCCEEDED


async def test_one_key_twice_in_one_batch_makes_one_job(mesh: Mesh, client: Client) -> None:
    first, again, other, free = await create_at(
        mesh.endpoints.orchestrators[0], "batch", ("key", SPEC), ("key", SPEC), ("key", OTHER), ("", SPEC)
    )

    assert first.job_id == again.job_id
    assert other.refusal.reason == "REQUEST_ID_REUSED"
    assert sorted(await jobs_of(client, "batch")) == sorted([first.job_id, free.job_id])


async def test_keys_of_different_owners_do_not_meet(mesh: Mesh, client: Client) -> None:
    mine, theirs = [
        await client.submit(spec, request_id="key", owner=owner) for owner, spec in (("ada", SPEC), ("bob", OTHER))
    ]
    assert mine != theirs


async def test_a_replica_that_dies_between_the_write_and_the_answer_leaves_one_job(mesh: Mesh, client: Client) -> None:
    asked = mesh.endpoints.orchestrators[0]
    await create_at(asked, "cut", ("warm", SPEC))
    redis = mesh.endpoints.redis
    os.kill(redis.pid, signal.SIGSTOP)
    try:
        creating = asyncio.create_task(create_at(asked, "cut", ("key", LARGE)), name="create")

        async def sent() -> bool:
            # Redis will read it once it goes on, whatever has become of the sender by then.
            return unread_bytes(redis.url) > LARGE_BYTES

        await eventually(sent, within=30)
        kill(asked.pid)
        with pytest.raises(grpc.aio.AioRpcError):
            await creating
    finally:
        os.kill(redis.pid, signal.SIGCONT)

    async def written() -> bool:
        return len(await jobs_of(client, "cut")) == 2

    await eventually(written, within=30, why=lambda: "the write that nobody was told of is not there")
    job_id = await client.submit(LARGE, request_id="key", owner="cut")
    assert job_id in await jobs_of(client, "cut")
    assert len(await jobs_of(client, "cut")) == 2
    with pytest.raises(errors.Conflict):
        await client.submit(OTHER, request_id="key", owner="cut")
    assert (await asyncio.wait_for(client.wait(job_id, owner="cut"), 60)).state == job_pb2.JOB_STATE_SUCCEEDED


def unread_bytes(url: str) -> int:
    """What lies in the receive queues of the connections to a local port, says the kernel."""
    port, unread = int(httpx.URL(url).port or 0), 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, _, queues, *_ = line.split()
        if int(local.rpartition(":")[2], 16) == port:
            unread += int(queues.partition(":")[2], 16)
    return unread


async def test_a_key_outlives_a_restart_of_redis(mesh: Mesh, client: Client) -> None:
    job_id = await client.submit(SPEC, request_id="key", owner="restart")
    former = mesh.endpoints.redis.pid
    kill(former)

    async def answered() -> str:
        try:
            return await client.submit(SPEC, request_id="key", owner="restart")
        except errors.Unavailable:
            return ""

    assert await eventually(answered, within=60) == job_id
    assert mesh.endpoints.redis.pid != former
    with pytest.raises(errors.Conflict):
        await client.submit(OTHER, request_id="key", owner="restart")
    assert await jobs_of(client, "restart") == [job_id]


async def test_the_same_holds_for_the_key_of_a_rest_call(mesh: Mesh, client: Client) -> None:
    body, headers = {"kind": "test.echo", "input": {"n": 1}}, {"Idempotency-Key": "key", "X-Tutti-Owner": "rest"}
    async with http_of(mesh.endpoints) as http:
        answers = await asyncio.gather(*(http.post("/jobs", json=body, headers=headers) for _ in range(10)))
        refused = await http.post("/jobs", json={**body, "input": {"n": 2}}, headers=headers)

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    assert (refused.status_code, refused.json()["reason"]) == (409, "REQUEST_ID_REUSED")
    assert await jobs_of(client, "rest") == [answers[0].json()["jobId"]]

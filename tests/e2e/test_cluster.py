"""A whole mesh on a real Redis Cluster: the same services, unchanged, with their jobs spread over its nodes."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import grpc
import pytest
import pytest_asyncio

from services.orchestrator import ids
from services.orchestrator.config import CLUSTER_PARTITIONS
from services.orchestrator.store import keys
from tests.fixtures.meshes import client_of, eventually, running_mesh
from tests.fixtures.redis_cluster import Node, RunningCluster, running_cluster
from tutti import rpc
from tutti.client import Client, task
from tutti.client.client import ORCHESTRATOR
from tutti.embedded import Mesh
from tutti.v1 import job_pb2, orchestrator_pb2, orchestrator_pb2_grpc

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), durable=True) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(cluster: RunningCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    data_dir = tmp_path_factory.mktemp("on-cluster") / "data"
    async with running_mesh(data_dir, orchestrators=2, schedulers=2, workers=2, redis_url=cluster.url) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(mesh: Mesh) -> AsyncIterator[Client]:
    async with client_of(mesh.endpoints, timeout=timedelta(seconds=60)) as client:
        yield client


def holder(cluster: RunningCluster, job_id: str) -> Node:
    return cluster.holder(keys.job(ids.partition_of(job_id, CLUSTER_PARTITIONS), job_id))


async def test_the_mesh_starts_no_redis_of_its_own(mesh: Mesh, cluster: RunningCluster) -> None:
    assert (mesh.endpoints.redis.url, mesh.endpoints.redis.pid) == (cluster.url, 0)


async def test_jobs_of_all_kinds_spread_over_the_nodes_and_are_watched_listed_and_cancelled(
    client: Client, cluster: RunningCluster
) -> None:
    made = [task("test.echo", {"n": n}) for n in range(40)]
    made += [task("test.ticks", {"count": 5, "pause": 0.01}) for _ in range(10)]
    made += [task("test.fail", {"times": 1}) for _ in range(10)]
    for spec in made:
        spec.retry.initial_backoff.nanos = 10_000_000
    job_ids = await client.submit_all(made, owner="ada")
    long = await client.submit_all([task("test.sleep", {"seconds": 600})] * 10, owner="ada")
    for job_id in long:
        await client.cancel(job_id, owner="ada")

    done = await asyncio.gather(*(client.wait(job_id, owner="ada") for job_id in job_ids))
    stopped = await asyncio.gather(*(client.wait(job_id, owner="ada") for job_id in long))

    assert {job.state for job in done} == {job_pb2.JOB_STATE_SUCCEEDED}
    assert {job.state for job in stopped} == {job_pb2.JOB_STATE_CANCELLED}
    assert {holder(cluster, job_id).port for job_id in job_ids} == {node.port for node in cluster.nodes}
    for job_id in (*job_ids, *long):
        events = [event async for event in client.watch(job_id, owner="ada")]
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    first = await client.jobs(page_size=50, owner="ada")
    second = await client.jobs(page_size=50, page_token=first.next_page_token, owner="ada")
    assert [job.job_id for job in (*first.jobs, *second.jobs)] == sorted([*job_ids, *long], reverse=True)


async def test_a_retried_submission_meets_its_first_try(client: Client) -> None:
    spec = task("test.echo", {"n": 1})
    first = [await client.submit(spec, request_id=f"same-{n}") for n in range(20)]
    assert [await client.submit(spec, request_id=f"same-{n}") for n in range(20)] == first


async def test_while_a_master_is_away_its_jobs_are_unavailable_and_go_on_when_it_is_back(
    mesh: Mesh, client: Client, cluster: RunningCluster
) -> None:
    job_ids = await client.submit_all([task("test.sleep", {"seconds": 3, "steps": 6})] * 24)
    watching = {job_id: asyncio.create_task(_watched(client, job_id)) for job_id in job_ids}
    gone = holder(cluster, job_ids[0])
    here = [job_id for job_id in job_ids if holder(cluster, job_id) is not gone]
    before = [replica.pid for replica in (*mesh.endpoints.orchestrators, *mesh.endpoints.schedulers)]

    await asyncio.to_thread(gone.kill)
    try:
        # Asked once, without the SDK's patience.
        async with rpc.channel(mesh.endpoints.orchestrator_addresses, service=ORCHESTRATOR) as channel:
            stub = orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.GetJob(orchestrator_pb2.GetJobRequest(job_id=job_ids[0]), timeout=30)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        # The others end while it is away.
        for job_id in here:
            assert (await asyncio.wait_for(watching[job_id], 90))[-1].job_moved.state == job_pb2.JOB_STATE_SUCCEEDED
    finally:
        await asyncio.to_thread(gone.start)

    for log in await asyncio.wait_for(asyncio.gather(*watching.values()), 90):
        assert [event.sequence for event in log] == list(range(1, len(log) + 1))
        assert log[-1].job_moved.state == job_pb2.JOB_STATE_SUCCEEDED
    after = [replica.pid for replica in (*mesh.endpoints.orchestrators, *mesh.endpoints.schedulers)]
    assert after == before, "a service did not live through it"

    async def accepted_everywhere() -> bool:
        made = await client.submit_all([task("test.echo", {})] * 30)
        return {holder(cluster, job_id).port for job_id in made} == {node.port for node in cluster.nodes}

    await eventually(accepted_everywhere, within=60)


async def _watched(client: Client, job_id: str) -> list[job_pb2.Event]:
    return [event async for event in client.watch(job_id)]

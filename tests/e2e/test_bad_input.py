"""What is wrong is refused at the door, with the field and the remedy, and leaves nothing behind in Redis."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tutti import errors, redis_client
from tutti.client import Client, music, task
from tutti.embedded import Mesh
from tutti.v1 import job_pb2, task_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def nothing_is_left(mesh: Mesh) -> AsyncIterator[None]:
    """No key more than before, whatever the test sends."""
    redis = redis_client.connect(mesh.endpoints.redis.url)
    before = await _jobs_in(redis)
    yield
    assert await _jobs_in(redis) == before
    await redis.aclose()


async def _jobs_in(redis: Any) -> set[bytes]:
    return {key async for key in redis.scan_iter("tutti:{*", count=1000)}


def negative() -> job_pb2.JobSpec:
    spec = music("a beat")
    spec.music.duration.seconds = -5
    return spec


BAD_SPECS = {
    "empty": (job_pb2.JobSpec(), "work"),
    "unknown kind": (task("test.nonsense"), "kind"),
    "no kind": (task(""), "kind"),
    "input against the schema": (task("test.sleep", {"seconds": -1}), "input.seconds"),
    "unknown input": (task("test.sleep", {"second": 1}), "input"),
    "input of 100 kB": (task("test.echo", {"x": "y" * 100_000}), "input"),
    "unknown model": (music("a beat", model="bach"), "model"),
    "no narrative": (music("   "), "narrative"),
    "10 MB prompt": (music("la" * 5_000_000), "narrative"),
    "negative duration": (negative(), "duration"),
    "duration of an hour": (music("a beat", duration=3600), "duration"),
    "bpm of 1,000": (music("a beat", options={"bpm": 1000}), "options.bpm"),
    "unknown option": (music("a beat", options={"bmp": 90}), "options"),
    "too many attempts": (
        job_pb2.JobSpec(task=job_pb2.TaskRequest(kind="test.echo"), retry=task_pb2.RetryPolicy(max_attempts=1000)),
        "retry.max_attempts",
    ),
    "too many labels": (task("test.echo", labels={str(n): "x" for n in range(40)}), "labels"),
}


@pytest.mark.parametrize("name", BAD_SPECS)
@pytest.mark.usefixtures("nothing_is_left")
async def test_a_spec_that_can_never_run_is_refused_by_grpc(name: str, client: Client) -> None:
    spec, field = BAD_SPECS[name]
    with pytest.raises(errors.InvalidInput) as refused:
        await client.submit(spec)
    assert refused.value.field == field
    assert len(refused.value.message) < 500
    assert "Traceback" not in refused.value.message


BAD_BODIES: dict[str, tuple[bytes, str, int, str]] = {
    "malformed JSON": (b'{"narrative": ', "application/json", 400, ""),
    "not an object": (b"[1, 2]", "application/json", 400, ""),
    "empty": (b"", "application/json", 400, ""),
    "wrong content type": (b"narrative=x", "application/x-www-form-urlencoded", 415, ""),
    "unknown field": (b'{"narrative": "x", "tempo": 3}', "application/json", 400, "tempo"),
    "unknown model": (b'{"narrative": "x", "model": "bach"}', "application/json", 400, "model"),
    "negative duration": (b'{"narrative": "x", "duration": -1}', "application/json", 400, "duration"),
    "duration as text": (b'{"narrative": "x", "duration": "long"}', "application/json", 400, "duration"),
    "neither narrative nor kind": (b"{}", "application/json", 400, ""),
    "unknown kind": (b'{"kind": "test.nonsense", "input": {}}', "application/json", 400, "kind"),
    "input against the schema": (
        b'{"kind": "test.sleep", "input": {"steps": 0}}',
        "application/json",
        400,
        "input.steps",
    ),
    "10 MB prompt": (b'{"narrative": "' + b"la" * 5_000_000 + b'"}', "application/json", 413, ""),
}


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.usefixtures("nothing_is_left")
async def test_a_body_that_can_never_run_is_refused_by_rest(name: str, http: httpx.AsyncClient) -> None:
    body, content_type, status, field = BAD_BODIES[name]
    answer = await http.post("/jobs", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == status
    assert problem["detail"]
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    if field:
        assert problem["field"] == field


@pytest.mark.parametrize(
    "job_id", ["nonsense", "01jd0000000000000000000000-0", "01jd0000000000000000000000-999", "%00"]
)
async def test_an_unknown_job_is_not_found_by_any_door(job_id: str, http: httpx.AsyncClient, client: Client) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/events")):
        answer = await http.request(method, f"/jobs/{job_id}{path}")
        assert answer.status_code == 404, answer.text
        assert answer.headers["content-type"].startswith("application/problem+json")
    with pytest.raises(errors.NotFound):
        await client.get(job_id)
    with pytest.raises(errors.NotFound):
        await client.cancel(job_id)
    with pytest.raises(errors.NotFound):
        async for _ in client.watch(job_id):
            pass


async def test_somebody_elses_job_is_as_good_as_none(http: httpx.AsyncClient, client: Client) -> None:
    job_id = await client.submit(task("test.echo"), owner="alice")

    for owner in ("bob", ""):
        with pytest.raises(errors.NotFound):
            await client.get(job_id, owner=owner)
        with pytest.raises(errors.NotFound):
            await client.cancel(job_id, owner=owner)
        with pytest.raises(errors.NotFound):
            await anext(client.watch(job_id, owner=owner))
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/events"):
        assert (await http.get(path, headers={"X-Tutti-Owner": "bob"})).status_code == 404
    assert (await http.get(f"/jobs/{job_id}", headers={"X-Tutti-Owner": "alice"})).status_code == 200
    assert all(job["jobId"] != job_id for job in (await http.get("/jobs")).json()["jobs"])


@pytest.mark.parametrize("cursor", ["abc", "1-2-3", "-1", "9" * 40 + "-0"])
async def test_a_malformed_cursor_is_refused(cursor: str, http: httpx.AsyncClient, client: Client) -> None:
    job_id = await client.submit(task("test.echo"))
    answer = await http.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": cursor})
    assert answer.status_code == 400, answer.text
    with pytest.raises(errors.InvalidInput) as refused:
        await anext(client.watch(job_id, after=cursor))
    assert refused.value.field == "after"


async def test_one_bad_job_in_a_batch_leaves_the_others_alone(client: Client) -> None:
    good, bad = task("test.echo", {"n": 1}), task("test.nonsense")

    answers = [client.submit(spec) for spec in (good, bad, good)]
    results = [await answer if n != 1 else None for n, answer in enumerate(answers) if n != 1]
    with pytest.raises(errors.InvalidInput):
        await answers[1]

    for job_id in results:
        assert job_id is not None
        job = await client.wait(job_id)
        assert job.state == job_pb2.JOB_STATE_SUCCEEDED

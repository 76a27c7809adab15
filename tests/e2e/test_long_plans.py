"""Ten minutes of the densest music, through every door but the renderer's, which would take its time."""

import asyncio
import hashlib
import json
from typing import Any

import httpx
import pytest

from music.composing import compose
from music.plan import STEMS
from services.worker.handlers.stored import written
from tests.fixtures.songs import digests, made
from tutti.client import Client
from tutti.v1 import job_pb2, task_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIB = 1024 * 1024


def long_plan() -> dict[str, Any]:
    plan = compose({"genre": "house", "bpm": 300, "duration": 600, "seed": 7}).to_dict()
    text: dict[str, Any] = json.loads(written(plan))
    return text


async def test_a_plan_of_ten_minutes_comes_back_over_rest_and_is_what_it_was(http: httpx.AsyncClient) -> None:
    plan = long_plan()
    assert len(written(plan)) > 2 * MIB
    job = await made(http, {"narrative": "house", "model": "jen1", "options": {"plan": plan}})
    assert digests(job)["plan.json"] == hashlib.sha256(written(plan)).hexdigest()
    # Whoever looks at the job is told where it is, and not all of it.
    assert job["options"]["plan"]["size"] > 2 * MIB
    listed = await http.get("/jobs", params={"pageSize": 1})
    assert len(listed.content) < 64 * 1024


async def test_a_track_of_it_gets_as_far_as_its_renders(http: httpx.AsyncClient, client: Client) -> None:
    plan = long_plan()
    plan["tracks"][0]["notes"].pop()
    body = {"narrative": "house", "model": "track", "options": {"plan": plan}, "cache": "off"}
    accepted = await http.post("/jobs", json=body)
    assert accepted.status_code == 202, accepted.text
    job_id = accepted.json()["jobId"]
    async for event in client.watch(job_id):
        if event.task == "compose" and event.task_moved.state == task_pb2.TASK_STATE_SUCCEEDED:
            break
        assert not event.HasField("job_moved") or not event.job_moved.HasField("failure"), event
    await http.delete(f"/jobs/{job_id}")
    job = await asyncio.wait_for(client.wait(job_id), 20)
    assert job.state == job_pb2.JOB_STATE_CANCELLED
    files = {artifact.name: artifact for artifact in job.artifacts}
    assert files["plan.json"].sha256 == hashlib.sha256(written(plan)).hexdigest()
    assert sum(files[f"plan.{stem}.json"].size for stem in STEMS) < files["plan.json"].size

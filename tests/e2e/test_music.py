"""From words to a WAV that a real Triton made: the path that everything else is for."""

import asyncio
import hashlib
import io
import json
import wave
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fixtures.meshes import eventually
from tutti.client import Client, music
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: The tests are about making it, so it is made each time.
BODY = {
    "narrative": "a chill lo-fi beat, 90 bpm, piano",
    "duration": 5,
    "model": "muscgen",
    "options": {"seed": 7},
    "cache": "off",
}


async def finished(http: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    async def rests() -> Any:
        job = (await http.get(f"/jobs/{job_id}")).json()
        return job if job["status"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    return dict(await eventually(rests, within=60))


async def test_a_request_becomes_a_wav_of_the_length_asked_for(http: httpx.AsyncClient) -> None:
    accepted = await http.post("/jobs", json=BODY)
    assert accepted.status_code == 202
    job = await finished(http, accepted.json()["jobId"])

    assert job["status"] == "SUCCEEDED", job
    artifacts = {artifact["name"]: artifact for artifact in job["artifacts"]}
    plan = (await http.get(artifacts["plan.json"]["url"])).json()
    assert (plan["bpm"], plan["seed"], plan["duration_seconds"]) == (90, 7, 5)

    mix = artifacts["mix.wav"]
    audio = (await http.get(mix["url"])).content
    assert (len(audio), hashlib.sha256(audio).hexdigest()) == (mix["size"], mix["sha256"])
    with wave.open(io.BytesIO(audio)) as file:
        assert (file.getnframes(), file.getframerate(), file.getnchannels()) == (5 * 44_100, 44_100, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.float64) / 32768
    assert 0.05 < np.sqrt(np.mean(samples**2)) < 0.5
    assert np.max(np.abs(samples)) < 0.99


async def test_the_same_seed_makes_the_same_bytes(http: httpx.AsyncClient) -> None:
    digests = []
    for _ in range(2):
        job = await finished(http, (await http.post("/jobs", json=BODY)).json()["jobId"])
        assert not any(task["cached"] for task in job["tasks"])
        digests.append({artifact["name"]: artifact["sha256"] for artifact in job["artifacts"]})
    assert digests[0] == digests[1]


async def test_music_with_a_seed_is_made_once_and_without_one_each_time(http: httpx.AsyncClient) -> None:
    async def cached(**options: Any) -> list[bool]:
        body = {**BODY, "narrative": "a waltz for two", "options": options, "cache": "on"}
        job = await finished(http, (await http.post("/jobs", json=body)).json()["jobId"])
        return [task["cached"] for task in job["tasks"]]

    assert await cached(seed=11) == [False, False]
    assert await cached(seed=11) == [True, True]
    assert await cached(seed=12) == [False, False]
    assert await cached() == [False, False]
    assert await cached() == [False, False]


async def test_jen1_alone_makes_a_plan_and_no_audio(http: httpx.AsyncClient) -> None:
    body = {"narrative": "slow ambient in D minor", "duration": 10, "model": "jen1"}
    job = await finished(http, (await http.post("/jobs", json=body)).json()["jobId"])
    assert [artifact["name"] for artifact in job["artifacts"]] == ["plan.json"]
    assert job["tasks"][0]["result"]["key"] == "D minor"


async def test_the_audio_can_be_fetched_in_ranges_but_not_with_another_signature(http: httpx.AsyncClient) -> None:
    job = await finished(http, (await http.post("/jobs", json=BODY)).json()["jobId"])
    url = next(artifact["url"] for artifact in job["artifacts"] if artifact["name"] == "mix.wav")

    head = await http.get(url, headers={"Range": "bytes=0-43"})
    assert (head.status_code, head.content[:4], len(head.content)) == (206, b"RIFF", 44)
    assert (await http.get(url[:-4] + "0000")).status_code == 403
    assert (await http.get(url.partition("?")[0])).status_code in (400, 403)


async def test_progress_is_streamed_to_a_browser_and_resumes_exactly(http: httpx.AsyncClient) -> None:
    job_id = (await http.post("/jobs", json=BODY)).json()["jobId"]
    everything = await sse(http, job_id)

    kinds = [kind for kind, _, _ in everything]
    assert kinds[0] == "hello"
    assert {"status", "task", "progress", "artifact"} <= set(kinds)
    assert kinds[-1] == "end"
    ids = [cursor for _, cursor, _ in everything if cursor]
    sequences = [data["sequence"] for kind, cursor, data in everything if cursor]
    assert sequences == list(range(1, len(sequences) + 1))
    middle = len(ids) // 2
    resumed = [cursor for _, cursor, _ in await sse(http, job_id, ids[middle]) if cursor]
    assert resumed == ids[middle + 1 :]


async def test_a_cancel_reaches_the_model(mesh: Mesh, http: httpx.AsyncClient, client: Client) -> None:
    job_id = await client.submit(music("a very long piece", duration=600))
    async for event in client.watch(job_id):
        if event.HasField("progress") and event.task == "render":
            break

    assert mesh.endpoints.triton is not None
    metrics = mesh.endpoints.triton.metrics

    async def active() -> float:
        lines = (await http.get(metrics)).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("tutti_muscgen_active_requests"))

    async def idle() -> bool:
        return await active() == 0

    assert await active() == 1
    assert (await http.delete(f"/jobs/{job_id}")).status_code == 202
    job = await asyncio.wait_for(client.wait(job_id), 10)
    await eventually(idle, within=10)
    assert job.state == job_pb2.JOB_STATE_CANCELLED
    assert [artifact.name for artifact in job.artifacts] == ["plan.json"]
    # The next job is a normal one.
    assert (await finished(http, (await http.post("/jobs", json=BODY)).json()["jobId"]))["status"] == "SUCCEEDED"


async def test_the_request_id_travels_to_the_model_and_into_every_log(data_dir: Path, http: httpx.AsyncClient) -> None:
    accepted = await http.post("/jobs", json=BODY, headers={"X-Request-Id": "journey-4711"})
    assert accepted.headers["x-request-id"] == "journey-4711"
    job = await finished(http, accepted.json()["jobId"])
    assert job["requestId"] == "journey-4711"

    logs = data_dir / "logs"
    assert "journey-4711" in (logs / "triton.log").read_text()
    for service in ("worker", "scheduler", "orchestrator"):
        told = [
            line
            for path in logs.glob(f"{service}-*.log")
            for line in map(json.loads, path.read_text().splitlines())
            if line["request_id"] == "journey-4711" and line["job_id"] == job["jobId"]
        ]
        assert told, service
        assert {line["trace_id"] for line in told} == {told[0]["trace_id"]}
        assert len(told[0]["trace_id"]) == 32


async def sse(http: httpx.AsyncClient, job_id: str, after: str = "") -> list[tuple[str, str, dict[str, Any]]]:
    """The stream until it ends: (type, id, data)."""
    events = []
    headers = {"Last-Event-ID": after} if after else {}
    async with http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
        kind = cursor = ""
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "id":
                cursor = value
            elif name == "data":
                events.append((kind, cursor, json.loads(value)))
            elif not line:
                kind = cursor = ""
    return events

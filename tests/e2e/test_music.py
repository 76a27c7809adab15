"""From words to a mastered track that a real Triton made: the path that everything else is for."""

import asyncio
import hashlib
import io
import json
import wave
from pathlib import Path
from typing import Any

import httpx
import mido
import numpy as np
import pytest

from music import make
from tests.fixtures.meshes import eventually
from tests.fixtures.songs import digests, fetched, finished, made
from tests.fixtures.web import serving
from tutti.client import Client, music
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

pytestmark = pytest.mark.asyncio(loop_scope="session")

NARRATIVE = "a chill lo-fi beat, 90 bpm, piano"
#: Short, and of two stems: for tests to which it does not matter what is heard.
BODY = {
    "narrative": NARRATIVE,
    "duration": 5,
    "model": "muscgen",
    "options": {"seed": 7, "stems": ["drums", "chords"]},
    # The tests are about making it, so it is made each time.
    "cache": "off",
}


async def test_a_track_is_complete(http: httpx.AsyncClient) -> None:
    body = {"narrative": NARRATIVE, "duration": 6, "model": "track", "options": {"seed": 7}}
    job = await made(http, body)

    assert job["status"] == "SUCCEEDED", job["failure"]
    artifacts = {artifact["name"]: artifact for artifact in job["artifacts"]}
    plan = json.loads(await fetched(http, artifacts["plan.json"]))
    assert (plan["bpm"], plan["seed"], plan["duration_seconds"]) == (90, 7, 6)
    stems = {track["stem"] for track in plan["tracks"] if track["notes"]}
    belongings = {"request.json", "composition.mid", "master.wav", "master.mp3", "peaks.json", "picture.png"}
    assert {*belongings, "manifest.json", *(f"{stem}.wav" for stem in stems)} <= artifacts.keys()

    master = await fetched(http, artifacts["master.wav"])
    with wave.open(io.BytesIO(master)) as file:
        assert (file.getnframes(), file.getframerate(), file.getnchannels()) == (6 * 44_100, 44_100, 2)
        data = np.frombuffer(file.readframes(file.getnframes()), dtype=np.uint8).reshape(-1, 3)
    samples = np.pad(data, ((0, 0), (1, 0))).copy().view("<i4") / 2**31
    assert 0.05 < np.sqrt(np.mean(samples**2)) < 0.5
    assert np.max(np.abs(samples)) < 0.99
    assert mido.MidiFile(file=io.BytesIO(await fetched(http, artifacts["composition.mid"]))).type == 1
    assert (await fetched(http, artifacts["picture.png"])).startswith(b"\x89PNG")
    peaks = json.loads(await fetched(http, artifacts["peaks.json"]))
    assert peaks["length"] * 2 == len(peaks["data"])


async def test_the_manifest_has_the_digests_of_what_can_be_downloaded(http: httpx.AsyncClient) -> None:
    options = {"seed": 7, "stems": ["bass"]}
    body = {"narrative": NARRATIVE, "duration": 3, "model": "track", "options": options}
    job = await made(http, body)
    artifacts = {artifact["name"]: artifact for artifact in job["artifacts"]}
    manifest = json.loads(await fetched(http, artifacts["manifest.json"]))
    listed = [*manifest["inputs"], *manifest["outputs"]]
    assert {each["name"] for each in listed} >= {"request.json", "plan.json", "master.wav", "bass.wav", "master.mp3"}
    for each in listed:
        content = await fetched(http, artifacts[each["name"]])
        assert (each["size"], each["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert manifest["request"] == {**body, "options": {**options, "seed": "7"}}
    assert manifest["job_id"] == job["jobId"]
    assert {"parse", "compose", "render-bass", "mix", "finalize"} == manifest["timings"].keys()


async def test_a_track_follows_a_recording_that_it_is_to_go_on_from(http: httpx.AsyncClient, tmp_path: Path) -> None:
    make({"prompt": "house", "duration": 12, "seed": 3, "bpm": 126}).save(tmp_path / "earlier.flac")
    with serving(tmp_path) as address:
        options = {"continue_from": f"{address}/earlier.flac", "stems": ["bass", "chords"]}
        job = await made(http, {"narrative": "house", "duration": 4, "model": "track", "options": options})
    assert job["status"] == "SUCCEEDED", job["failure"]
    artifacts = {artifact["name"]: artifact for artifact in job["artifacts"]}
    resolved = json.loads(await fetched(http, artifacts["plan.json"]))["resolved"]
    assert resolved["bpm"]["value"] == pytest.approx(126, abs=1)
    assert resolved["strength"]["value"] == 1
    assert resolved["continue_from"]["honoured"] == "hint"
    manifest = json.loads(await fetched(http, artifacts["manifest.json"]))
    content = (tmp_path / "earlier.flac").read_bytes()
    assert manifest["inputs"][-1]["name"] == options["continue_from"]
    assert manifest["inputs"][-1]["sha256"] == hashlib.sha256(content).hexdigest()


async def test_the_same_seed_makes_the_same_bytes_and_another_one_others(http: httpx.AsyncClient) -> None:
    body = {"narrative": NARRATIVE, "duration": 4, "model": "track", "options": {"seed": 7}, "cache": "off"}
    first, second = [digests(await made(http, body)) for _ in range(2)]
    other = digests(await made(http, {**body, "options": {"seed": 8}}))
    # A manifest says when and how long.
    assert {name for name in first if first[name] != second[name]} == {"manifest.json"}
    assert first.keys() == second.keys()
    assert all(first[name] != other[name] for name in ("master.wav", "composition.mid", "chords.wav"))


@pytest.mark.parametrize(("model", "always"), [("jen1", set()), ("muscgen", set()), ("track", {"parse", "finalize"})])
async def test_music_with_a_seed_is_made_once_and_without_one_each_time_another(
    http: httpx.AsyncClient, model: str, always: set[str]
) -> None:
    async def asked(**options: Any) -> dict[str, Any]:
        options = {"stems": ["drums", "bass"], **options}
        body = {**BODY, "narrative": f"a waltz for {model}", "model": model, "options": options, "cache": "on"}
        job = await made(http, body)
        assert job["status"] == "SUCCEEDED", job["failure"]
        return job

    def done(job: dict[str, Any]) -> set[str]:
        return {task["name"] for task in job["tasks"] if not task["cached"]}

    everything = done(await asked(seed=11))
    assert {"compose"} | always <= everything
    assert done(await asked(seed=11)) == always
    assert done(await asked(seed=12)) == everything
    # Whoever asks twice wants two pieces.
    first, second = await asked(), await asked()
    assert done(first) == done(second) == everything
    one, other = digests(first), digests(second)
    assert one["plan.json"] != other["plan.json"]
    # And each says how it is had again: by the seed that was drawn for it.
    composed = [next(task for task in job["tasks"] if task["name"] == "compose") for job in (first, second)]
    drawn, another = (task["result"]["seed"] for task in composed)
    assert drawn != another
    if model == "track":
        artifacts = {artifact["name"]: artifact for artifact in first["artifacts"]}
        manifest = json.loads(await fetched(http, artifacts["manifest.json"]))
        assert (manifest["seed"], manifest["request"]["options"]["seed"]) == (drawn, drawn)
        assert manifest["resolved"]["seed"]["honoured"] == "default"
        again = await asked(seed=drawn)
        # The plan now says that its seed was asked for, which is no part of any stem.
        assert done(again) - always == {"compose", "mix"}
        assert digests(again)["master.wav"] == one["master.wav"]


async def test_changing_one_stem_renders_one_stem(http: httpx.AsyncClient) -> None:
    body = {"narrative": "pop in A minor for six", "duration": 6, "model": "track"}
    first = await made(http, {**body, "options": {"seed": 21}})
    assert first["status"] == "SUCCEEDED", first["failure"]
    plan = json.loads(await fetched(http, next(each for each in first["artifacts"] if each["name"] == "plan.json")))
    sections = {each["name"]: each["sha256"] for each in first["artifacts"] if each["task"].startswith("render-")}

    async def rendered(**options: Any) -> tuple[list[str], dict[str, Any]]:
        """The renders that a worker began to do for the edited plan, and what became of it."""
        accepted = await http.post("/jobs", json={**body, "options": {"plan": plan, **options}})
        job = await finished(http, accepted.json()["jobId"])
        assert job["status"] == "SUCCEEDED", job["failure"]
        moved = [data for kind, _, data in await sse(http, job["jobId"]) if kind == "task"]
        begun = [data["task"] for data in moved if data["status"] == "RUNNING"]
        return [name for name in begun if name.startswith("render-")], job

    assert (await rendered())[0] == []
    bass = next(track for track in plan["tracks"] if track["stem"] == "bass")
    for note in bass["notes"]:
        note["pitch"] += 5
    begun, job = await rendered()
    assert begun == ["render-bass"]
    assert [task["name"] for task in job["tasks"] if task["kind"] == "muscgen.render" and not task["cached"]] == begun
    now = {each["name"]: each["sha256"] for each in job["artifacts"] if each["task"].startswith("render-")}
    assert now.keys() == sections.keys()
    assert {name for name in now if now[name] != sections[name]} == {name for name in now if name.startswith("bass.")}
    assert digests(job)["master.wav"] != digests(first)["master.wav"]
    # How it is mixed is nobody's part.
    plan["mix"]["strips"]["bass"].update(gain_db=-9.0, reverb=0.8)
    plan["mix"]["loudness_target"] = -20
    begun, remixed = await rendered()
    assert begun == []
    assert digests(remixed)["master.wav"] != digests(job)["master.wav"]
    # A stem that falls silent is not rendered, and neither is any other.
    plan["tracks"].remove(next(track for track in plan["tracks"] if track["stem"] == "lead"))
    begun, without = await rendered()
    assert begun == ["render-lead"]
    assert not [each for each in without["artifacts"] if each["name"].startswith("lead.")]


async def test_jen1_alone_makes_a_plan_and_no_audio(http: httpx.AsyncClient) -> None:
    body = {"narrative": "slow ambient in D minor", "duration": 10, "model": "jen1"}
    job = await made(http, body)
    assert [artifact["name"] for artifact in job["artifacts"]] == ["plan.json", "composition.mid"]
    assert job["tasks"][0]["result"]["key"] == "D minor"


async def test_a_plan_that_was_edited_is_played_and_a_broken_one_is_refused_with_its_path(
    http: httpx.AsyncClient,
) -> None:
    job = await made(http, {"narrative": "pop", "duration": 3, "model": "jen1", "options": {"seed": 7}})
    plan = json.loads(await fetched(http, job["artifacts"][0]))
    plan["tracks"] = [track for track in plan["tracks"] if track["stem"] in ("bass", "drums")]
    edited = await made(http, {"narrative": "pop", "model": "muscgen", "options": {"plan": plan}})
    assert edited["status"] == "SUCCEEDED", edited["failure"]
    names = {artifact["name"] for artifact in edited["artifacts"]}
    assert {"bass.wav", "drums.wav", "master.wav"} <= names
    assert not {"chords.wav", "lead.wav"} & names

    plan["tracks"][0]["notes"][0]["pitch"] = 300
    broken = await made(http, {"narrative": "pop", "model": "muscgen", "options": {"plan": plan}})
    assert broken["status"] == "FAILED"
    assert broken["failure"]["message"].startswith("plan.tracks[0].notes[0].pitch: ")
    assert broken["tasks"][0]["attempt"] == 1


async def test_the_audio_can_be_fetched_in_ranges_but_not_with_another_signature(http: httpx.AsyncClient) -> None:
    job = await made(http, BODY)
    url = next(artifact["url"] for artifact in job["artifacts"] if artifact["name"] == "master.wav")

    head = await http.get(url, headers={"Range": "bytes=0-43"})
    assert (head.status_code, head.content[:4], len(head.content)) == (206, b"RIFF", 44)
    assert (await http.get(url[:-4] + "0000")).status_code == 403
    assert (await http.get(url.partition("?")[0])).status_code in (400, 403)


async def test_progress_is_streamed_to_a_browser_and_resumes_exactly(http: httpx.AsyncClient) -> None:
    job_id = (await http.post("/jobs", json=BODY)).json()["jobId"]
    everything = await sse(http, job_id)

    kinds = [kind for kind, _, _ in everything]
    assert kinds[0] == "hello"
    assert {"status", "task", "progress", "artifact", "checkpoint"} <= set(kinds)
    assert kinds[-1] == "end"
    ids = [cursor for _, cursor, _ in everything if cursor]
    sequences = [data["sequence"] for kind, cursor, data in everything if cursor]
    assert sequences == list(range(1, len(sequences) + 1))
    middle = len(ids) // 2
    resumed = [cursor for _, cursor, _ in await sse(http, job_id, ids[middle]) if cursor]
    assert resumed == ids[middle + 1 :]


async def test_a_cancel_reaches_the_model(mesh: Mesh, http: httpx.AsyncClient, client: Client) -> None:
    job_id = await client.submit(music("a very long piece", duration=600, options={"stems": ["drums", "chords"]}))
    async for event in client.watch(job_id):
        if event.HasField("progress") and event.task.startswith("render-"):
            break

    assert mesh.endpoints.triton is not None
    metrics = mesh.endpoints.triton.metrics

    async def active() -> float:
        lines = (await http.get(metrics)).text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith("tutti_muscgen_active_requests"))

    async def idle() -> bool:
        return await active() == 0

    assert await active() >= 1
    assert (await http.delete(f"/jobs/{job_id}")).status_code == 202
    job = await asyncio.wait_for(client.wait(job_id), 10)
    await eventually(idle, within=10)
    assert job.state == job_pb2.JOB_STATE_CANCELLED
    assert not [artifact.name for artifact in job.artifacts if artifact.task == "mix"]
    # The next job is a normal one.
    assert (await made(http, BODY))["status"] == "SUCCEEDED"


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

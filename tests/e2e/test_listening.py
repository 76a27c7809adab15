"""A job can be listened to while it is rendered, and is its master afterwards."""

import asyncio
import io
import time
import wave
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from tests.fixtures.meshes import eventually
from tests.fixtures.songs import fetched, finished, made, slowed
from tutti import structs
from tutti.client import Client, music
from tutti.preview import CEILING, KNEE

pytestmark = pytest.mark.asyncio(loop_scope="session")

SONG = music(
    "an upbeat rock song, 140 bpm",
    duration=12,
    options={
        "seed": 3,
        "stems": ["drums", "bass", "chords"],
        "structure": [{"section": name, "bars": 2} for name in ("intro", "verse", "chorus", "outro")],
    },
)
#: Seconds between pieces, so that a section is heard long before the next.
PAUSE = 0.3
#: A step of 16 bits.
STEP = 1 / 32_768


@dataclass
class Heard:
    """What came, and when."""

    content: bytearray = field(default_factory=bytearray)
    #: (seconds, bytes so far)
    arrivals: list[tuple[float, int]] = field(default_factory=list)


async def listened(http: httpx.AsyncClient, job_id: str) -> Heard:
    heard = Heard()
    async with http.stream("GET", f"/jobs/{job_id}/audio", timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "audio/wav"
        async for chunk in answer.aiter_bytes():
            heard.content += chunk
            heard.arrivals.append((time.monotonic(), len(heard.content)))
    return heard


def samples(content: bytes, width: int) -> npt.NDArray[np.float64]:
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, width, 44_100)
    data = np.frombuffer(content[44:], dtype=np.uint8).reshape(-1, width)
    whole = np.pad(data, ((0, 0), (4 - width, 0)))
    return np.ascontiguousarray(whole).view("<i4").reshape(-1, 2).T / 2**31


async def expected(http: httpx.AsyncClient, job: dict[str, Any]) -> npt.NDArray[np.float64]:
    """The sum of the stored sections at the gains that renders and composer named."""
    faders = next(task["result"]["faders"] for task in job["tasks"] if task["kind"] == "jen1.compose")
    assert set(faders.values()) - {1.0}
    artifacts = {artifact["name"]: artifact for artifact in job["artifacts"]}
    stems = []
    for task in job["tasks"]:
        if task["kind"] == "muscgen.render":
            sections = [artifacts[each["name"]] for each in task["result"]["sections"]]
            parts = [samples(await fetched(http, section), 3) for section in sections]
            gain = task["checkpoint"]["note"]["preview_gain"] * faders[task["checkpoint"]["note"]["part"]]
            stems.append(gain * np.concatenate(parts, axis=1))
    mix = np.sum(stems, axis=0)
    over = np.maximum(np.abs(mix) - KNEE, 0.0)
    room = CEILING - KNEE
    return np.where(over > 0, np.copysign(KNEE + room * np.tanh(over / room), mix), mix)


async def slow_song(client: Client, owner: str = "") -> str:
    return await client.submit(slowed(await client.plan(SONG), PAUSE), owner=owner)


async def test_a_song_grows_as_it_is_rendered_and_becomes_its_master(http: httpx.AsyncClient, client: Client) -> None:
    job_id = await slow_song(client)
    heard = await listened(http, job_id)
    heard_until = time.monotonic()
    job = await finished(http, job_id)
    assert job["status"] == "SUCCEEDED", job["failure"]

    wanted = await expected(http, job)
    found = samples(bytes(heard.content), 2)
    assert found.shape == wanted.shape == (2, 12 * 44_100)
    # The preview rounds 16 bits to 32,767.
    assert np.abs(found - wanted).max() < 2 * STEP
    # The first section is there long before the last.
    begun = next(at for at, size in heard.arrivals if size > 44)
    assert heard_until - begun > 2 * PAUSE
    sizes = {size for _, size in heard.arrivals}
    assert len(sizes) >= 4

    redirect = await http.get(f"/jobs/{job_id}/audio")
    assert redirect.status_code == 307
    master = next(artifact for artifact in job["artifacts"] if artifact["name"] == "master.wav")
    assert redirect.headers["location"].partition("?")[0] == master["url"].partition("?")[0]
    assert await fetched(http, {"url": redirect.headers["location"]}) == await fetched(http, master)


async def test_who_comes_late_hears_it_from_the_beginning(http: httpx.AsyncClient, client: Client) -> None:
    job_id = await slow_song(client)
    early = asyncio.create_task(listened(http, job_id), name="early")
    async for event in client.watch(job_id):
        if event.HasField("checkpoint"):
            break
    late = await listened(http, job_id)
    assert late.content == (await early).content
    assert (await finished(http, job_id))["status"] == "SUCCEEDED"


async def test_a_listener_who_leaves_and_a_job_that_is_cancelled_hold_nobody_up(
    http: httpx.AsyncClient, client: Client
) -> None:
    job_id = await slow_song(client)
    async with http.stream("GET", f"/jobs/{job_id}/audio", timeout=60) as answer:
        await anext(answer.aiter_bytes())
    listening = asyncio.create_task(listened(http, job_id), name="listening")
    await client.cancel(job_id)
    heard = await asyncio.wait_for(listening, 30)
    assert len(heard.content) < 12 * 44_100 * 4
    gone = await http.get(f"/jobs/{job_id}/audio")
    assert (gone.status_code, gone.json()["reason"]) == (404, "NO_AUDIO")
    assert "without a master" in gone.json()["detail"]


async def test_what_makes_no_audio_says_so(http: httpx.AsyncClient) -> None:
    silent = await made(http, {"narrative": "folk", "duration": 2, "model": "jen1"})
    answer = await http.get(f"/jobs/{silent['jobId']}/audio")
    assert (answer.status_code, answer.json()["reason"]) == (404, "NO_AUDIO")
    assert "makes no audio" in answer.json()["detail"]
    unknown = await http.get("/jobs/01J00000000000000000000000-0/audio")
    assert unknown.status_code == 404
    assert unknown.json()["reason"] != "NO_AUDIO"


async def test_only_the_owner_may_listen(http: httpx.AsyncClient, client: Client) -> None:
    job_id = await slow_song(client, owner="alice")

    async def is_rendering() -> bool:
        job = await client.get(job_id, owner="alice")
        return any(task.checkpoint.artifacts for task in job.tasks)

    await eventually(is_rendering, within=30)
    for owner in ("bob", ""):
        headers = {"X-Tutti-Owner": owner} if owner else {}
        refused = await http.get(f"/jobs/{job_id}/audio", headers=headers)
        assert refused.status_code in (403, 404)
    async with http.stream("GET", f"/jobs/{job_id}/audio", headers={"X-Tutti-Owner": "alice"}) as answer:
        assert answer.status_code == 200
        assert (await anext(answer.aiter_bytes()))[:4] == b"RIFF"
    await client.cancel(job_id, owner="alice")


async def test_the_pause_between_pieces_is_no_public_option(http: httpx.AsyncClient) -> None:
    body = {"narrative": "folk", "options": {"test_delay_seconds": 1}}
    refused = await http.post("/jobs", json=body)
    assert refused.status_code in (400, 422)
    assert "test_delay_seconds" in refused.json()["detail"]
    assert "test_delay_seconds" not in str(structs.to_dict(SONG.music.options))

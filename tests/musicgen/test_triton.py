"""The sampled engine inside a real Triton, through the worker's own handlers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import pytest_asyncio
import soundfile

from music import compose
from music.engines import carrier
from music.output import write_audio
from music.plan import plan_from_dict
from services.worker.handlers import mix, render, stored, style
from services.worker.triton import ModelResponse, Triton
from tests.fixtures.local_context import LocalContext
from tests.fixtures.triton import RunningTriton, running_triton
from tests.fixtures.web import serving
from tutti.fetching import ALLOWED_VARIABLE

CANCEL_WITHIN_SECONDS = 1.0
PATIENCE_SECONDS = 90.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningTriton]:
    environment = {"MUSCGEN_ENGINE": "musicgen", "MUSCGEN_MODEL_DIR": str(weights), "MUSCGEN_DEVICE": "cpu"}
    async with running_triton(tmp_path_factory.mktemp("triton"), environment=environment) as running:
        yield running


@pytest.fixture
async def triton(server: RunningTriton) -> AsyncIterator[Triton]:
    adapter = Triton(f"grpc://{server.address}")
    yield adapter
    await adapter.close()


def plan_of(seconds: float) -> dict[str, Any]:
    return compose({"prompt": "calm lo-fi with piano", "duration": seconds, "seed": 7}).to_dict()


def asked(triton: Triton, **request: Any) -> Any:
    return triton.stream("muscgen", request, request_id="req-1", traceparent="", timeout=PATIENCE_SECONDS)


async def collect(triton: Triton, **request: Any) -> list[ModelResponse]:
    async with aclosing(asked(triton, **request)) as stream:
        return [response async for response in stream]


async def until_idle(server: RunningTriton) -> float:
    """How long muscgen took to have nothing in hand."""
    started = time.monotonic()
    async with httpx.AsyncClient() as client, asyncio.timeout(30):
        while True:
            text = (await client.get(server.metrics_url)).text
            line = next(line for line in text.splitlines() if line.startswith("tutti_muscgen_active_requests"))
            if float(line.split()[-1]) == 0:
                return time.monotonic() - started
            await asyncio.sleep(0.01)


async def test_jen1_says_what_the_sampled_engine_heeds(triton: Triton) -> None:
    request = {"prompt": "calm lo-fi with piano", "duration": 9, "guidance": 4}
    stream = triton.stream("jen1", request, request_id="req-1", traceparent="", timeout=PATIENCE_SECONDS)
    async with aclosing(stream) as answers:
        (plan,) = [answer.plan async for answer in answers if answer.plan is not None]
    assert plan["resolved"]["guidance"]["honoured"] == "exact"


async def test_a_track_goes_on_from_a_recording(
    triton: Triton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the address to the sound: who listens stores what is heard, and who renders passes it on."""
    monkeypatch.setenv("MUSCGEN_ENGINE", "musicgen")
    monkeypatch.setenv(ALLOWED_VARIABLE, "127.0.0.0/8")
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, (2, 15 * 44_100)).astype(np.float32)
    write_audio(tmp_path / "earlier.flac", noise, name="flac", source_rate=44_100)
    context = LocalContext(tmp_path)
    with serving(tmp_path) as address:
        asked = {"url": f"{address}/earlier.flac", "option": "continue_from"}
        listened = await style.handler().run(context, asked)
    assert listened is not None
    request = {"prompt": "calm lo-fi", "duration": 3, "seed": 7, "continue_from": asked["url"]}
    plan = compose({**request, "reference": listened["style"]}).to_dict()
    described = stored.described(
        await context.artifact("plan.json", json.dumps(plan).encode(), type="application/json")
    )
    stem = carrier(plan_from_dict(plan))

    async def sound(**more: Any) -> bytes:
        result = await render.handler(triton).run(context, {"plan": described, "stem": stem, **more})
        assert result is not None
        return b"".join(context.path(section).read_bytes() for section in result["sections"])

    alone, heard = await sound(), await sound(excerpt=listened["excerpt"])
    assert heard == await sound(excerpt=listened["excerpt"])
    assert heard != alone == await sound(excerpt=None)
    assert len(heard) == len(alone)


async def test_a_mix_streams_with_progress_before_its_sound(triton: Triton) -> None:
    responses = await collect(triton, plan=plan_of(9.37), stems=["drums"])
    fractions = [response.header["fraction"] for response in responses]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {response.header["engine"] for response in responses} == {"musicgen/1"}
    assert responses[0].audio is None
    assert responses[0].header["stage"] == "generate"
    pieces = [response for response in responses if response.audio is not None]
    assert all(piece.header["stage"] == "render" and piece.header["whole"] for piece in pieces)
    assert [piece.header["sequence"] for piece in pieces] == list(range(len(pieces)))
    audio = np.concatenate([piece.audio for piece in pieces if piece.audio is not None], axis=1)
    assert audio.shape == (2, round(9.37 * 44_100))
    assert pieces[-1].header["last_of_section"]


async def test_the_same_seed_is_the_same_sound_and_two_at_once_do_not_mix_it_up(triton: Triton) -> None:
    async def heard(seed: int) -> bytes:
        responses = await collect(triton, plan=plan_of(3.0), seed=seed)
        return b"".join(response.audio.tobytes() for response in responses if response.audio is not None)

    alone = await heard(1)
    together = await asyncio.gather(heard(1), heard(2), heard(1))
    assert together[0] == together[2] == alone
    assert together[1] != alone


async def test_cancelling_ends_the_one_that_plays_and_the_one_that_waits(triton: Triton, server: RunningTriton) -> None:
    long = plan_of(120.0)
    async with aclosing(asked(triton, plan=long)) as playing, aclosing(asked(triton, plan=long)) as waiting:
        await anext(playing)
        second = asyncio.create_task(anext(waiting), name="waiting")
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second])
    assert await until_idle(server) < CANCEL_WITHIN_SECONDS
    assert (await collect(triton, plan=plan_of(2.0)))[-1].header["fraction"] == 1.0


async def test_a_job_of_stems_becomes_a_master_without_stems(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    plan = plan_of(6.0)
    described = stored.described(
        await context.artifact("plan.json", json.dumps(plan).encode(), type="application/json")
    )
    stems = ("drums", "bass", "chords", "lead")
    rendered = {stem: await render.handler(triton).run(context, {"plan": described, "stem": stem}) for stem in stems}
    playing = [stem for stem, result in rendered.items() if result is not None and result["sections"]]
    assert len(playing) == 1
    assert rendered[playing[0]]["mix_by"] == "musicgen/1"  # type: ignore[index]
    assert context.checkpoints[0].note["preview_gain"] == 1.0
    mixed = await mix.handler().run(context, {"plan": described, "stems": rendered})
    assert mixed is not None
    assert mixed["stems"] == {}
    assert mixed["renderer"] == "musicgen/1"
    with soundfile.SoundFile(context.path(mixed["master"])) as master:
        assert (master.frames, master.samplerate, master.channels) == (6 * 44_100, 44_100, 2)
    assert mixed["loudness"]["integrated_lufs"] == pytest.approx(-14.0, abs=1.0)

"""The steps of a track, from words to manifest, as a worker runs them: real models, real files, no mesh around them."""

import asyncio
import copy
import hashlib
import json
import math
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from music.analyze.loudness import Meter
from music.mix.master import Master
from music.output import StemFile, read_audio, write_audio
from music.plan import plan_from_dict
from services.worker.handlers import builtin, compose, finalize, mix, parse, render, stored, style
from services.worker.triton import Triton
from tests.fixtures.local_context import LocalContext
from tests.fixtures.models import IDLE_WITHIN_SECONDS, plan_of, until_idle
from tests.fixtures.triton import RunningTriton, free_ports
from tests.fixtures.web import serving
from tutti.errors import InvalidInput
from tutti.fetching import ALLOWED_VARIABLE
from tutti.handlers import Handler, TaskFailure

Result = dict[str, Any]


async def run(handler: Handler, context: LocalContext, input: dict[str, Any]) -> Result:
    result = await handler.run(context, input)
    assert result is not None
    travelled: Result = json.loads(json.dumps(result))
    return travelled


async def stored_plan(context: LocalContext, plan: dict[str, Any]) -> Result:
    return await stored.store_json(context, "plan.json", plan)


async def rendered(
    triton: Triton, context: LocalContext, plan: dict[str, Any], stems: tuple[str, ...] = (), **more: Any
) -> tuple[Result, dict[str, Result]]:
    """The plan as it lies in the store, and each stem's render."""
    described = await stored_plan(context, plan)
    names = stems or plan_from_dict(plan).stems
    handler = render.handler(triton)
    return described, {stem: await run(handler, context, {"plan": described, "stem": stem, **more}) for stem in names}


def audio_of(path: Path) -> "np.ndarray[Any, np.dtype[np.float32]]":
    with StemFile(path) as file:
        return file(0, file.frames)


async def test_words_become_a_plan_with_its_midi(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    input = {"narrative": "calm folk in G major", "duration": 6.0, "options": {"seed": 5, "bpm": 90}}
    composed = await run(compose.handler(triton), context, input)
    assert (composed["bpm"], composed["key"], composed["seed"], composed["duration"]) == (90, "G major", "5", 6)
    plan = json.loads(context.path(composed["plan"]).read_bytes())
    assert plan["resolved"]["prompt"]["value"] == "calm folk in G major"
    assert context.path(composed["midi"]).read_bytes()[:4] == b"MThd"
    assert "lyrics" not in composed
    assert context.fractions[-1] == 1.0


async def test_what_was_read_from_the_words_gives_way_to_what_was_asked_for(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    options = {"bpm": 90, "seed": "18446744073709551615", "reference_url": "https://example.com/a.wav"}
    request = {"narrative": "jazz", "duration": 4, "options": options, "parsed": {"bpm": 150, "key": "F minor"}}
    described = await stored.store_json(context, "request.json", request)
    composed = await run(compose.handler(triton), context, {"request": described})
    assert (composed["bpm"], composed["key"], composed["seed"]) == (90, "F minor", "18446744073709551615")


async def test_a_seed_that_was_drawn_with_the_words_is_the_plans_and_not_said_to_be_asked_for(
    triton: Triton, tmp_path: Path
) -> None:
    context = LocalContext(tmp_path)
    parsed = await run(parse.handler(None), context, {"narrative": "jazz", "duration": 4, "options": {}})
    given = {"request": parsed["request"], "options": {"seed": parsed["seed"]}}
    composed = await run(compose.handler(triton), context, given)
    plan = json.loads(context.path(composed["plan"]).read_bytes())
    assert composed["seed"] == parsed["seed"] == str(plan["seed"])
    assert plan["resolved"]["seed"] == {"value": plan["seed"], "honoured": "default", "confidence": None}


async def test_a_stem_is_rendered_from_its_part_as_from_the_whole(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    stems = ["bass", "lead", "pad"]
    input = {"narrative": "funk without a pad", "duration": 6.0, "options": {"seed": 5}, "parts": stems}
    composed = await run(compose.handler(triton), context, input)
    assert list(composed["parts"]) == stems

    async def sections(stem: str, plan: Result) -> list[Result]:
        made = await run(render.handler(triton), context, {"plan": plan, "stem": stem})
        return [{name: each[name] for name in ("name", "size", "sha256")} for each in made["sections"]]

    for stem, playing in (("bass", True), ("lead", True), ("pad", False)):
        from_part = await sections(stem, composed["parts"][stem])
        assert from_part == await sections(stem, composed["plan"])
        assert bool(from_part) == playing


async def test_an_engine_that_plays_everything_at_once_is_given_the_whole(
    triton: Triton, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stem_by_stem = compose.handler(triton).cache_version
    monkeypatch.setenv("MUSCGEN_ENGINE", "musicgen")
    handler = compose.handler(triton)
    composed = await run(handler, LocalContext(tmp_path), {"narrative": "pop", "parts": ["drums", "bass"]})
    assert composed["parts"] == {"drums": composed["plan"], "bass": composed["plan"]}
    # What was composed for one engine is not taken for what was composed for the other.
    assert handler.cache_version != stem_by_stem


async def test_sung_words_come_with_their_times(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    options = {"seed": 5, "mode": "lyrics-first", "lyrics": "The sea is wide\nThe night is long"}
    composed = await run(compose.handler(triton), context, {"narrative": "pop", "duration": 16, "options": options})
    assert "The sea is wide" in context.path(composed["lyrics"]).read_text()


async def test_a_bad_option_fails_the_attempt_for_good(triton: Triton, tmp_path: Path) -> None:
    with pytest.raises(TaskFailure) as caught:
        await run(compose.handler(triton), LocalContext(tmp_path), {"options": {"bpm": 5000}})
    assert not caught.value.retryable
    assert caught.value.message.startswith("bpm: ")


async def test_a_plan_with_a_mistake_fails_for_good_and_says_where(triton: Triton, tmp_path: Path) -> None:
    broken = copy.deepcopy(await plan_of(triton, duration=4))
    broken["tracks"][0]["notes"][0]["velocity"] = 2
    for handler, more in ((render.handler(triton), {"stem": "bass"}), (mix.handler(), {"stems": {}})):
        context = LocalContext(tmp_path / handler.kind)
        with pytest.raises(TaskFailure, match=r"plan\.tracks\[0\]\.notes\[0\]\.velocity: ") as caught:
            await run(handler, context, {"plan": await stored_plan(context, broken), **more})
        assert not caught.value.retryable


async def test_an_absent_triton_fails_the_attempt_for_now(tmp_path: Path) -> None:
    absent = Triton(f"127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(TaskFailure) as caught:
        await run(compose.handler(absent), LocalContext(tmp_path), {"narrative": "pop"})
    assert caught.value.retryable
    await absent.close()


async def test_a_stem_is_kept_section_by_section(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    plan = await plan_of(triton, prompt="rock", bpm=140, duration=12)
    _, renders = await rendered(triton, context, plan, ("drums",), sample_rate=48_000)
    edges = plan_from_dict(plan).section_edges(48_000)
    sections = renders["drums"]["sections"]
    assert [each["name"] for each in sections] == [f"drums.{n:03d}.wav" for n in range(len(edges) - 1)]
    for each, start, end in zip(sections, edges, edges[1:], strict=False):
        with wave.open(str(context.path(each))) as file:
            assert (file.getnframes(), file.getframerate(), file.getsampwidth()) == (end - start, 48_000, 3)
    assert [len(point.artifacts) for point in context.checkpoints] == list(range(1, len(sections) + 1))
    assert [point.note["sections"] for point in context.checkpoints] == list(range(1, len(sections) + 1))
    assert 0.1 < context.checkpoints[0].note["preview_gain"] < 10


async def test_a_stem_that_has_nothing_to_play_has_no_sections(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    plan = await plan_of(triton, prompt="ambient, no drums", duration=4)
    assert "drums" not in plan_from_dict(plan).stems
    _, renders = await rendered(triton, context, plan, ("drums",))
    assert renders["drums"]["sections"] == []


async def test_a_render_that_goes_on_keeps_the_bytes_of_one_that_was_never_disturbed(
    triton: Triton, tmp_path: Path
) -> None:
    # The last section is shorter than a second: it is one all the same.
    plan = await plan_of(triton, prompt="rock", bpm=140, duration=12)
    plan["sections"] = [{**plan["sections"][0], "name": f"part {n}", "start_bar": 2 * n, "bars": 2} for n in range(4)]
    context = LocalContext(tmp_path)
    described, renders = await rendered(triton, context, plan, ("lead",))
    whole = [each["sha256"] for each in renders["lead"]["sections"]]
    assert len(whole) == 4
    for done in range(1, 5):
        saved = context.checkpoints[done - 1]
        later = LocalContext(tmp_path, attempt=1 + done, resume_from=saved)
        result = await run(render.handler(triton), later, {"plan": described, "stem": "lead"})
        assert [each["sha256"] for each in result["sections"]] == whole
        # Only what was missing was made again.
        assert sorted(later.artifacts) == [f"lead.{n:03d}.wav" for n in range(done, 4)]
        assert [each["key"] for each in result["sections"][:done]] == [each.key for each in saved.artifacts]


async def test_a_cancelled_render_stops_the_model_and_keeps_no_half_of_a_section(
    triton: Triton, server: RunningTriton, tmp_path: Path
) -> None:
    context = LocalContext(tmp_path)
    described = await stored_plan(context, await plan_of(triton, duration=120))
    input = {"plan": described, "stem": "drums", "test_delay_seconds": 5.0}
    running = asyncio.create_task(run(render.handler(triton), context, input), name="render")
    await asyncio.wait_for(context.started.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await until_idle(server, "muscgen") < IDLE_WITHIN_SECONDS
    assert [name for name in context.artifacts if name != "plan.json"] == []


async def test_the_stems_sum_to_the_mix_and_the_master_is_as_loud_as_asked(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    plan = await plan_of(triton, prompt="house", duration=10)
    described, renders = await rendered(triton, context, plan)
    options = {"loudness_target": -20.0, "true_peak": -2.0, "bit_depth": "f32"}
    result = await run(mix.handler(), context, {"plan": described, "stems": renders, "options": options})
    assert sorted(result["stems"]) == sorted(renders)
    master = audio_of(context.path(result["master"]))
    assert master.shape == (2, 10 * 44_100)

    # What the delivered stems sum to is mastered here: the same comes out, so it is what the master was made of.
    stems = [audio_of(context.path(each)) for each in result["stems"].values()]
    asked = replace(plan_from_dict(plan).mix, loudness_target=-20.0, true_peak=-2.0)
    with Master(asked, rate=44_100) as again:
        again.feed(np.sum(stems, axis=0))
        again.finish()
        expected = np.concatenate(list(again.blocks()), axis=1)
    assert float(np.abs(master - expected).max()) < 1e-4

    meter = Meter(44_100)
    meter.feed(master)
    assert meter.result().integrated == pytest.approx(-20, abs=0.5)
    assert result["loudness"]["integrated_lufs"] == pytest.approx(-20, abs=0.5)
    assert result["loudness"]["true_peak_dbtp"] <= -2.0 + 0.1
    assert float(np.abs(master).max()) <= 10 ** (-1.9 / 20)


@pytest.mark.parametrize(("bits", "width"), [(16, 2), (24, 3)])
async def test_the_master_has_the_depth_and_rate_that_were_asked_for(
    triton: Triton, tmp_path: Path, bits: int, width: int
) -> None:
    context = LocalContext(tmp_path)
    described, renders = await rendered(triton, context, await plan_of(triton, duration=2), sample_rate=48_000)
    result = await run(mix.handler(), context, {"plan": described, "stems": renders, "options": {"bit_depth": bits}})
    with wave.open(str(context.path(result["master"]))) as file:
        assert (file.getsampwidth(), file.getframerate(), file.getnframes()) == (width, 48_000, 96_000)


async def test_stems_of_different_rates_are_not_mixed(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    plan = await plan_of(triton, prompt="pop", duration=2)
    described, bass = await rendered(triton, context, plan, ("bass",))
    _, drums = await rendered(triton, context, plan, ("drums",), sample_rate=48_000)
    with pytest.raises(Exception, match="different rates"):
        await run(mix.handler(), context, {"plan": described, "stems": {**bass, **drums}})


@pytest.mark.parametrize("strength", ["loud", 7])
async def test_a_plan_that_says_nonsense_of_a_reference_is_refused_by_field(
    triton: Triton, tmp_path: Path, strength: object
) -> None:
    context = LocalContext(tmp_path)
    plan = await plan_of(triton, duration=2)
    plan["resolved"]["strength"] = {"value": strength, "honoured": "exact"}
    described, bass = await rendered(triton, context, plan, ("bass",))
    with pytest.raises(InvalidInput) as caught:
        await run(mix.handler(), context, {"plan": described, "stems": bass, "reference": {"tilt_db": -6}})
    assert caught.value.field == "plan.resolved.strength.value"


async def test_a_mix_of_nothing_fails_for_good(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    described = await stored_plan(context, await plan_of(triton, duration=2))
    with pytest.raises(TaskFailure, match="anything to play") as caught:
        await run(mix.handler(), context, {"plan": described, "stems": {"fx": {"sections": []}}})
    assert not caught.value.retryable


async def test_a_cancelled_mix_leaves_no_thread_behind(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    described, renders = await rendered(triton, context, await plan_of(triton, duration=60), ("drums",))
    context.started.clear()
    running = asyncio.create_task(run(mix.handler(), context, {"plan": described, "stems": renders}), name="mix")
    await asyncio.wait_for(context.started.wait(), 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    before = {path.name: path.stat().st_size for path in context.workdir.iterdir()}
    await asyncio.sleep(0.2)
    assert {path.name: path.stat().st_size for path in context.workdir.iterdir()} == before
    assert "master.wav" not in context.artifacts


def click_track(bpm: float, seconds: float) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """A kick on every beat over a low chord: a tempo that an analysis finds."""
    time = np.arange(round(seconds * 44_100)) / 44_100
    kick = np.exp(-30 * (time % (60 / bpm))) * np.sin(2 * math.pi * 60 * time)
    chord = sum(np.sin(2 * math.pi * hertz * time) for hertz in (220.0, 261.63, 329.63))
    return np.tile((0.6 * kick + 0.05 * chord).astype(np.float32), (2, 1))


async def test_a_recording_that_may_be_fetched_is_described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "reference.wav"
    write_audio(file, click_track(120, 12), name="wav", source_rate=44_100)
    monkeypatch.setenv(ALLOWED_VARIABLE, "127.0.0.0/8")
    with serving(tmp_path) as address:
        asked = {"url": f"{address}/reference.wav", "option": "reference_url"}
        result = await run(style.handler(), LocalContext(tmp_path), asked)
    assert result["excerpt"] is None
    assert result["style"]["duration"] == 12
    assert result["style"]["bpm"] == pytest.approx(120, rel=0.02)
    assert result["style"]["key"] in ("A minor", "C major")
    content = file.read_bytes()
    assert (result["source"]["size"], result["source"]["sha256"]) == (
        len(content),
        hashlib.sha256(content).hexdigest(),
    )


@pytest.mark.parametrize(("option", "begins"), [("reference_url", 8.0), ("continue_from", 10.0)])
async def test_an_engine_that_listens_is_given_twelve_seconds_of_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, begins: float
) -> None:
    """A ramp up to 20 s, a step down to a tenth, silence from 22 s on: fullest from 8 s on, and heard until 22 s."""
    time = np.arange(25 * 44_100) / 44_100
    level = np.where(time < 20, time / 40, np.where(time < 22, 0.1, 0.0))
    sound = (level * np.sin(2 * math.pi * 330 * time)).astype(np.float32)
    write_audio(tmp_path / "long.wav", np.tile(sound, (2, 1)), name="wav", source_rate=44_100)
    monkeypatch.setenv(ALLOWED_VARIABLE, "127.0.0.0/8")
    monkeypatch.setenv("MUSCGEN_ENGINE", "musicgen")
    context = LocalContext(tmp_path)
    with serving(tmp_path) as address:
        result = await run(style.handler(), context, {"url": f"{address}/long.wav", "option": option})
    heard = audio_of(context.path(result["excerpt"]))
    start = round(begins * 44_100)
    assert heard.shape == (2, 12 * 44_100)
    assert np.abs(heard[0] - sound[start : start + 12 * 44_100]).max() < 1e-4


async def test_a_recording_within_our_own_network_or_no_recording_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.html").write_text("<html>")
    with serving(tmp_path) as address:
        page = {"url": f"{address}/page.html", "option": "reference_url"}
        monkeypatch.delenv(ALLOWED_VARIABLE, raising=False)
        with pytest.raises(TaskFailure, match="not on the public internet") as inside:
            await run(style.handler(), LocalContext(tmp_path / "a"), page)
        monkeypatch.setenv(ALLOWED_VARIABLE, "127.0.0.0/8")
        with pytest.raises(TaskFailure, match="reference_url: is not audio") as silent:
            await run(style.handler(), LocalContext(tmp_path / "b"), page)
    assert not inside.value.retryable
    assert not silent.value.retryable


def digest_of(path: Path) -> tuple[int, str]:
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


async def test_the_manifest_lists_what_went_in_and_came_out(triton: Triton, tmp_path: Path) -> None:
    context = LocalContext(tmp_path)
    words = {"narrative": "synthwave at night", "duration": 4, "options": {"seed": 11, "format": "flac"}}
    parsed = await run(parse.handler(None), context, words)
    composed = await run(compose.handler(triton), context, {"request": parsed["request"]})
    plan = json.loads(context.path(composed["plan"]).read_bytes())
    _, renders = await rendered(triton, context, plan)
    mixed = await run(mix.handler(), context, {"plan": composed["plan"], "stems": renders})
    reference = {"name": "https://example.com/a.wav", "type": "audio/wav", "size": 3, "sha256": "ab"}
    input = {
        "request": parsed["request"],
        "composed": composed,
        "mixed": mixed,
        "reference": reference,
        "timings": {"mix": mixed["seconds"]},
        "format": "flac",
    }
    result = await run(finalize.handler(), context, input)

    manifest = json.loads(context.path(result["manifest"]).read_bytes())
    stems = {f"{stem}.wav" for stem in renders}
    assert [each["name"] for each in manifest["inputs"]] == ["request.json", "plan.json", reference["name"]]
    assert {each["name"] for each in manifest["outputs"]} == {
        "composition.mid",
        "master.wav",
        "master.flac",
        "peaks.json",
        "picture.png",
        *stems,
    }
    for each in (*manifest["inputs"][:2], *manifest["outputs"]):
        assert (each["size"], each["sha256"]) == digest_of(context.store / context.artifacts[each["name"]].key)
    assert manifest["request"] == {
        "model": "track",
        "narrative": "synthwave at night",
        "duration": 4,
        "options": {"seed": "11", "format": "flac"},
    }
    assert (manifest["seed"], manifest["engine"], manifest["resolved"]) == ("11", plan["engine"], plan["resolved"])
    assert manifest["loudness"] == mixed["loudness"]
    assert manifest["timings"].keys() == {"mix", "finalize"}
    assert {"numpy", "scipy", "soundfile", "python"} <= manifest["versions"].keys()
    # What is compressed without loss is the master itself.
    flac, _ = read_audio(context.store / context.artifacts["master.flac"].key)
    assert np.array_equal(flac, audio_of(context.path(mixed["master"])))


def test_only_models_with_an_address_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TUTTI_TEST_HANDLERS", "JEN1_URL", "MUSCGEN_URL", "OLLAMA_URL"):
        monkeypatch.delenv(name, raising=False)
    always = {"prompt.parse", "style.analyze", "mix.master", "track.finalize"}
    assert {handler.kind for handler in builtin()} == always
    monkeypatch.setenv("JEN1_URL", "grpc://127.0.0.1:8001")
    assert {handler.kind for handler in builtin()} == always | {"jen1.compose"}

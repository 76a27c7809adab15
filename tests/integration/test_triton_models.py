"""The models behind a real Triton, spoken to through the worker's adapter: what they answer, refuse and let go of."""

import asyncio
import copy
import hashlib
import io
import math
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import mido
import numpy as np
import numpy.typing as npt
import pytest

from music.plan import STEMS, plan_from_dict
from services.worker.triton import ModelResponse, Triton
from tests.fixtures.local_context import TRACEPARENT
from tests.fixtures.models import IDLE_WITHIN_SECONDS, collect, log_lines, plan_of, until_idle
from tests.fixtures.triton import RunningTriton
from tutti.errors import DeadlineExceeded, InvalidInput, Unavailable

HEADER = {
    "sequence",
    "stage",
    "fraction",
    "sample_offset",
    "sample_rate",
    "stem",
    "section",
    "section_name",
    "last_of_section",
}


def stem_of(responses: Sequence[ModelResponse], stem: str) -> npt.NDArray[np.float32]:
    return np.concatenate([r.audio for r in responses if r.audio is not None and r.header["stem"] == stem], axis=1)


def digest(responses: Sequence[ModelResponse]) -> str:
    found = hashlib.sha256()
    for response in responses:
        assert response.audio is not None
        found.update(response.header["stem"].encode() + response.audio.tobytes())
    return found.hexdigest()


async def test_jen1_reports_its_stages_and_ends_with_the_plan(triton: Triton) -> None:
    responses = await collect(triton, "jen1", {"prompt": "sad lo-fi at 80 bpm in D minor", "duration": 20, "seed": 7})
    assert [r.header["sequence"] for r in responses] == list(range(len(responses)))
    assert [r.header["fraction"] for r in responses] == sorted(r.header["fraction"] for r in responses)
    assert [r.plan is None for r in responses] == [True] * (len(responses) - 1) + [False]
    assert responses[-1].header == {"sequence": len(responses) - 1, "stage": "plan", "fraction": 1.0}
    plan = responses[-1].plan
    assert plan is not None
    assert (plan["version"], plan["bpm"], plan["key"], plan["duration_seconds"]) == (2, 80, "D minor", 20)
    assert plan["resolved"]["bpm"]["value"] == 80
    assert plan["resolved"]["bpm"]["honoured"] == "exact"


async def test_the_midi_has_the_tempo_the_names_and_the_notes_of_the_plan(triton: Triton) -> None:
    last = (await collect(triton, "jen1", {"prompt": "funk", "bpm": 104, "duration": 10, "seed": 3}))[-1]
    assert last.plan is not None
    assert last.midi is not None
    file = mido.MidiFile(file=io.BytesIO(last.midi))
    assert file.type == 1
    assert [mido.tempo2bpm(m.tempo) for track in file.tracks for m in track if m.type == "set_tempo"] == [
        pytest.approx(104, abs=0.001)
    ]
    names = {track.name for track in file.tracks}
    assert {track["name"] for track in last.plan["tracks"] if track["notes"]} <= names
    struck = sum(message.type == "note_on" and message.velocity > 0 for track in file.tracks for message in track)
    assert struck == sum(len(track["notes"]) for track in last.plan["tracks"])


async def test_lyrics_first_gives_words_and_their_times(triton: Triton) -> None:
    request = {"prompt": "a pop song about the sea", "mode": "lyrics-first", "duration": 20, "seed": 5}
    last = (await collect(triton, "jen1", request))[-1]
    assert last.plan is not None
    assert last.plan["mode"] == "lyrics-first"
    assert last.plan["lyrics"]
    assert last.lrc is not None
    lines = last.lrc.decode().splitlines()
    assert any(line.startswith("[00:") for line in lines)
    assert all(any(each["text"] in line for line in lines) for each in last.plan["lyrics"])


async def test_a_melody_alone_has_no_words_and_no_company(triton: Triton) -> None:
    last = (await collect(triton, "jen1", {"prompt": "folk", "mode": "melody-only", "duration": 8, "seed": 5}))[-1]
    assert last.plan is not None
    assert last.lrc is None
    assert {track["stem"] for track in last.plan["tracks"] if track["notes"]} == {"lead"}


async def test_a_plan_that_was_edited_comes_back_as_it_was_given(triton: Triton) -> None:
    edited = copy.deepcopy(await plan_of(triton, prompt="pop", duration=6))
    edited["tracks"][0]["notes"] = edited["tracks"][0]["notes"][:1]
    edited["mix"]["strips"]["bass"]["gain_db"] = -12.0
    last = (await collect(triton, "jen1", {"plan": edited, "prompt": "ignored", "seed": 99}))[-1]
    assert last.plan == edited
    assert last.midi is not None


@pytest.mark.parametrize("model", ["jen1", "muscgen"])
@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("tracks", 0, "notes", 0, "pitch"), 300, "plan.tracks[0].notes[0].pitch"),
        (("tracks", 0, "instrument"), "kazoo", "plan.tracks[0].instrument"),
        (("sections", 0, "bars"), 0, "plan.sections[0].bars"),
        (("mix", "strips", "bass", "reverb"), 7, "plan.mix.strips.bass.reverb"),
        (("version",), 1, "plan.version"),
    ],
)
async def test_an_edit_that_does_not_fit_is_refused_with_its_path(
    triton: Triton, model: str, path: tuple[Any, ...], value: Any, field: str
) -> None:
    edited: Any = copy.deepcopy(await plan_of(triton, prompt="pop", duration=6))
    place = edited
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(InvalidInput) as caught:
        await collect(triton, model, {"plan": edited})
    assert caught.value.field == field


async def test_muscgen_streams_every_stem_whole_in_pieces_that_say_what_they_are(triton: Triton) -> None:
    source = await plan_of(triton, prompt="synthwave", duration=7.5)
    plan = plan_from_dict(source)
    responses = await collect(triton, "muscgen", {"plan": source})
    assert all(set(r.header) >= HEADER for r in responses)
    assert [r.header["sequence"] for r in responses] == list(range(len(responses)))
    assert responses[-1].header["fraction"] == 1.0
    assert {r.header["stem"] for r in responses} == set(plan.stems) <= set(STEMS)
    for stem in plan.stems:
        audio = stem_of(responses, stem)
        assert audio.shape == (2, round(7.5 * 44_100))
        assert 0.01 < float(np.abs(audio).max()) <= 1.0
        place = 0
        for response in (r for r in responses if r.header["stem"] == stem):
            assert response.audio is not None
            assert response.header["sample_offset"] == place
            assert response.audio.shape[1] <= 2 * 44_100
            place += response.audio.shape[1]
    edges = plan.section_edges(44_100)
    for response in responses:
        assert response.audio is not None
        section, end = response.header["section"], response.header["sample_offset"] + response.audio.shape[1]
        assert edges[section] <= response.header["sample_offset"] < end <= edges[section + 1]
        assert response.header["section_name"] == plan.sections[section].name
        assert response.header["last_of_section"] == (end == edges[section + 1])


async def test_only_the_stems_that_were_chosen_come_and_sound_as_they_do_among_the_others(triton: Triton) -> None:
    plan = await plan_of(triton, prompt="house", duration=4)
    everything = await collect(triton, "muscgen", {"plan": plan})
    chosen = await collect(triton, "muscgen", {"plan": plan, "stems": ["bass", "drums"]})
    assert {r.header["stem"] for r in chosen} == {"bass", "drums"}
    for stem in ("bass", "drums"):
        assert np.array_equal(stem_of(everything, stem), stem_of(chosen, stem))


async def test_a_render_from_a_later_section_is_the_rest_of_a_whole_one(triton: Triton) -> None:
    plan = await plan_of(triton, prompt="rock", bpm=140, duration=16)
    whole = await collect(triton, "muscgen", {"plan": plan, "stems": ["chords"], "sample_rate": 48_000})
    last = whole[-1].header["section"]
    assert last > 0
    for first in range(1, last + 1):
        request = {"plan": plan, "stems": ["chords"], "sample_rate": 48_000, "first_section": first}
        rest = await collect(triton, "muscgen", request)
        expected = [r for r in whole if r.header["section"] >= first]
        assert [r.header for r in rest] == [r.header for r in expected]
        assert digest(rest) == digest(expected)


async def test_a_seed_is_a_performance(triton: Triton) -> None:
    plan = await plan_of(triton, prompt="jazz", duration=3)
    request = {"plan": plan, "stems": ["chords"]}
    first, again, other = [
        digest(await collect(triton, "muscgen", {**request, **seed})) for seed in ({}, {"seed": 7}, {"seed": 8})
    ]
    assert plan["seed"] == 7
    assert first == again != other


@pytest.mark.parametrize(
    ("model", "request_", "field"),
    [
        ("jen1", {"duration": -1}, "duration"),
        ("jen1", {"duration": 601}, "duration"),
        ("jen1", {"bpm": 5000}, "bpm"),
        ("jen1", {"key": "H moll"}, "key"),
        ("jen1", {"tempo": 90}, "tempo"),
        ("jen1", {"plan": []}, "plan"),
        ("muscgen", {}, "plan"),
        ("muscgen", {"plan": {"version": 2}}, "plan.tracks"),
        ("muscgen", {"plan": [], "seed": 1}, "plan"),
        ("muscgen", {"plan": {}, "volume": 11}, "volume"),
        ("muscgen", {"plan": {}, "sample_rate": 8000}, "sample_rate"),
        ("muscgen", {"plan": {}, "sample_rate": []}, "sample_rate"),
    ],
)
async def test_a_bad_request_is_refused_by_field(
    triton: Triton, model: str, request_: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await collect(triton, model, request_)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"stems": ["violins"]}, "stems[0]"),
        ({"stems": "drums"}, "stems"),
        ({"first_section": 99}, "first_section"),
        ({"first_section": -1}, "first_section"),
        ({"seed": -1}, "seed"),
        ({"test_delay_seconds": 11}, "test_delay_seconds"),
    ],
)
async def test_what_does_not_fit_the_plan_is_refused_by_field(triton: Triton, more: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await collect(triton, "muscgen", {"plan": await plan_of(triton, duration=2), **more})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("shape", "level"),
    [((3, 100), 0.1), ((1, 61 * 44_100), 0.1), ((2, 100), math.nan)],
    ids=["three channels", "more than a minute", "no numbers"],
)
async def test_an_excerpt_that_is_none_is_refused(triton: Triton, shape: tuple[int, int], level: float) -> None:
    excerpt = np.full(shape, level, dtype=np.float32)
    with pytest.raises(InvalidInput) as caught:
        await collect(triton, "muscgen", {"plan": await plan_of(triton, duration=2)}, EXCERPT=excerpt)
    assert caught.value.field == "EXCERPT"


async def test_who_plays_notes_needs_no_excerpt_and_sounds_the_same_with_one(triton: Triton) -> None:
    request = {"plan": await plan_of(triton, duration=2), "stems": ["bass"]}
    excerpt = np.zeros((2, 44_100), dtype=np.float32)
    assert digest(await collect(triton, "muscgen", request, EXCERPT=excerpt)) == digest(
        await collect(triton, "muscgen", request)
    )


async def test_request_id_and_trace_are_in_tritons_log_once(triton: Triton, server: RunningTriton) -> None:
    await collect(triton, "jen1", {"seed": 1}, request_id="req-logged")
    (line,) = await log_lines(server, "req-logged")
    assert line["traceparent"] == TRACEPARENT
    assert line["outcome"] == "done"


@pytest.mark.parametrize("delay", [0.0, 2.0])
async def test_closing_the_stream_stops_the_model_and_the_next_job_is_normal(
    triton: Triton, server: RunningTriton, delay: float
) -> None:
    request = {"plan": await plan_of(triton, duration=300), "test_delay_seconds": delay}
    stream = triton.stream("muscgen", request, request_id=f"req-cut-{delay}", traceparent="", timeout=60)
    async with aclosing(stream):
        await anext(stream)
    assert await until_idle(server, "muscgen") < IDLE_WITHIN_SECONDS
    (line,) = await log_lines(server, f"req-cut-{delay}")
    assert line["outcome"] == "cancelled"
    after = await collect(triton, "muscgen", {"plan": await plan_of(triton, duration=2)})
    assert after[-1].header["fraction"] == 1.0


async def test_cancelling_the_task_that_reads_stops_the_model(triton: Triton, server: RunningTriton) -> None:
    plan = await plan_of(triton, duration=60)
    seen = asyncio.Event()

    async def read() -> None:
        request = {"plan": plan, "test_delay_seconds": 5}
        stream = triton.stream("muscgen", request, request_id="req-task", traceparent="", timeout=60)
        async with aclosing(stream):
            async for _ in stream:
                seen.set()

    task = asyncio.create_task(read(), name="reader")
    await asyncio.wait_for(seen.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until_idle(server, "muscgen") < IDLE_WITHIN_SECONDS


async def test_many_streams_that_are_closed_at_once_leave_a_server_that_works(
    triton: Triton, server: RunningTriton
) -> None:
    plan = await plan_of(triton, prompt="pop", duration=60)

    async def begun(number: int) -> None:
        request = {"plan": plan, "stems": ["bass"], "seed": number}
        stream = triton.stream("muscgen", request, request_id=f"req-crowd-{number}", traceparent="", timeout=60)
        async with aclosing(stream):
            await anext(stream)

    for _ in range(4):
        # Each ends with its first piece, so that threads of the model begin and end all the time.
        await asyncio.gather(*(begun(number) for number in range(24)))
    await until_idle(server, "muscgen")
    assert server.process.poll() is None
    assert await triton.ready("muscgen")


async def test_five_renders_at_once_all_move(triton: Triton) -> None:
    # Much longer to render than to prepare, which is done for one after the other.
    plan = await plan_of(triton, prompt="pop", duration=120)
    pieces, ended = [0] * 5, 0
    all_moved, ended_before = asyncio.Event(), []

    async def one(number: int) -> None:
        nonlocal ended
        request = {"plan": plan, "stems": ["drums", "bass"], "seed": number}
        stream = triton.stream("muscgen", request, request_id=f"req-{number}", traceparent="", timeout=60)
        async with aclosing(stream):
            async for _ in stream:
                pieces[number] += 1
                if min(pieces) >= 3 and not all_moved.is_set():
                    ended_before.append(ended)
                    all_moved.set()
        ended += 1

    renders = [asyncio.create_task(one(number), name=f"render-{number}") for number in range(5)]
    try:
        await asyncio.wait_for(all_moved.wait(), 60)
    finally:
        for render in renders:
            render.cancel()
        await asyncio.gather(*renders, return_exceptions=True)
    # None starves: each was in the middle of it before the first of them was done.
    assert ended_before == [0]


async def test_a_stream_past_its_deadline_says_so_and_frees_the_model(triton: Triton, server: RunningTriton) -> None:
    request = {"plan": await plan_of(triton, duration=30), "test_delay_seconds": 10}
    with pytest.raises(DeadlineExceeded):
        await collect(triton, "muscgen", request, timeout=0.5)
    assert await until_idle(server, "muscgen") < IDLE_WITHIN_SECONDS


async def test_models_are_ready_and_others_are_not(triton: Triton) -> None:
    assert await triton.ready("jen1")
    assert await triton.ready("muscgen")
    assert not await triton.ready("bark")
    with pytest.raises(Unavailable):
        await collect(triton, "bark", {})

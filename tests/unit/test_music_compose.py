import json
from typing import Any

import pytest

from music.compose import compose
from music.errors import RequestError
from music.plan import Plan, plan_from_dict
from music.styles import STYLES
from music.theory import Meter, parse_key


def share_in_scale(plan: Plan) -> float:
    scale = parse_key(plan.key).scale
    notes = [note for track in plan.tracks for note in track.notes]
    return sum(n.beats for n in notes if n.pitch % 12 in scale) / sum(n.beats for n in notes)


@pytest.mark.parametrize("genre", STYLES)
@pytest.mark.parametrize("time_signature", [2, 3, 4, 6])
def test_every_genre_and_meter_stays_in_key_and_comes_home(genre: str, time_signature: int) -> None:
    plan = compose({"genre": genre, "seed": 11, "duration": 45, "time_signature": time_signature})
    tonic = parse_key(plan.key).tonic
    assert share_in_scale(plan) >= 0.95
    assert {pitch % 12 for pitch in plan.chords[-1].pitches} >= {tonic}
    lead = next(track for track in plan.tracks if track.name == "lead")
    assert lead.notes[-1].pitch % 12 == tonic


@pytest.mark.parametrize("genre", STYLES)
def test_the_melody_stands_on_chord_tones_on_strong_beats(genre: str) -> None:
    plan = compose({"genre": genre, "seed": 5, "duration": 60, "mode": "melody-only"})
    beats = Meter(signature=plan.time_signature).beats
    strong = [note for note in plan.tracks[0].notes if note.start % beats == 0]
    chords = {chord.start: {pitch % 12 for pitch in chord.pitches} for chord in plan.chords}
    assert len(strong) > 4
    assert all(note.pitch % 12 in chords[note.start] for note in strong)


def test_voices_move_little_from_chord_to_chord() -> None:
    plan = compose({"prompt": "pop ballad", "seed": 3, "duration": 90})
    moves = [
        max(abs(a - b) for a, b in zip(before.pitches, after.pitches, strict=True))
        for before, after in zip(plan.chords, plan.chords[1:-1], strict=False)
    ]
    assert max(moves) <= 7


def test_what_the_caller_gives_wins_over_the_prompt() -> None:
    plan = compose({"prompt": "fast techno at 140 bpm in C minor", "bpm": 61.5, "key": "Eb major", "genre": "folk"})
    assert (plan.bpm, plan.key) == (61.5, "Eb major")
    assert plan.resolved["bpm"] == {"value": 61.5, "honoured": "exact"}
    assert plan.resolved["genre"] == {"value": "folk", "honoured": "exact"}


def test_each_parameter_says_what_became_of_it() -> None:
    resolved = compose({"prompt": "slow, 3/4, in D minor", "temperature": 0.7, "mode": "lyrics-first"}).resolved
    honoured = {name: entry["honoured"] for name, entry in resolved.items()}
    assert honoured["key"] == honoured["time_signature"] == "exact"
    assert honoured["bpm"] == honoured["mode"] == "hint"
    assert honoured["duration"] == honoured["genre"] == honoured["seed"] == "default"
    assert honoured["temperature"] == "ignored"


def test_slow_is_slower_than_fast_in_every_genre() -> None:
    for genre in STYLES:
        slow, fast = (compose({"prompt": f"{pace} {genre}", "seed": 1}).bpm for pace in ("slow", "fast"))
        assert slow < fast


def test_twelve_genres_make_twelve_plans() -> None:
    tunes = {json.dumps(compose({"prompt": genre, "seed": 1}).to_dict()["tracks"]) for genre in STYLES}
    assert len(tunes) == 12


def test_the_same_seed_makes_the_same_plan_and_another_seed_another_tune() -> None:
    request = {"prompt": "jazz in G major at 120 bpm", "seed": 2**64 - 1}
    first, again, other = compose(request), compose(request), compose({**request, "seed": 4})
    assert first == again
    assert first.tracks != other.tracks
    assert (first.bpm, first.key) == (other.bpm, other.key)


def test_an_absent_seed_is_drawn_and_recorded() -> None:
    plan = compose({"prompt": "pop"})
    assert compose({"prompt": "pop", "seed": plan.seed}).tracks == plan.tracks


@pytest.mark.parametrize("duration", [1, 1.37, 2.5, 5, 29.999, 600])
@pytest.mark.parametrize("bpm", [30, 97.3, 300])
def test_any_length_can_be_composed_and_nothing_starts_after_the_end(duration: float, bpm: float) -> None:
    plan = compose({"duration": duration, "bpm": bpm, "seed": 1})
    last = max(note.start for track in plan.tracks for note in track.notes)
    assert plan.duration_seconds == duration
    assert last * plan.seconds_per_beat < duration
    assert [s.start_bar for s in plan.sections[1:]] == [s.start_bar + s.bars for s in plan.sections[:-1]]


def test_a_plan_survives_json() -> None:
    plan = compose({"prompt": "sad waltz", "seed": 9, "duration": 40})
    assert plan_from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_numbers_that_came_through_a_struct_are_read_as_what_they_were() -> None:
    plan = compose({"time_signature": 3.0, "seed": 7.0, "duration": 20.0, "bpm": 90.0})
    assert (plan.time_signature, plan.seed) == (3, 7)
    assert compose({"seed": str(2**64 - 1)}).seed == 2**64 - 1


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"duration": -1}, "duration"),
        ({"duration": 601}, "duration"),
        ({"duration": "long"}, "duration"),
        ({"duration": float("nan")}, "duration"),
        ({"bpm": 29.9}, "bpm"),
        ({"bpm": 301}, "bpm"),
        ({"bpm": True}, "bpm"),
        ({"key": "H moll"}, "key"),
        ({"key": 3}, "key"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"time_signature": 5}, "time_signature"),
        ({"mode": "karaoke"}, "mode"),
        ({"genre": "zydeco polka"}, "genre"),
        ({"energy": 2}, "energy"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"tempo": 90}, "tempo"),
    ],
)
def test_a_bad_request_is_refused_by_the_name_of_its_field(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        compose(request_)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("version",), 2, "version"),
        (("duration_seconds",), 0, "duration_seconds"),
        (("tracks", 0, "notes", 2, "pitch"), 200, "tracks[0].notes[2].pitch"),
        (("tracks", 1, "instrument"), "kazoo", "tracks[1].instrument"),
        (("tracks", 0, "notes", 0), "C", "tracks[0].notes[0]"),
        (("chords", 1, "beats"), float("inf"), "chords[1].beats"),
        (("sections", 0, "bars"), 0, "sections[0].bars"),
        (("tracks",), "loud", "tracks"),
    ],
)
def test_a_plan_edited_badly_is_refused_by_path(path: tuple[str | int, ...], value: Any, field: str) -> None:
    edited: Any = compose({"seed": 1}).to_dict()
    edited = json.loads(json.dumps(edited))
    spot = edited
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = value
    with pytest.raises(RequestError) as caught:
        plan_from_dict(edited)
    assert caught.value.field == field

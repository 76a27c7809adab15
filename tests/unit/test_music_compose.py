import base64
import json
from bisect import bisect_right
from functools import cache, partial
from itertools import pairwise
from typing import Any

import pytest

from music.composing import compose
from music.errors import RequestError
from music.genres import GENRES
from music.plan import MOST_NOTES, Plan, Section, Track, plan_from_dict
from music.theory import parse_key
from tests.fixtures.counting import steps_of

UNPITCHED = {"drums", "percussion", "fx"}
SEEDS = (11, 2024)


@cache
def plan_of(genre: str, seed: int) -> Plan:
    return compose({"genre": genre, "seed": seed, "duration": 50})


def tonal(plan: Plan) -> list[Track]:
    return [track for track in plan.tracks if track.stem not in UNPITCHED]


def share_in_key(plan: Plan) -> float:
    """Of the time of all notes: those in the scale, or in the chord that sounds where it alters the scale."""
    scale = set(parse_key(plan.key).scale)
    starts = [chord.start for chord in plan.chords]
    allowed = [scale | {pitch % 12 for pitch in chord.pitches} for chord in plan.chords]
    total = fits = 0.0
    for note in (note for track in tonal(plan) for note in track.notes):
        total += note.beats
        fits += note.beats * (note.pitch % 12 in allowed[max(bisect_right(starts, note.start + 0.02) - 1, 0)])
    return fits / total


def shape(plan: Plan, section: Section, bars: int) -> set[tuple[str, int, int]]:
    """What is played where in the first bars of a section."""
    start = section.start_bar * plan.beats_per_bar
    end = start + bars * plan.beats_per_bar
    return {
        (track.stem, round(4 * (note.start - start)), note.pitch % 12)
        for track in tonal(plan)
        for note in track.notes
        if start - 0.1 <= note.start < end - 0.1
    }


def likeness(first: set[Any], second: set[Any]) -> float:
    """The share of the sparser one that is also in the other: a last chorus may have more voices."""
    return len(first & second) / max(min(len(first), len(second)), 1)


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_genre_stays_in_key_and_comes_home(genre: str, seed: int) -> None:
    plan = plan_of(genre, seed)
    tonic = parse_key(plan.key).tonic
    assert share_in_key(plan) >= 0.95
    assert plan.chords[-1].symbol.startswith(parse_key(plan.key).spell(tonic))
    assert tonic in {pitch % 12 for pitch in plan.chords[-1].pitches}
    low = next(track for track in plan.tracks if track.stem == "bass")
    assert low.notes[-1].pitch % 12 == tonic


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_chorus_resembles_another_chorus_more_than_a_verse(genre: str, seed: int) -> None:
    structure = "verse 4, chorus 4, verse 4, chorus 4, outro 2"
    plan = compose({"genre": genre, "seed": seed, "bpm": 102, "duration": 43, "structure": structure})
    choruses = [s for s in plan.sections if s.kind in {"chorus", "drop"}]
    verses = [s for s in plan.sections if s.kind == "verse"]
    assert len(choruses) > 1
    assert verses
    bars = min(s.bars for s in (*choruses[:2], verses[0]))
    first, second, verse = (shape(plan, section, bars) for section in (*choruses[:2], verses[0]))
    assert likeness(first, second) > 0.7
    assert likeness(first, second) > likeness(first, verse) + 0.25


@pytest.mark.parametrize("genre", GENRES)
def test_another_seed_makes_other_music_at_the_same_tempo_and_key(genre: str) -> None:
    request = {"genre": genre, "bpm": 101, "key": "D minor", "duration": 40, "seed": 2**64 - 1}
    first, again, other = compose(request), compose(request), compose({**request, "seed": 4})
    assert first == again
    assert (first.bpm, first.key) == (other.bpm, other.key) == (101, "D minor")
    for stem in ("lead", "chords"):
        assert [t.notes for t in first.tracks if t.stem == stem] != [t.notes for t in other.tracks if t.stem == stem]


def test_sixteen_genres_make_sixteen_plans() -> None:
    plans = {json.dumps(compose({"prompt": genre, "seed": 1}).to_dict()["tracks"]) for genre in GENRES}
    assert len(plans) == len(GENRES)


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_plan_survives_json(genre: str, seed: int) -> None:
    plan = plan_of(genre, seed)
    assert plan_from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


def test_an_absent_seed_is_drawn_and_recorded() -> None:
    plan = compose({"prompt": "pop"})
    assert compose({"prompt": "pop", "seed": plan.seed}).tracks == plan.tracks


@pytest.mark.parametrize("duration", [1, 1.37, 2.5, 5, 29.999])
@pytest.mark.parametrize("bpm", [30, 97.3, 300])
@pytest.mark.parametrize("genre", ["pop", "jazz", "techno", "ambient"])
def test_any_length_can_be_composed_and_nothing_starts_after_the_end(duration: float, bpm: float, genre: str) -> None:
    plan = compose({"duration": duration, "bpm": bpm, "seed": 1, "genre": genre})
    notes = [note for track in plan.tracks for note in track.notes]
    assert plan.duration_seconds == duration
    assert max(note.start for note in notes) * plan.seconds_per_beat < duration
    assert min(note.start for note in notes) >= 0
    assert [s.start_bar for s in plan.sections[1:]] == [s.start_bar + s.bars for s in plan.sections[:-1]]
    assert all(track.notes for track in plan.tracks)


def test_the_longest_and_fastest_piece_fits_into_a_plan() -> None:
    plan = compose({"duration": 600, "bpm": 300, "seed": 1, "genre": "techno", "energy": 1})
    assert max(len(track.notes) for track in plan.tracks) < MOST_NOTES
    assert plan.chords[-1].start + plan.chords[-1].beats == pytest.approx(3000)


def test_the_last_bar_rings_until_the_end() -> None:
    plan = compose({"duration": 47.3, "bpm": 90, "seed": 3, "genre": "pop"})
    end = plan.duration_seconds * plan.bpm / 60
    for stem in ("chords", "bass", "lead"):
        last = max((n for t in plan.tracks if t.stem == stem for n in t.notes), key=lambda n: n.start + n.beats)
        assert last.start + last.beats == pytest.approx(end, abs=1e-4)


def test_a_loop_ends_with_its_bar_and_goes_round() -> None:
    plan = compose({"duration": 32, "bpm": 120, "seed": 3, "genre": "house", "loop": True, "temperature": 0})
    ends = [note.start + note.beats for track in tonal(plan) for note in track.notes]
    assert max(ends) <= 64 + 1e-6
    last = [note for track in plan.tracks if track.name == "chords" for note in track.notes if note.start >= 60]
    assert len({round(note.start, 3) for note in last}) > 1  # it is a bar like the others, and no ring-out


def test_a_melody_alone_has_one_track() -> None:
    plan = compose({"genre": "pop", "seed": 5, "mode": "melody-only"})
    assert [(track.name, track.stem) for track in plan.tracks] == [("lead", "lead")]
    assert set(plan.mix.strips) == {"lead"}


def test_what_the_caller_gives_is_played() -> None:
    melody = [{"start": i * 1.0, "beats": 0.9, "pitch": 60 + p, "velocity": 0.7} for i, p in enumerate((0, 4, 7, 9))]
    plan = compose({"melody": melody, "chords": ["C", "Am", "F", "G7"], "key": "C", "genre": "folk", "seed": 1})
    lead = next(track for track in plan.tracks if track.name == "lead")
    assert [(n.start, n.beats, n.pitch, n.velocity) for n in lead.notes[:4]] == [
        (note["start"], note["beats"], note["pitch"], note["velocity"]) for note in melody
    ]
    assert [chord.symbol for chord in plan.chords[:5]] == ["C", "Am", "F", "G7", "C"]


def test_a_tune_as_text_sets_the_key_where_nobody_else_does() -> None:
    abc = "X:1\nM:4/4\nL:1/4\nK:Eb\nE G B G|A c e c|B A G F|E4|"
    plan = compose({"melody": abc, "genre": "folk", "seed": 1})
    assert (plan.key, plan.resolved["key"]["honoured"]) == ("Eb major", "hint")
    lead = next(track for track in plan.tracks if track.name == "lead")
    assert [note.pitch for note in lead.notes[:4]] == [63, 67, 70, 67]
    assert compose({"melody": abc, "genre": "folk", "key": "C minor", "seed": 1}).key == "C minor"


def test_a_midi_file_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(RequestError) as caught:
        compose({"melody": base64.b64encode(b"MThd\0\0\0\6nonsense").decode()})
    assert caught.value.field == "melody"


@pytest.mark.parametrize(("prompt", "stem"), [("house, no drums", "drums"), ("pop without bass", "bass")])
def test_what_is_not_wanted_is_not_there(prompt: str, stem: str) -> None:
    plan = compose({"prompt": prompt, "seed": 2})
    assert stem not in plan.stems
    assert stem not in plan.mix.strips


def test_leaving_out_a_stem_changes_no_other_but_the_bass_that_follows_the_kick() -> None:
    everything = compose({"genre": "pop", "key": "C", "bpm": 100, "seed": 2})
    fewer = compose({"genre": "pop", "key": "C", "bpm": 100, "seed": 2, "prompt": "no drums, no pad"})
    for name in ("chords", "lead"):
        kept = [[track for track in plan.tracks if track.name == name] for plan in (everything, fewer)]
        assert kept[0] == kept[1]


def test_stages_are_reported_in_order() -> None:
    seen: list[tuple[str, float]] = []
    compose({"seed": 1}, lambda stage, fraction: seen.append((stage, fraction)))
    assert [stage for stage, _ in seen] == ["request", "form", "harmony", "melody", "arrangement"]
    assert all(a[1] < b[1] for a, b in pairwise(seen))


def test_the_mix_knows_what_plays_and_how_loud_it_should_be() -> None:
    plan = compose({"genre": "rock", "seed": 1, "loudness_target": -18, "true_peak": -2})
    assert (plan.mix.loudness_target, plan.mix.true_peak) == (-18, -2)
    assert set(plan.mix.strips) == set(plan.stems)


def test_the_work_of_composing_grows_with_the_duration_and_no_faster() -> None:
    """Half a minute takes 0.05 s."""
    compose({"seed": 1, "duration": 30})  # the tables are built once
    short, long = (
        steps_of(partial(compose, {"seed": 2, "duration": seconds, "genre": "pop"})) for seconds in (30, 120)
    )
    assert short < 5_000_000
    assert long < 6 * short


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("version",), 1, "version"),
        (("duration_seconds",), 0, "duration_seconds"),
        (("tracks", 0, "notes", 2, "pitch"), 200, "tracks[0].notes[2].pitch"),
        (("tracks", 1, "instrument"), "kazoo", "tracks[1].instrument"),
        (("tracks", 1, "stem"), "kazoos", "tracks[1].stem"),
        (("tracks", 0, "notes", 0), "C", "tracks[0].notes[0]"),
        (("chords", 1, "beats"), float("inf"), "chords[1].beats"),
        (("sections", 0, "bars"), 0, "sections[0].bars"),
        (("sections", 0, "kind"), "solo", "sections[0].kind"),
        (("mix", "strips", "lead", "reverb"), 2, "mix.strips.lead.reverb"),
        (("tracks",), "loud", "tracks"),
    ],
)
def test_a_plan_edited_badly_is_refused_by_path(path: tuple[str | int, ...], value: Any, field: str) -> None:
    edited: Any = json.loads(json.dumps(compose({"seed": 1}).to_dict()))
    spot = edited
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = value
    with pytest.raises(RequestError) as caught:
        plan_from_dict(edited)
    assert caught.value.field == field

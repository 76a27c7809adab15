import itertools
from typing import Any

import pytest

from music import form, harmony, melody, rhythm
from music.genres import GENRES
from music.harmony import Span
from music.plan import Note, Section
from music.request import Composition, resolve
from music.theory import Meter


def composed(
    **request: Any,
) -> tuple[Composition, tuple[Section, ...], tuple[Span, ...], tuple[Note, ...]]:
    wanted = resolve({"seed": 1, "duration": 90, **request})
    sections = form.sections(wanted)
    spans = harmony.progression(wanted, sections)
    return wanted, sections, spans, melody.tune(wanted, sections, spans)


def inside(section: Section, tune: tuple[Note, ...], beats: int) -> list[Note]:
    start = section.start_bar * beats
    return [note for note in tune if start - 0.2 <= note.start < start + section.bars * beats - 0.2]


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("signature", [2, 3, 4, 6])
def test_a_tune_is_one_voice_on_chord_tones_on_downbeats_and_ends_at_home(genre: str, signature: int) -> None:
    wanted, _, spans, tune = composed(genre=genre, time_signature=signature, duration=60)
    assert len(tune) > 8
    assert all(a.start + a.beats <= b.start + 1e-5 for a, b in itertools.pairwise(tune))
    for note in tune:
        if note.start % wanted.meter.beats == 0:
            assert note.pitch % 12 in harmony.at(spans, note.start + 0.01).tones.classes
    assert tune[-1].pitch % 12 == wanted.key.tonic
    assert all(55 <= note.pitch <= 92 for note in tune)


@pytest.mark.parametrize("genre", set(GENRES) - {"ambient", "techno"})
def test_the_hook_returns_as_it_was(genre: str) -> None:
    wanted, sections, _, tune = composed(genre=genre, duration=220)
    beats = wanted.meter.beats
    climaxes = [s for s in sections if s.kind in {"chorus", "drop"}]
    bars = min(s.bars for s in climaxes) - 2  # the last two lead on or come home
    hooks = [
        [(round(n.start - s.start_bar * beats, 4), n.pitch) for n in inside(s, tune, beats)
         if n.start - s.start_bar * beats < bars * beats - 0.2]
        for s in climaxes
    ]  # fmt: skip
    assert len(hooks) >= 2
    assert hooks[0]
    assert all(hook == hooks[0] for hook in hooks)


@pytest.mark.parametrize("genre", ["pop", "rock", "folk", "synthwave", "cinematic", "classical"])
def test_the_chorus_lies_above_the_verse(genre: str) -> None:
    for seed in range(3):
        wanted, sections, _, tune = composed(genre=genre, seed=seed, duration=120)
        heights = {}
        for kind in ("verse", "chorus"):
            notes = [n for s in sections if s.kind == kind for n in inside(s, tune, wanted.meter.beats)]
            heights[kind] = sum(n.pitch for n in notes) / len(notes) if notes else 0.0
        assert heights["chorus"] > heights["verse"]


@pytest.mark.parametrize("genre", ["pop", "lo-fi", "rock", "trap", "jazz"])
def test_phrases_breathe(genre: str) -> None:
    wanted, sections, _, tune = composed(genre=genre)
    for section in sections:
        if section.kind not in {"verse", "chorus", "drop"} or section.bars < 4:
            continue
        notes = inside(section, tune, wanted.meter.beats)
        gaps = [b.start - a.start - a.beats for a, b in itertools.pairwise(notes)]
        assert not notes or sum(gap >= 0.4 for gap in gaps) >= section.bars // 2 - 1


def test_tunes_mostly_step_and_seldom_leap_far() -> None:
    for genre in ("pop", "folk", "classical", "jazz", "rock"):
        _, _, _, tune = composed(genre=genre, duration=120)
        leaps = [abs(a.pitch - b.pitch) for a, b in itertools.pairwise(tune)]
        assert sum(leap <= 4 for leap in leaps) / len(leaps) > 0.6
        assert sum(leap > 12 for leap in leaps) / len(leaps) < 0.03


def test_the_genres_sing_differently() -> None:
    density = {}
    for genre in ("ambient", "classical", "jazz", "trap", "cinematic"):
        wanted, _, _, tune = composed(genre=genre, bpm=100, key="C", duration=120)
        density[genre] = len(tune) / wanted.bars
    assert density["ambient"] < 1.2
    assert density["ambient"] < density["cinematic"] < density["jazz"] < density["classical"]


def test_a_techno_riff_jumps_by_octaves() -> None:
    leaps = 0
    for seed in range(4):
        _, _, _, tune = composed(genre="techno", seed=seed)
        leaps += sum(abs(a.pitch - b.pitch) >= 10 for a, b in itertools.pairwise(tune))
    assert leaps > 20


def test_a_jazz_solo_runs_in_eighths_through_the_changes() -> None:
    wanted, sections, spans, tune = composed(genre="jazz", duration=120, bpm=140)
    solo = next(s for s in sections if s.kind == "bridge")
    notes = inside(solo, tune, 4)
    on_beat = [n for n in notes if n.start % 1 == 0]
    assert len(notes) / solo.bars > 4.5
    assert all(n.pitch % 12 in harmony.at(spans, n.start).tones.classes for n in on_beat)
    assert {round(n.start % 1, 2) for n in notes} >= {0.0, round(wanted.swing, 2)}


def test_a_given_tune_is_kept_to_the_note_and_harmonised() -> None:
    given = [{"start": i * 0.75, "beats": 0.5, "pitch": 60 + p, "velocity": 0.7} for i, p in enumerate((0, 4, 7, 5, 2))]
    wanted, _, spans, tune = composed(genre="lo-fi", key="C major", melody=given, swing=0.6)
    assert [(n.start, n.beats, n.pitch, n.velocity) for n in tune[:5]] == [
        (note["start"], note["beats"], note["pitch"], note["velocity"]) for note in given
    ]
    assert {n.pitch % 12 for n in wanted.melody[:3]} <= set(spans[0].tones.classes)


def test_a_given_tune_decides_the_chords_below_it() -> None:
    fits = 0
    for root in (0, 5, 7):  # a triad a bar, on I, IV and V
        given = [{"start": float(i), "beats": 1.0, "pitch": 60 + root + (0, 4, 7, 4)[i]} for i in range(4)]
        _, _, spans, _ = composed(genre="pop", key="C major", melody=given)
        fits += spans[0].tones.root == root
    assert fits == 3


def test_swing_delays_off_beats_and_leaves_beats_alone() -> None:
    swung = resolve({"genre": "jazz", "swing": 0.66, "seed": 1})
    assert [rhythm.swung(b, swung) for b in (2.0, 2.5, 3.0)] == pytest.approx([2.0, 2.66, 3.0])
    sixteenths = resolve({"genre": "lo-fi", "swing": 0.6, "seed": 1})
    assert [rhythm.swung(b, sixteenths) for b in (1.25, 1.5, 1.75)] == pytest.approx([1.3, 1.5, 1.8])
    for beat in (0.0, 0.25, 1.5, 3.75):
        assert rhythm.straight(rhythm.swung(beat, sixteenths) + 0.02, sixteenths) == beat


@pytest.mark.parametrize(
    ("signature", "starts"),
    [(4, [0.0, 1.5, 3.0]), (3, [0.0, 1.5]), (2, [0.0, 1.5, 3.0]), (6, [0.0, 1 + 2 / 3, 3.0])],
)
def test_a_pattern_falls_into_any_meter(signature: int, starts: list[float]) -> None:
    found = rhythm.strokes("x---..x-....x---", Meter(signature=signature))
    assert [stroke.start for stroke in found] == pytest.approx(starts)


def test_a_motif_that_falls_out_of_reach_is_brought_back() -> None:
    """Seed 21 asked for a tone more than an octave below the lowest."""
    _, _, _, tune = composed(genre="house", seed=21, duration=16)
    assert all(55 <= note.pitch <= 92 for note in tune)

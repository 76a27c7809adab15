from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from music import arrange, form, harmony, melody, orchestra
from music.arrange.patterns import COMPING
from music.genres import GENRES
from music.instruments import INSTRUMENTS
from music.plan import Section, Track
from music.request import Composition, resolve


def arranged(**request: Any) -> tuple[Composition, tuple[Section, ...], tuple[Track, ...]]:
    wanted = resolve({"seed": 1, "duration": 60, **request})
    sections = form.sections(wanted)
    spans = harmony.progression(wanted, sections)
    tune = melody.tune(wanted, sections, spans)
    return wanted, sections, arrange.tracks(wanted, sections, spans, tune)


def weight(kinds: set[str], sections: Sequence[Section], tracks: Sequence[Track], beats: int) -> float:
    """How much is played, and how hard, in a bar of these sections."""
    chosen = [s for s in sections if s.kind in kinds]
    total = 0.0
    for section in chosen:
        start, end = section.start_bar * beats, (section.start_bar + section.bars) * beats
        total += sum(n.velocity**2 * min(n.beats, 2) for t in tracks for n in t.notes if start <= n.start < end)
    return total / sum(s.bars for s in chosen)


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("signature", [3, 4, 6])
def test_everyone_plays_within_their_instrument_and_the_last_chord_rings(genre: str, signature: int) -> None:
    wanted, _, tracks = arranged(genre=genre, time_signature=signature)
    by_name = {track.name: track for track in tracks}
    assert {"chords", "lead", "pad"} <= set(by_name)
    for track in tracks:
        facts = INSTRUMENTS[track.instrument]
        assert all(facts.low <= note.pitch <= facts.high for note in track.notes)
        assert list(track.notes) == sorted(track.notes, key=lambda note: (note.start, note.pitch))
        assert all(0.0 < note.velocity <= 1.0 for note in track.notes)
    last = (wanted.bars - 1) * wanted.meter.beats
    final = [note for note in by_name["chords"].notes if note.start >= last - 1e-6]
    assert len({note.pitch % 12 for note in final}) >= 2
    assert all(note.start + note.beats >= last + wanted.meter.beats - 0.01 for note in final)


@pytest.mark.parametrize("genre", GENRES)
def test_the_chorus_is_fuller_than_the_verse_and_the_intro_thin(genre: str) -> None:
    for seed in range(2):
        wanted, sections, tracks = arranged(genre=genre, seed=seed, duration=120)
        beats = wanted.meter.beats
        chorus = weight({"chorus", "drop"}, sections, tracks, beats)
        assert chorus > 1.35 * weight({"verse"}, sections, tracks, beats)
        assert chorus > 1.7 * weight({"intro"}, sections, tracks, beats)


@pytest.mark.parametrize("genre", GENRES)
def test_who_was_asked_for_plays_and_who_was_refused_does_not(genre: str) -> None:
    asked = ["violin", "piano", "organ", "choir"]
    _, _, tracks = arranged(genre=genre, instruments=asked)
    assert set(asked) <= {track.instrument for track in tracks}
    usual = {track.instrument for track in arranged(genre=genre)[2]}
    for name in usual & {"piano", "stab", "strings", "bell", "power_guitar", "electric_piano"}:
        wanted = resolve({"seed": 1, "duration": 60, "genre": genre})
        without = orchestra.cast(_refusing(wanted, name))
        everyone = {*without.chords, *without.lead, *without.pad, without.runs, without.answer, without.support}
        assert name not in everyone


def _refusing(wanted: Composition, name: str) -> Composition:
    return replace(wanted, avoided=frozenset({name}))


def test_a_melody_alone_is_only_the_lead() -> None:
    _, _, tracks = arranged(genre="pop", mode="melody-only")
    assert [track.stem for track in tracks] == ["lead"]


def test_removing_a_player_changes_no_other() -> None:
    wanted, sections, _ = arranged(genre="pop")
    spans = harmony.progression(wanted, sections)
    tune = melody.tune(wanted, sections, spans)
    fewer = replace(wanted, stems=wanted.stems - {"pad", "drums", "bass"})
    assert arrange.tracks(fewer, sections, spans, tune) == arrange.tracks(wanted, sections, spans, tune)


def test_reggae_skanks_between_the_beats_and_house_stabs() -> None:
    for genre in ("reggae", "house"):
        _, sections, tracks = arranged(genre=genre, temperature=0, bpm=100)
        section = next(s for s in sections if s.kind == "verse")
        start, end = section.start_bar * 4, (section.start_bar + section.bars) * 4
        chords = [n.start for t in tracks if t.name == "chords" for n in t.notes if start <= n.start < end]
        assert chords
        assert sum(0.25 < beat % 1 < 0.9 for beat in chords) / len(chords) > 0.95


def test_rock_guitars_play_no_thirds() -> None:
    _wanted, _, tracks = arranged(genre="rock", key="E minor")
    guitar = next(track for track in tracks if track.instrument == "power_guitar")
    struck: dict[float, set[int]] = {}
    for note in guitar.notes:
        struck.setdefault(round(note.start, 2), set()).add(note.pitch)
    chords = [sorted(pitches) for pitches in struck.values() if len(pitches) > 2]
    assert chords
    assert all(chord[1] - chord[0] == 7 and chord[2] - chord[0] == 12 for chord in chords)


def test_pads_tie_what_stays() -> None:
    _, _, tracks = arranged(genre="ambient", duration=90)
    pad = next(track for track in tracks if track.name == "pad")
    assert max(note.beats for note in pad.notes) >= 8
    sounding: dict[int, float] = {}
    for note in pad.notes:
        assert note.start >= sounding.get(note.pitch, 0.0) - 1e-6
        sounding[note.pitch] = note.start + note.beats


def test_an_answer_waits_until_the_tune_rests() -> None:
    overlaps, answers = 0, 0
    for seed in range(6):
        _, _, tracks = arranged(genre="house", seed=seed, duration=120, energy=0.9)
        by_name = {track.name: track for track in tracks}
        if "answer" not in by_name:
            continue
        for answer in by_name["answer"].notes:
            answers += 1
            overlaps += any(n.start < answer.start < n.start + n.beats - 0.01 for n in by_name["lead"].notes)
    assert answers > 5
    assert overlaps == 0


@pytest.mark.parametrize("genre", GENRES)
def test_comping_patterns_are_whole_bars(genre: str) -> None:
    for options in (COMPING[genre].calm, COMPING[genre].usual, COMPING[genre].full):
        assert all(len(pattern.replace(" ", "")) % 16 == 0 for pattern in options)

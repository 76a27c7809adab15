from collections.abc import Sequence
from typing import Any

import pytest

from music import bass, form, groove, harmony, slides
from music.genres import GENRES
from music.harmony import Span
from music.instruments import INSTRUMENTS
from music.plan import Note, Section, Track
from music.request import Composition, resolve


def composed(
    *, with_kicks: bool = True, **request: Any
) -> tuple[Composition, tuple[Section, ...], tuple[Span, ...], Sequence[float], Track]:
    wanted = resolve({"seed": 1, "duration": 60, **request})
    sections = form.sections(wanted)
    spans = harmony.progression(wanted, sections)
    kicks = groove.kicks(groove.tracks(wanted, sections)) if with_kicks else ()
    return wanted, sections, spans, kicks, bass.line(wanted, sections, spans, kicks)


def notes_in(kinds: set[str], sections: Sequence[Section], track: Track, beats: int) -> list[Note]:
    spans = [(s.start_bar * beats, (s.start_bar + s.bars) * beats) for s in sections if s.kind in kinds]
    return [n for n in track.notes if any(start - 0.1 <= n.start < end - 0.1 for start, end in spans)]


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("signature", [2, 3, 4, 6])
def test_a_bass_is_one_low_voice_that_comes_home(genre: str, signature: int) -> None:
    wanted, _, _, _, track = composed(genre=genre, time_signature=signature)
    facts = INSTRUMENTS[track.instrument]
    assert (track.stem, facts.stem) == ("bass", "bass")
    assert all(facts.low <= note.pitch <= facts.high for note in track.notes)
    overlaps = 0.1 if genre not in slides.GENRES else 0.1 + slides.OVERLAP_SECONDS * wanted.bpm / 60
    assert all(a.start + a.beats <= b.start + overlaps for a, b in zip(track.notes, track.notes[1:], strict=False))
    assert track.notes[-1].pitch % 12 == wanted.key.tonic
    assert track.notes[-1].start == pytest.approx((wanted.bars - 1) * wanted.meter.beats, abs=0.1)


@pytest.mark.parametrize("genre", GENRES)
def test_most_of_what_a_bass_plays_belongs_to_the_chord(genre: str) -> None:
    _, _, spans, _, track = composed(genre=genre)
    total = sum(note.beats for note in track.notes)
    fits = sum(n.beats for n in track.notes if n.pitch % 12 in harmony.at(spans, n.start + 0.05).tones.classes)
    assert fits / total > (0.7 if genre == "jazz" else 0.85)


@pytest.mark.parametrize("genre", ["lo-fi", "boom bap", "trap", "pop", "rock", "funk", "drum and bass", "synthwave"])
def test_kick_and_bass_strike_together(genre: str) -> None:
    wanted, sections, _, kicks, track = composed(genre=genre, duration=90)
    starts = {note.start for note in track.notes}
    beats = wanted.meter.beats
    played = [s for s in sections if s.kind in {"verse", "chorus", "drop"}]
    kicks = [k for k in kicks if any(s.start_bar * beats <= k < (s.start_bar + s.bars) * beats - 0.1 for s in played)]
    assert len(kicks) > 10
    assert sum(round(kick, 6) in starts for kick in kicks) / len(kicks) > 0.7


def test_an_808_slides_into_some_of_its_notes_and_no_other_bass_does() -> None:
    def slid(**request: Any) -> list[Note]:
        wanted, _, _, _, track = composed(duration=120, **request)
        most = 0.7 * slides.OVERLAP_SECONDS * wanted.bpm / 60
        pairs = zip(track.notes, track.notes[1:], strict=False)
        return [b for a, b in pairs if a.start + a.beats - b.start >= most and a.pitch != b.pitch]

    assert 4 < len(slid(genre="trap")) < 40
    assert not slid(genre="drum and bass")
    assert not slid(genre="trap", instruments=["reese_bass"])


def test_a_house_bass_stays_between_the_kicks() -> None:
    _, sections, _, kicks, track = composed(genre="house", bpm=124, temperature=0)
    notes = notes_in({"verse", "drop"}, sections, track, 4)
    assert len(notes) > 20
    assert sum(min(abs(n.start - k) for k in kicks) > 0.2 for n in notes) / len(notes) > 0.9


def test_a_jazz_bass_walks_and_steps_into_the_next_root() -> None:
    _, sections, spans, _, track = composed(genre="jazz", bpm=120)
    notes = notes_in({"verse", "chorus"}, sections, track, 4)
    # Where the drummer strikes the kick too, both are a hair off the beat.
    beats = {round(note.start): note for note in notes if abs(note.start - round(note.start)) < 0.07}
    assert len(beats) >= 3.9 * sum(s.bars for s in sections if s.kind in {"verse", "chorus"})
    steps = [
        abs(beats[beat].pitch - beats[beat - 1].pitch)
        for beat in beats
        if beat % 4 == 0 and beat - 1 in beats
        if harmony.at(spans, beat).tones.root != harmony.at(spans, beat - 1).tones.root
    ]
    assert len(steps) > 5
    assert sum(step <= 2 for step in steps) / len(steps) > 0.8


def test_techno_rolls_ambient_holds() -> None:
    density = {}
    for genre in ("techno", "house", "ambient", "rock"):
        _wanted, sections, _, _, track = composed(genre=genre, bpm=100, duration=120)
        notes = notes_in({"verse", "chorus", "drop"}, sections, track, 4)
        density[genre] = len(notes) / sum(s.bars for s in sections if s.kind in {"verse", "chorus", "drop"})
    assert density["techno"] > density["house"] > 2
    assert density["rock"] > 4
    assert density["ambient"] <= 1


def test_a_slash_chord_puts_its_bass_below() -> None:
    _, _, _, _, track = composed(genre="cinematic", chords=["C", "G/B"], key="C major", with_kicks=False, duration=40)
    assert {note.pitch % 12 for note in track.notes if 4 <= note.start % 8 < 4.2} == {11}


def test_a_bass_that_was_asked_for_plays_and_one_that_is_not_wanted_does_not() -> None:
    assert composed(genre="lo-fi", instruments=["reese bass"])[-1].instrument == "reese_bass"
    for seed in range(4):
        assert composed(genre="trap", prompt="trap, no 808", seed=seed)[-1].instrument != "bass_808"

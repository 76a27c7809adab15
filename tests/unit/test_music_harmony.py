from itertools import pairwise
from typing import Any

import pytest

from music import form, harmony
from music.genres import GENRES
from music.harmony import Span, numerals
from music.harmony.progressions import HABITS
from music.plan import Section
from music.request import Composition, resolve
from music.theory import parse_key


def composed(**request: Any) -> tuple[Composition, tuple[Section, ...], tuple[Span, ...]]:
    wanted = resolve({"seed": 1, "duration": 90, **request})
    sections = form.sections(wanted)
    return wanted, sections, harmony.progression(wanted, sections)


def symbols_of(section: Section, spans: tuple[Span, ...], beats: int) -> list[str]:
    start = section.start_bar * beats
    return [span.tones.symbol for span in spans if start <= span.start < start + section.bars * beats]


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("mode", ["major", "minor"])
def test_every_written_progression_can_be_read_in_every_key(genre: str, mode: str) -> None:
    table = HABITS[genre].minor if mode == "minor" else HABITS[genre].major
    assert set(table) == {"verse", "prechorus", "chorus", "bridge"}
    assert all(len(options) >= 2 for options in table.values())
    for options in table.values():
        for phrase in options:
            for bar in phrase.split():
                for tonic in ("C", "F#", "Ab") if bar != "%" else ():
                    for numeral in bar.split(":"):
                        assert len(numerals.chord(numeral, parse_key(f"{tonic} {mode}"), 5).classes) >= 3


@pytest.mark.parametrize(
    ("key", "numeral", "symbol"),
    [
        ("C major", "V7/ii", "A7"),
        ("C major", "bVI", "Ab"),
        ("C major", "iv", "Fm"),
        ("A minor", "V", "E"),
        ("A minor", "VI", "F"),
        ("A minor", "bII", "Bb"),
        ("D major", "IV@1", "G/D"),
        ("F minor", "iiø7", "Gm7b5"),
    ],
)
def test_a_numeral_is_the_chord_that_musicians_mean(key: str, numeral: str, symbol: str) -> None:
    assert numerals.chord(numeral, parse_key(key)).symbol == symbol


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("signature", [3, 4, 6])
def test_chords_cover_the_piece_and_come_home(genre: str, signature: int) -> None:
    wanted, _, spans = composed(genre=genre, time_signature=signature)
    assert spans[0].start == 0
    assert all(before.end == pytest.approx(after.start) for before, after in pairwise(spans))
    assert spans[-1].end == wanted.bars * wanted.meter.beats
    assert spans[-1].tones.root == wanted.key.tonic
    assert all(52 <= pitch <= 76 for span in spans for pitch in span.pitches)


@pytest.mark.parametrize("genre", set(GENRES) - {"techno", "ambient"})
def test_a_minor_key_ends_with_a_dominant_that_has_its_leading_tone(genre: str) -> None:
    _wanted, _, spans = composed(genre=genre, key="E minor")
    assert spans[-2].tones.root == 11
    assert 3 in spans[-2].tones.classes
    assert spans[-1].tones.classes[:3] == (4, 7, 11)


@pytest.mark.parametrize("genre", GENRES)
def test_voices_move_little_and_outer_voices_not_in_fifths_or_octaves(genre: str) -> None:
    for seed in range(3):
        _, sections, spans = composed(genre=genre, seed=seed)
        starts = {section.start_bar * 4.0 for section in sections}
        for before, after in pairwise(spans):
            if len(before.pitches) != len(after.pitches):
                continue
            moves = [abs(a - b) for a, b in zip(before.pitches, after.pitches, strict=True)]
            # Where a section begins, the voices return to where that kind began before.
            assert sum(moves) / len(moves) <= (12 if after.start in starts else 4.5)
            outer = [(span.pitches[-1] - span.pitches[0]) % 12 for span in (before, after)]
            parallel = outer[0] == outer[1] and outer[0] in {0, 7} and before.pitches[0] != after.pitches[0]
            assert not parallel


@pytest.mark.parametrize("genre", GENRES)
def test_choruses_have_the_same_chords_and_verses_others(genre: str) -> None:
    differ = 0
    for seed in range(4):
        wanted, sections, spans = composed(genre=genre, seed=seed, duration=200)
        climaxes = [s for s in sections if s.kind in {"chorus", "drop"}]
        verses = [s for s in sections if s.kind == "verse"]
        found = [symbols_of(s, spans, wanted.meter.beats)[:4] for s in climaxes]
        assert all(chords == found[0] for chords in found)
        differ += symbols_of(verses[0], spans, wanted.meter.beats)[:4] != found[0]
    assert differ >= 2


def test_given_chords_are_kept_to_the_letter() -> None:
    _, _, spans = composed(chords=["Am", "F#m7b5", "C/E"], genre="pop", key="A minor")
    assert [span.tones.symbol for span in spans[:4]] == ["Am", "F#m7b5", "C/E", "Am"]
    assert spans[2].tones.lowest == 4


def test_jazz_plays_sevenths_and_two_five_ones() -> None:
    found = 0
    for seed in range(5):
        wanted, _, spans = composed(genre="jazz", key="C major", seed=seed)
        roots = [(span.tones.root - wanted.key.tonic) % 12 for span in spans]
        found += sum(roots[i : i + 3] == [2, 7, 0] for i in range(len(roots)))
        assert all(len(span.tones.classes) >= 4 for span in spans[:-1])
    assert found >= 5


def test_an_ambient_chord_lasts_longer_than_one_of_jazz() -> None:
    changes = {}
    for genre in ("ambient", "jazz"):
        _, _, spans = composed(genre=genre, bpm=80)
        changes[genre] = sum(a.tones.root != b.tones.root for a, b in pairwise(spans))
    assert changes["ambient"] * 2 < changes["jazz"]


def test_no_variation_takes_the_plainest_choice_and_a_seed_changes_it_otherwise() -> None:
    plain = {
        tuple(s.tones.symbol for s in composed(genre="pop", key="C", bpm=100, temperature=0, seed=n)[2])
        for n in range(4)
    }
    usual = {tuple(s.tones.symbol for s in composed(genre="pop", key="C", bpm=100, seed=n)[2]) for n in range(4)}
    assert len(plain) == 1
    assert len(usual) >= 3


def test_the_chord_of_a_moment_is_the_one_that_sounds() -> None:
    _, _, spans = composed(genre="pop")
    assert harmony.at(spans, 5.0) is spans[1]
    assert harmony.at(spans, spans[-1].end + 10) is spans[-1]
    assert [span.start for span in harmony.in_bar(spans, 8.0, 4.0)] == [8.0]

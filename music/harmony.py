"""Which chord sounds in which bar, and how its voices move there from the one before."""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np

from music.plan import Chord, Section
from music.styles import Phrases, Style, phrases_for
from music.theory import ChordTones, Key, chord_on

#: The keys stay between E3 and E flat 5: clear of the bass, below the melody's best notes.
LOWEST, HIGHEST, CENTRE = 52, 75, 62.5
DOMINANT = 4


def progression(sections: Sequence[Section], key: Key, style: Style, draw: np.random.Generator) -> list[ChordTones]:
    """One chord a bar. The last bar is the tonic, the one before it the dominant."""
    phrases = phrases_for(style, key.mode)
    phrase: Phrases = phrases[int(draw.integers(len(phrases)))]
    degrees = [degree for section in sections for degree in _degrees(section, phrase)]
    degrees[-1] = 0
    if len(degrees) > 2:
        degrees[-2] = DOMINANT
    return [_chord(degrees, bar, key, style.voices) for bar in range(len(degrees))]


def _degrees(section: Section, phrase: Phrases) -> list[int]:
    verse, chorus = phrase
    pattern = chorus if section.name in {"chorus", "bridge"} else verse
    return [pattern[bar % len(pattern)] for bar in range(section.bars)]


def _chord(degrees: Sequence[int], bar: int, key: Key, voices: int) -> ChordTones:
    degree = degrees[bar]
    last = bar == len(degrees) - 1
    # A minor key's own v has no leading tone; where it must pull home it borrows one.
    cadence = degree == DOMINANT and not last and degrees[bar + 1] == 0
    if last:
        # Home is a plain triad; its root is doubled where the style counts four voices.
        tonic = chord_on(key, 0, voices=3)
        return ChordTones(symbol=tonic.symbol, root=tonic.root, classes=(*tonic.classes, tonic.root)[:voices])
    return chord_on(key, degree, voices=voices, dominant=cadence)


def voice(chords: Sequence[ChordTones], beats_per_bar: int) -> tuple[Chord, ...]:
    """Place each chord so that its voices move as little as they can."""
    placed: list[Chord] = []
    previous: tuple[int, ...] | None = None
    for bar, chord in enumerate(chords):
        previous = min(_placements(chord), key=lambda pitches: _effort(pitches, previous))
        placed.append(
            Chord(
                start=float(bar * beats_per_bar),
                beats=float(beats_per_bar),
                symbol=chord.symbol,
                pitches=previous,
            )
        )
    return tuple(placed)


def _placements(chord: ChordTones) -> list[tuple[int, ...]]:
    """Every arrangement in range, lowest first, within a tenth and without two voices on one pitch."""
    octaves = [[p for p in range(LOWEST, HIGHEST + 1) if p % 12 == pitch_class] for pitch_class in chord.classes]
    arrangements = {tuple(sorted(pitches)) for pitches in product(*octaves)}
    return [
        pitches
        for pitches in sorted(arrangements)
        if len(set(pitches)) == len(pitches) and pitches[-1] - pitches[0] <= 16
    ]


def _effort(pitches: tuple[int, ...], previous: tuple[int, ...] | None) -> float:
    away = abs(sum(pitches) / len(pitches) - CENTRE)
    cluster = 3.0 * sum(b - a == 1 for a, b in pairwise(pitches))
    if previous is None or len(previous) != len(pitches):
        return away + cluster
    motion = sum(abs(a - b) for a, b in zip(pitches, previous, strict=True))
    return motion + 0.5 * away + cluster + 2.0 * _parallel_fifths(previous, pitches)


def _parallel_fifths(before: tuple[int, ...], after: tuple[int, ...]) -> int:
    moves = list(zip(before, after, strict=True))
    return sum(
        high - low == 7 and high_after - low_after == 7 and low != low_after
        for i, (low, low_after) in enumerate(moves)
        for high, high_after in moves[i + 1 :]
    )

"""Where the tones of a chord lie, so that each voice moves as little as it can from the chord before."""

from functools import lru_cache
from itertools import pairwise, product

from music.theory import ChordTones

#: The chords stay between E3 and E5: clear of the bass, below the melody's best notes.
LOWEST, HIGHEST, CENTRE = 52, 76, 62.5
WIDEST = 17
MOST_VOICES = 4
FIFTH = 7

Pitches = tuple[int, ...]


@lru_cache(maxsize=8192)
def place(tones: ChordTones, previous: Pitches | None, count: int) -> Pitches:
    """The voicing that is easiest to reach; a chord of fewer tones doubles its root to have `count` voices."""
    return min(_placements(_chosen(tones, count)), key=lambda pitches: _effort(pitches, previous))


def _chosen(tones: ChordTones, count: int) -> tuple[int, ...]:
    """The classes that are voiced: of five tones the fifth says least."""
    classes = tones.classes
    if len(classes) > MOST_VOICES:
        fifth = (tones.root + FIFTH) % 12
        classes = tuple(c for c in classes if c != fifth)[:MOST_VOICES]
    doubled = (tones.root, *classes[2:])
    return (*classes, *doubled[: max(0, count - len(classes))])


@lru_cache(maxsize=2048)
def _placements(classes: tuple[int, ...]) -> tuple[Pitches, ...]:
    """Every arrangement in range, lowest first, not too wide and without two voices on one pitch."""
    octaves = [[p for p in range(LOWEST, HIGHEST + 1) if p % 12 == pitch_class] for pitch_class in classes]
    arrangements = {tuple(sorted(pitches)) for pitches in product(*octaves) if len(set(pitches)) == len(pitches)}
    return tuple(pitches for pitches in sorted(arrangements) if pitches[-1] - pitches[0] <= WIDEST)


def _effort(pitches: Pitches, previous: Pitches | None) -> float:
    away = abs(sum(pitches) / len(pitches) - CENTRE)
    clusters = sum(b - a <= 2 for a, b in pairwise(pitches)) - 1
    # A semitone on top hides the melody of the chords; anywhere two seconds in a row are mud.
    rub = 4.0 * (pitches[-1] - pitches[-2] == 1) + 3.0 * max(clusters, 0) + 1.5 * (pitches[1] - pitches[0] == 1)
    if previous is None:
        return away + rub
    if len(previous) != len(pitches):
        motion = float(sum(min(abs(a - b) for b in previous) for a in pitches) + abs(pitches[-1] - previous[-1]))
        return motion + 0.5 * away + rub
    motion = float(sum(abs(a - b) for a, b in zip(pitches, previous, strict=True)))
    return motion + 0.8 * away + rub + 2.0 * _parallels(previous, pitches) + 9.0 * _outer_parallel(previous, pitches)


def _parallels(before: Pitches, after: Pitches) -> int:
    moves = list(zip(before, after, strict=True))
    return sum(
        high - low == FIFTH and high_after - low_after == FIFTH and low != low_after
        for i, (low, low_after) in enumerate(moves)
        for high, high_after in moves[i + 1 :]
    )


def _outer_parallel(before: Pitches, after: Pitches) -> bool:
    """Lowest and highest voice in fifths or octaves, moving together."""
    intervals = ((before[-1] - before[0]) % 12, (after[-1] - after[0]) % 12)
    return before[0] != after[0] and intervals[0] == intervals[1] and intervals[0] in {0, FIFTH}

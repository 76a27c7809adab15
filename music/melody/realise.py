"""Gives the tones of a motif their pitches over the chords: strong places take chord tones, weak ones walk."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from music import harmony, touch
from music.harmony import Span
from music.melody.feels import Feel
from music.melody.motif import Motif, Tone
from music.plan import Note, Section
from music.request import Composition
from music.theory import MODES, ChordTones, Key, nearest, passing_tones

LOWEST, HIGHEST = 57, 90
#: Degrees of the scales of five tones.
PENTATONIC = {"minor": (0, 2, 3, 4, 6), "major": (0, 1, 2, 4, 5)}
HARSH_LEAPS = frozenset({6, 10, 11})
#: Beats that stay empty at the end of a phrase, and how long its last note is at least.
BREATH, LAST_NOTE = 0.5, 1.0
#: From here on a note is held long enough to rub.
LONG = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a phrase stands: what it needs to know beside its motif."""

    start: float
    beats: float
    #: The pitch around which it lies.
    centre: float
    #: `home` and `half` choose the last note; `open` leaves it to the motif.
    ending: str


def phrase(
    motif: Motif, place: Place, section: Section, spans: Sequence[Span], wanted: Composition, feel: Feel
) -> list[Note]:
    tones = [tone for tone in motif if tone.start < place.beats - 0.25]
    steps = scale_pitches(wanted.key)
    anchor = _anchor(place, spans, steps)
    notes: list[Note] = []
    for i, tone in enumerate(tones):
        last = i == len(tones) - 1
        start = place.start + tone.start
        chord = harmony.at(spans, start + min(tone.beats, 2.0) / 2).tones
        target = steps[min(max(anchor + tone.step, 0), len(steps) - 1)]
        classes = _allowed(tone, last, chord, place, wanted, feel)
        before = notes[-1].pitch if notes else None
        moves = i > 0 and tone.step != tones[i - 1].step
        pitch = _reached(target, classes, before, moves=moves)
        end = tones[i + 1].start if not last else place.beats
        beats = _length(tone, end, last, place, feel)
        velocity = touch.level(section) + touch.lean(start, wanted.meter) + tone.accent + 0.006 * (pitch - place.centre)
        notes.append(Note(start=start, beats=beats, pitch=pitch, velocity=min(max(velocity, 0.1), 1.0)))
    return notes


@lru_cache(maxsize=64)
def scale_pitches(key: Key) -> tuple[int, ...]:
    return tuple(pitch for pitch in range(36, 109) if pitch % 12 in key.scale)


def _anchor(place: Place, spans: Sequence[Span], steps: Sequence[int]) -> int:
    """The step of the scale on which the motif stands: a tone of the first chord near the centre."""
    chord = harmony.at(spans, place.start).tones
    pitch = nearest(place.centre, chord.classes[:3], low=LOWEST, high=HIGHEST)
    return min(range(len(steps)), key=lambda i: abs(steps[i] - pitch))


def _allowed(
    tone: Tone, last: bool, chord: ChordTones, place: Place, wanted: Composition, feel: Feel
) -> tuple[int, ...]:
    tonic = wanted.key.tonic
    if last and place.ending == "home":
        return (tonic,) if tonic in chord.classes else chord.classes[:3]
    if last and place.ending == "half":
        return tuple(c for c in chord.classes[:3] if c != tonic)
    if strong(place.start + tone.start, tone.beats, wanted):
        return chord.classes[:4]
    walking = passing_tones(wanted.key, chord)
    if not feel.pentatonic:
        return walking
    scale = MODES[wanted.key.mode]
    five = {(tonic + scale[degree]) % 12 for degree in PENTATONIC[wanted.key.mode]}
    return tuple(c for c in walking if c in five or c in chord.classes)


def strong(start: float, beats: float, wanted: Composition) -> bool:
    """Downbeats, the middle of a bar of four, and whatever is held for long."""
    place = start % wanted.meter.beats
    return place < 1e-6 or (wanted.meter.beats == 4 and abs(place - 2) < 1e-6) or beats >= LONG


def _reached(target: float, classes: tuple[int, ...], before: int | None, *, moves: bool) -> int:
    """The allowed pitch closest to the target that can be sung from the one before."""

    def cost(pitch: int) -> tuple[float, int]:
        away = abs(pitch - target)
        if before is None:
            return away, pitch
        leap = abs(pitch - before)
        standing = 1.6 if leap == 0 and moves else 0.0
        return away + standing + 0.3 * max(0, leap - 5) + 3.0 * (leap in HARSH_LEAPS) + 6.0 * (leap > 12), pitch

    target = min(max(target, LOWEST), HIGHEST)
    low, high = max(LOWEST, int(target) - 12), min(HIGHEST, int(target) + 12)
    return min((pitch for pitch in range(low, high + 1) if pitch % 12 in classes), key=cost)


def _length(tone: Tone, end: float, last: bool, place: Place, feel: Feel) -> float:
    beats = min(tone.beats, end - tone.start) * feel.legato
    if last:
        beats = max(beats, LAST_NOTE if place.ending != "open" else 0.0)
    return max(min(beats, place.beats - BREATH - tone.start), 0.2)

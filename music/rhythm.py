"""Where things fall in time: written patterns become strokes in any meter, and straight positions become swung ones.

A pattern is text, a character each sixteenth of a 4/4 bar; spaces only help the eye. `x` strikes everything, `X`
harder, `o` softer, `b` the lowest voice, `u` all but it, a digit that voice; `-` holds what was struck, `.` is silence.
A bar of three leaves the last beat out, a bar of two is half of one of four, and a compound beat (6/8) takes the four
places of a beat to its three.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from music.plan import Note
from music.request import Composition
from music.theory import Meter

#: Genres whose sixteenths swing; everywhere else the eighths do.
SWUNG_SIXTEENTHS = frozenset({"lo-fi", "boom bap", "funk", "house"})
ACCENTS = {"X": 0.12, "o": -0.14}
#: Where the four places of a beat fall in a beat of three.
COMPOUND = (0.0, 1 / 3, 2 / 3, 2 / 3)
STEPS_PER_BEAT = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Stroke:
    #: In beats from where the pattern begins.
    start: float
    beats: float
    #: What is struck: `x`, `b`, `u` or a digit.
    what: str
    #: Added to the velocity.
    accent: float


@lru_cache(maxsize=1024)
def strokes(pattern: str, meter: Meter) -> tuple[Stroke, ...]:
    """The strokes of a pattern of whole bars, in order."""
    steps = pattern.replace(" ", "")
    read: list[Stroke] = []
    for place, symbol in enumerate(steps):
        start = _beat(place, meter)
        if symbol in "-." or start is None or (read and read[-1].start >= start - 1e-9):
            continue
        stop = place + 1
        while stop < len(steps) and steps[stop] == "-":
            stop += 1
        what = "x" if symbol in "xXo" else symbol
        beats = max(_end(stop, meter) - start, 0.2)
        read.append(Stroke(start=start, beats=beats, what=what, accent=ACCENTS.get(symbol, 0.0)))
    return tuple(read)


def steps_per_bar(meter: Meter) -> int:
    return 4 * STEPS_PER_BEAT if meter.beats > 2 else 2 * STEPS_PER_BEAT


def bars_of(pattern: str, meter: Meter) -> int:
    return max(1, len(pattern.replace(" ", "")) // steps_per_bar(meter))


@lru_cache(maxsize=4096)
def bar_strokes(pattern: str, bar: int, meter: Meter) -> tuple[Stroke, ...]:
    """What a pattern strikes in a bar of the piece, from the start of that bar; holds end with the bar."""
    size = steps_per_bar(meter)
    first = bar % bars_of(pattern, meter) * size
    return strokes(pattern.replace(" ", "")[first : first + size], meter)


def _beat(place: int, meter: Meter) -> float | None:
    bar, step = divmod(place, steps_per_bar(meter))
    beat, quarter = divmod(step, STEPS_PER_BEAT)
    if beat >= meter.beats:
        return None
    return bar * meter.beats + beat + (COMPOUND[quarter] if meter.divisions == 3 else quarter / STEPS_PER_BEAT)


def _end(place: int, meter: Meter) -> float:
    beat = _beat(place, meter)
    return (place // steps_per_bar(meter) + 1) * float(meter.beats) if beat is None else beat


def thin(found: tuple[Stroke, ...], wanted: Composition) -> tuple[Stroke, ...]:
    """Only what falls on eighths, where the tempo is too fast for sixteenths."""
    if wanted.bpm < 190 or wanted.meter.divisions == 3:
        return found
    return tuple(stroke for stroke in found if (stroke.start * 2) % 1 == 0)


def swung(start: float, wanted: Composition) -> float:
    """A straight position as it is played; what lies between moves in proportion."""
    if wanted.meter.divisions == 3 or wanted.swing == 0.5:
        return start
    unit = 0.5 if wanted.genre in SWUNG_SIXTEENTHS else 1.0
    whole, part = divmod(start / unit, 1.0)
    late = 2 * wanted.swing * part if part <= 0.5 else wanted.swing + 2 * (1 - wanted.swing) * (part - 0.5)
    return float((whole + late) * unit)


def straight(start: float, wanted: Composition) -> float:
    """The place in the beat, in sixteenths or thirds, that was meant by a played position."""
    places = (0.0, 1 / 3, 2 / 3, 1.0) if wanted.meter.divisions == 3 else (0.0, 0.25, 0.5, 0.75, 1.0)
    beat = int(start)
    return beat + min(places, key=lambda place: abs(swung(beat + place, wanted) - start))


def played(notes: Iterable[Note], wanted: Composition) -> tuple[Note, ...]:
    """Straight notes, both ends swung, in order, and none before the piece begins."""
    moved = [
        Note(
            start=round(max(swung(note.start, wanted), 0.0), 6),
            beats=round(max(swung(note.start + note.beats, wanted) - swung(note.start, wanted), 0.05), 6),
            pitch=note.pitch,
            velocity=round(min(max(note.velocity, 0.05), 1.0), 3),
        )
        for note in notes
    ]
    return tuple(sorted(moved, key=lambda note: (note.start, note.pitch)))


def in_order(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Notes that are swung already."""
    return tuple(sorted(notes, key=lambda note: (note.start, note.pitch)))

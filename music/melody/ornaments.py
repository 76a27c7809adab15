"""Small notes around the long ones: turns, mordents and grace notes. They never move the notes that they adorn."""

from collections.abc import Sequence

from music import harmony, seeds
from music.harmony import Span
from music.melody.feels import Feel
from music.plan import Note
from music.request import Composition
from music.theory import nearest, passing_tones

#: Shorter notes have no room.
SHORTEST = 0.9
GRACE = 0.125


def adorned(notes: Sequence[Note], spans: Sequence[Span], wanted: Composition, feel: Feel, name: str) -> list[Note]:
    """Draws by position in the section, so that what returns is adorned in the same way."""
    chance = feel.ornaments * wanted.variation
    if chance <= 0:
        return list(notes)
    draws = seeds.generator(wanted.seed, "compose", "melody", "ornaments", name).random((len(notes) + 1, 2))
    done: list[Note] = []
    for i, note in enumerate(notes):
        if note.beats < SHORTEST or draws[i][0] >= chance or (note.start * 4) % 1 > 1e-6:
            done.append(note)
        elif wanted.genre == "classical":
            done += _turned(note, spans, wanted, mordent=bool(draws[i][1] < 0.5))
        else:
            done += _graced(note, spans, wanted)
    return done


def _neighbour(note: Note, side: int, spans: Sequence[Span], wanted: Composition) -> int:
    classes = passing_tones(wanted.key, harmony.at(spans, note.start).tones)
    return nearest(note.pitch + 1.6 * side, classes, low=note.pitch - 12, high=note.pitch + 12)


def _turned(note: Note, spans: Sequence[Span], wanted: Composition, *, mordent: bool) -> list[Note]:
    """Main, upper, main; or upper and lower neighbours around the second half of the note."""
    upper, lower = (_neighbour(note, side, spans, wanted) for side in (1, -1))
    if mordent:
        return [
            _small(note, 0.0, GRACE, note.pitch),
            _small(note, GRACE, GRACE, upper),
            _small(note, 2 * GRACE, note.beats - 2 * GRACE, note.pitch),
        ]
    middle = round(note.beats / 2 * 4) / 4
    turn = (upper, note.pitch, lower)
    return [
        _small(note, 0.0, middle, note.pitch),
        *(_small(note, middle + i * GRACE, GRACE, pitch) for i, pitch in enumerate(turn)),
        _small(note, middle + 3 * GRACE, max(note.beats - middle - 3 * GRACE, 0.2), note.pitch),
    ]


def _graced(note: Note, spans: Sequence[Span], wanted: Composition) -> list[Note]:
    """A quick step into the note from below, just before it."""
    if note.start < GRACE:
        return [note]
    below = _neighbour(note, -1, spans, wanted)
    return [Note(start=note.start - GRACE, beats=GRACE, pitch=below, velocity=note.velocity * 0.7), note]


def _small(note: Note, after: float, beats: float, pitch: int) -> Note:
    return Note(start=note.start + after, beats=beats, pitch=pitch, velocity=note.velocity - (0.06 if after else 0.0))

"""Where a tune that was given sounds: once as it is, and again where the piece is long enough for it."""

from collections.abc import Sequence
from dataclasses import replace

from music.plan import Note, Section
from music.request import Composition

#: Sections that keep quiet, and so do without another round.
RESTING = frozenset({"intro", "breakdown", "outro"})


def placed(wanted: Composition, sections: Sequence[Section]) -> tuple[Note, ...]:
    """To the note; a further round begins on the bar line after the tune, and is left out where it would be cut off."""
    bar = float(wanted.meter.beats)
    length = max(note.start + note.beats for note in wanted.melody)
    period = max(1.0, -(-(length - 1e-6) // bar)) * bar
    notes = list(wanted.melody)
    at = period
    while at + period <= wanted.beats + 1e-6:
        if not _rests(at / bar, (at + period) / bar, sections):
            notes += [replace(note, start=round(at + note.start, 6)) for note in wanted.melody]
        at += period
    return tuple(notes)


def _rests(first_bar: float, end_bar: float, sections: Sequence[Section]) -> bool:
    return any(
        section.kind in RESTING and section.start_bar < end_bar and first_bar < section.start_bar + section.bars
        for section in sections
    )

"""Slides of a bass from note to note. They are written as they are played on a synthesizer: a note that overlaps the
next one slides into it (see `music.synth.performance`)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from music import seeds
from music.instruments import INSTRUMENTS
from music.plan import Note
from music.request import Composition

GENRES, PLAYERS = frozenset({"trap"}), frozenset({"bass_808"})
OVERLAP_SECONDS = 0.14
#: Notes that begin so soon after the one before, in beats, can be slid into.
JOINED = 0.1
#: Of moves to another pitch, how many slide. Of long notes at a turn, how many leap up an octave, for how many beats.
MOVES, LEAPS, LEAP_BEATS = 0.5, 0.35, 0.5
#: Such a turn is where a drummer would fill: every so many bars.
TURN_BARS = 2


def slid(notes: Sequence[Note], wanted: Composition, player: str) -> tuple[Note, ...]:
    """As they are where the genre or the player does not slide."""
    if wanted.genre not in GENRES or player not in PLAYERS:
        return tuple(notes)
    draw = seeds.generator(wanted.seed, "compose", "bass", "slides")
    overlap = OVERLAP_SECONDS * wanted.bpm / 60
    highest = INSTRUMENTS[player].high
    found: list[Note] = []
    for note, following in zip(notes, [*notes[1:], None], strict=True):
        moves, leaps = draw.random(2) < np.array((MOVES, LEAPS)) * (0.5 + 0.5 * wanted.variation)
        if following is None or following.start - note.start - note.beats >= JOINED:
            found.append(note)
        elif leaps and note.pitch + 12 <= highest and _turns(note, wanted):
            held = note.beats - LEAP_BEATS
            found.append(replace(note, beats=round(held + overlap, 6)))
            found.append(replace(note, start=round(note.start + held, 6), beats=LEAP_BEATS, pitch=note.pitch + 12))
        elif moves and following.pitch != note.pitch:
            found.append(replace(note, beats=round(following.start - note.start + overlap, 6)))
        else:
            found.append(note)
    return tuple(found)


def _turns(note: Note, wanted: Composition) -> bool:
    period = float(TURN_BARS * wanted.meter.beats)
    end = note.start + note.beats
    return note.beats >= 2 * LEAP_BEATS and abs(end - round(end / period) * period) < JOINED

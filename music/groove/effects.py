"""Effects around the seams of a piece: what rises into a chorus, strikes with it and falls after it; and crackle."""

from collections.abc import Sequence
from math import ceil

import numpy as np

from music import seeds
from music.groove.score import PEAKS, Place, groove_end, places
from music.plan import Note, Section, Track
from music.request import Composition

EFFECTS = ("riser", "sweep_down", "impact", "reverse_cymbal", "vinyl")
USUAL = {
    "lo-fi": ("vinyl", "reverse_cymbal"),
    "boom bap": ("vinyl",),
    "trap": ("riser", "impact", "reverse_cymbal"),
    "house": ("riser", "sweep_down", "impact", "reverse_cymbal"),
    "techno": ("riser", "sweep_down", "impact"),
    "drum and bass": ("riser", "sweep_down", "impact", "reverse_cymbal"),
    "synthwave": ("riser", "sweep_down", "impact", "reverse_cymbal"),
    "pop": ("riser", "sweep_down", "impact", "reverse_cymbal"),
    "rock": ("reverse_cymbal",),
    "funk": ("reverse_cymbal",),
    "reggae": ("sweep_down",),
    "cinematic": ("riser", "sweep_down", "impact", "reverse_cymbal"),
    "ambient": ("riser", "sweep_down", "reverse_cymbal"),
}
#: Effects have no pitch of their own.
PITCH = 60
LONGEST_RISE_SECONDS, LONGEST_FALL_SECONDS, REVERSE_SECONDS, IMPACT_SECONDS = 9.0, 5.0, 1.8, 3.0
#: After shorter sections the ear has not rested from the last one.
SOON_SECONDS = 12.0
#: A section that is so much louder than the one before is climbed to like a chorus.
STEP_UP = 0.15
QUIET = 0.35


def tracks(wanted: Composition, sections: Sequence[Section]) -> tuple[Track, ...]:
    """One for each effect that is heard."""
    asked = [name for name in EFFECTS if name in wanted.instruments]
    used = [name for name in EFFECTS if name in USUAL.get(wanted.genre, ()) or name in asked]
    made: list[Track] = []
    for name in used:
        if name in wanted.avoided:
            continue
        draw = seeds.generator(wanted.seed, "groove", "fx", name)
        notes = [note for place in places(wanted, sections) for note in _WRITERS[name](wanted, place, draw)]
        if name == "impact" and wanted.genre == "cinematic" and groove_end(wanted, sections) < wanted.bars:
            last = float(groove_end(wanted, sections) * wanted.meter.beats)
            notes.append(_note(wanted, last, IMPACT_SECONDS * wanted.bpm / 60.0, 0.5 + 0.3 * wanted.energy))
        heard = tuple(note for note in notes if note.start < wanted.beats)
        if heard:
            made.append(Track(name=name, stem="fx", instrument=name, notes=heard))
    return tuple(made)


def _note(wanted: Composition, start: float, beats: float, velocity: float) -> Note:
    return Note(
        start=round(start, 6),
        beats=round(min(beats, wanted.beats - start), 6),
        pitch=PITCH,
        velocity=round(min(max(velocity, 0.05), 1.0), 4),
    )


def _start(wanted: Composition, section: Section) -> float:
    return float(section.start_bar * wanted.meter.beats)


def _arrives(place: Place) -> bool:
    """Whether the section is one that is climbed to."""
    if place.before is None or place.kind == "outro" or place.bars == 0:
        return False
    climbed = place.energy >= place.before.energy + STEP_UP
    return climbed or (place.kind in PEAKS and place.before.kind not in PEAKS)


def _riser(wanted: Composition, place: Place, draw: np.random.Generator) -> list[Note]:
    luck = draw.random()
    if not _arrives(place) or place.before is None or place.energy < QUIET:
        return []
    bar = wanted.meter.beats
    bars = 4 if place.kind == "drop" or luck < 0.4 else 2
    bars = min(bars, place.before.bars)
    while bars > 1 and bars * bar * 60.0 / wanted.bpm > LONGEST_RISE_SECONDS:
        bars -= 1
    start = _start(wanted, place.section) - bars * bar
    return [_note(wanted, start, bars * bar, 0.3 + 0.5 * place.energy)]


def _sweep_down(wanted: Composition, place: Place, draw: np.random.Generator) -> list[Note]:
    luck = draw.random()
    into_calm = place.before is not None and place.kind in ("breakdown", "bridge") and place.before.kind in PEAKS
    if not into_calm and not (_arrives(place) and (place.energy >= 0.55 or luck < 0.5)):
        return []
    most = LONGEST_FALL_SECONDS * wanted.bpm / 60.0
    beats = min(2.0 * wanted.meter.beats, most, float(place.section.bars * wanted.meter.beats))
    return [_note(wanted, _start(wanted, place.section), beats, 0.22 + 0.35 * place.energy)]


def _impact(wanted: Composition, place: Place, draw: np.random.Generator) -> list[Note]:
    touch = 0.06 * draw.random()
    if not _arrives(place) or place.energy < 0.5:
        return []
    beats = IMPACT_SECONDS * wanted.bpm / 60.0
    return [_note(wanted, _start(wanted, place.section), beats, 0.35 + 0.5 * place.energy + touch)]


def _reverse_cymbal(wanted: Composition, place: Place, draw: np.random.Generator) -> list[Note]:
    """Ends where the section begins. Who also has a riser leaves it the great moments."""
    luck = draw.random()
    if place.before is None or place.kind == "outro" or place.bars == 0:
        return []
    lasted = place.before.bars * wanted.meter.beats * 60.0 / wanted.bpm
    if luck > (1.0 if _arrives(place) else 0.35) * min(lasted / SOON_SECONDS, 1.0):
        return []
    start = _start(wanted, place.section)
    beats = float(min(max(ceil(REVERSE_SECONDS * wanted.bpm / 60.0), 1), place.before.bars * wanted.meter.beats))
    return [_note(wanted, start - beats, beats, 0.25 + 0.4 * place.energy)]


def _vinyl(wanted: Composition, place: Place, draw: np.random.Generator) -> list[Note]:
    """Under everything, a note a section so that a render may begin at any."""
    start = _start(wanted, place.section)
    last = place.after is None
    beats = wanted.beats - start if last else float(place.section.bars * wanted.meter.beats)
    return [_note(wanted, start, beats, 0.2 + 0.04 * draw.random())] if beats > 0 else []


_WRITERS = {
    "riser": _riser,
    "sweep_down": _sweep_down,
    "impact": _impact,
    "reverse_cymbal": _reverse_cymbal,
    "vinyl": _vinyl,
}

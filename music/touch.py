"""How hard the players play: what a section's energy and kind make of a velocity, and where a bar leans."""

from music.plan import Section
from music.theory import Meter

#: A chorus is played out, an intro and a breakdown are held back, at whatever energy.
KINDS = {"chorus": 0.03, "drop": 0.04, "prechorus": 0.01, "intro": -0.03, "breakdown": -0.04, "outro": -0.02}
#: More players make more of a difference than harder hands do, so the hands keep theirs small.
SOFTEST, REACH = 0.42, 0.37


def level(section: Section) -> float:
    return SOFTEST + REACH * section.energy + KINDS.get(section.kind, 0.0)


def lean(start: float, meter: Meter) -> float:
    """The weight of a place in its bar: first the downbeat, then the beats, then what lies between."""
    place = start % meter.beats
    if place < 1e-6:
        return 0.06
    if abs(place - round(place)) < 1e-6:
        return 0.03 if meter.beats == 4 and round(place) == 2 else 0.01
    return -0.03

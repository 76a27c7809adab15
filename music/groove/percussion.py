"""The percussionist: comes in when there is energy enough, and has a part of its own."""

from collections.abc import Sequence

import numpy as np

from music import seeds
from music.groove import ornaments
from music.groove.feels import FEELS
from music.groove.notation import Pattern
from music.groove.patterns import PERCUSSION, alternatives
from music.groove.play import perform
from music.groove.score import PEAKS, Hit, Place, lay, loudness, pace, places, strike
from music.plan import Section, Track
from music.request import Composition

#: The energy of sections from which it plays at all and plays in full; asked for by name, it hardly waits.
ENTERS, FULL, ASKED = 0.32, 0.68, 0.1
#: Small instruments are struck harder than a kit for as much sound.
LIFT = 1.2


def plays(wanted: Composition, drums: bool) -> bool:
    return "percussion" not in wanted.avoided and (drums or asked(wanted))


def asked(wanted: Composition) -> bool:
    return "percussion" in wanted.asked_stems or "percussion" in wanted.instruments


def track(wanted: Composition, sections: Sequence[Section]) -> Track:
    draw = seeds.generator(wanted.seed, "groove", "percussion", "choice")
    chosen: dict[str, Pattern] = {}
    for part in ("verse", "full"):
        found = alternatives(PERCUSSION, wanted.genre, part, wanted.meter.signature)
        choice = int(draw.integers(max(len(found), 1)))
        if found:
            chosen[part] = found[choice]
    hits = [
        hit
        for place in places(wanted, sections)
        for hit in _section(
            wanted, chosen, place, seeds.generator(wanted.seed, "groove", "percussion", str(place.index))
        )
    ]
    hands = seeds.generator(wanted.seed, "groove", "percussion", "hands")
    notes = perform(hits, wanted, FEELS[wanted.genre], hands)
    return Track(name="percussion", stem="percussion", instrument="percussion", notes=notes)


def _section(wanted: Composition, chosen: dict[str, Pattern], place: Place, draw: np.random.Generator) -> list[Hit]:
    enters = ASKED if asked(wanted) else ENTERS
    full = place.energy >= FULL or (place.kind in PEAKS and place.energy >= 0.4)
    pattern = chosen.get("full" if full else "verse")
    if pattern is None or place.energy < enters:
        return []
    # An intro is joined half way.
    first = place.bars // 2 if place.kind == "intro" else 0
    hits: list[Hit] = []
    for bar in range(first, place.bars):
        start = float((place.section.start_bar + bar) * wanted.meter.beats)
        struck = strike(
            lay(pattern, wanted, bar, pace(wanted, FEELS[wanted.genre])),
            start=start,
            scale=LIFT * loudness(place.energy),
            energy=place.energy,
            variation=wanted.variation,
            draw=draw,
        )
        hits += ornaments.thinned(struck, wanted, draw)
    return hits

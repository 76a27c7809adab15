"""What ends a phrase and leads out of a section: which fill is played, and when it is a roll of many bars instead."""

import numpy as np

from music.groove import notation
from music.groove.feels import Feel
from music.groove.fills import FILLS, roll_times
from music.groove.notation import LEVELS, Pattern
from music.groove.score import PEAKS, Hit, Place, loudness
from music.instruments import CRASH, KICK
from music.plan import Section
from music.request import Composition

#: Below these energies there is no fill at all, only a small one, and no large one.
NO_FILL, SMALL_FILL, NO_LARGE_FILL = 0.12, 0.3, 0.42


def fill_for(place: Place, bar: int, wanted: Composition, feel: Feel, draw: np.random.Generator) -> Pattern | None:
    size = _size(place, bar, wanted, feel)
    luck, which = draw.random(2)
    if size is None or (size == "small" and bar < place.bars - 1 and luck < 0.12):
        return None
    known = FILLS[feel.fills, size]
    return known[int(which * len(known))]


def _size(place: Place, bar: int, wanted: Composition, feel: Feel) -> str | None:
    energy = place.energy
    # Two and six are half bars of four and twelve.
    phrase = 8 if wanted.meter.beats == 2 else feel.phrase
    if energy < NO_FILL or (place.kind == "outro" and bar >= place.bars // 2 and not wanted.loop):
        return None
    if bar == place.section.bars - 1:
        size = _leaving(place, wanted.loop)
    elif (bar + 1) % phrase == 0 and bar < place.bars - 1:
        size = "medium" if (bar + 1) % (2 * phrase) == 0 else "small"
    else:
        return None
    if energy < SMALL_FILL or place.section.bars == 1:
        return "small"
    return "medium" if size == "large" and (energy < NO_LARGE_FILL or place.section.bars < 3) else size


def _leaving(place: Place, loop: bool) -> str:
    after = place.after
    if after is None:
        return "medium" if loop else "small"
    if after.kind in PEAKS or after.energy > place.energy + 0.12:
        return "large"
    if after.kind == "breakdown":
        return "small"
    return "medium"


def with_fill(hits: list[Hit], fill: Pattern, wanted: Composition, start: float, scale: float) -> list[Hit]:
    """The fill's last beats in place of the bar's. The kick goes on under a fill that has none."""
    beats = wanted.meter.beats
    offset = beats - fill.beats
    steps = [step for step in notation.fill_steps(fill, wanted.meter.signature) if step.at + offset >= 0]
    first = min(step.at for step in steps) + offset
    has_kick = any(step.piece == KICK for step in steps)
    kept = [hit for hit in hits if hit.at < start + first - 1e-6 or (hit.piece == KICK and not has_kick)]
    length = max(beats - first, 0.25)
    return kept + [
        Hit(
            at=start + step.at + offset,
            piece=step.piece,
            level=LEVELS[step.mark] * scale * (0.85 + 0.2 * (step.at + offset - first) / length),
        )
        for step in steps
    ]


def build_bars(place: Place, feel: Feel, draw: np.random.Generator) -> int:
    """How many bars of the section's end are a roll."""
    luck = draw.random()
    if feel.roll is None or place.after is None or not climbs(place.section, place.after):
        return 0
    if place.after.kind == "drop":
        most = 4
    elif place.kind in ("prechorus", "breakdown"):
        most = 2
    else:
        most = 1 if luck < 0.35 else 0
    return min(most, place.bars // 2)


def climbs(section: Section, after: Section) -> bool:
    return after.kind in PEAKS and section.kind not in PEAKS and after.energy >= 0.5


def roll_into(
    hits: list[Hit], place: Place, wanted: Composition, feel: Feel, bars: int, draw: np.random.Generator
) -> list[Hit]:
    """A roll over the last bars that quickens and swells; the groove leaves in the last of them, and sometimes all hold
    their breath before the drop."""
    beats = wanted.meter.beats
    end = float((place.section.start_bar + place.bars) * beats)
    start = end - bars * beats
    breath = 1.0 / wanted.meter.divisions if bars > 1 and draw.random() < 0.5 else 0.0
    piece = feel.roll if feel.roll is not None else KICK
    top = loudness(place.after.energy if place.after else place.energy)
    alone = end - min(beats, bars * beats / 2)
    kept = [
        hit
        for hit in hits
        if hit.at < start or hit.piece == CRASH or (hit.at < alone and hit.piece not in (piece, KICK))
    ]
    rolling = [
        Hit(at=at, piece=piece, level=top * (0.32 + 0.66 * done) * (1.0 if i % 2 == 0 else 0.86))
        for i, (at, done) in enumerate(roll_times(start, end - start, wanted.meter.divisions))
        if at < end - breath - 1e-6
    ]
    quarters = [Hit(at=start + i, piece=KICK, level=0.8 * top) for i in range(int(alone - start))]
    return [*kept, *quarters, *rolling]

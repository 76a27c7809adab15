"""What drummers and percussionists share: where a bar stands in the piece, and a pattern's bar laid out in it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from music.groove import notation
from music.groove.feels import Feel
from music.groove.notation import DRAWN, DRAWN_GHOST, GHOST, LEVELS, Pattern, Step
from music.plan import Section
from music.request import Composition

#: Kinds that a piece climbs to.
PEAKS = frozenset({"chorus", "drop"})
#: Below it ghost notes would only be noise.
GHOST_ENERGY = 0.2


class Hit(NamedTuple):
    #: In beats from the start of the piece, unswung.
    at: float
    piece: int
    level: float
    #: Does not swing.
    straight: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A section in the piece."""

    section: Section
    before: Section | None
    after: Section | None
    index: int
    #: How many of its kind went before.
    returns: int
    #: Bars in which there is a groove: all but the piece's last one, which is one closing hit.
    bars: int

    @property
    def energy(self) -> float:
        return self.section.energy

    @property
    def kind(self) -> str:
        return self.section.kind


def places(wanted: Composition, sections: Sequence[Section]) -> Iterator[Place]:
    counted: dict[str, int] = {}
    end = groove_end(wanted, sections)
    for i, section in enumerate(sections):
        yield Place(
            section=section,
            before=sections[i - 1] if i else None,
            after=sections[i + 1] if i + 1 < len(sections) else None,
            index=i,
            returns=counted.get(section.kind, 0),
            bars=min(section.bars, end - section.start_bar),
        )
        counted[section.kind] = counted.get(section.kind, 0) + 1


def groove_end(wanted: Composition, sections: Sequence[Section]) -> int:
    """The first bar without a groove. What loops, or is a single bar, has none."""
    bars = min(wanted.bars, sections[-1].start_bar + sections[-1].bars)
    return bars if wanted.loop or bars == 1 else bars - 1


def pace(wanted: Composition, feel: Feel) -> float:
    """Bars of a pattern in a bar of the piece."""
    if wanted.bpm < feel.doubles_below:
        return 2.0
    return 0.5 if wanted.bpm > feel.halves_above else 1.0


def lay(pattern: Pattern, wanted: Composition, bar: int, bars_in_one: float) -> list[Step]:
    """The pattern's steps in a bar of the piece, counted from the start of its section."""
    signature, beats = wanted.meter.signature, wanted.meter.beats
    if bars_in_one == 2.0:
        pair = (notation.steps(pattern, signature, 2 * bar), notation.steps(pattern, signature, 2 * bar + 1))
        return [step._replace(at=(step.at + beats * i) / 2) for i, half in enumerate(pair) for step in half]
    if bars_in_one == 0.5:
        start = beats / 2 * (bar % 2)
        whole = notation.steps(pattern, signature, bar // 2)
        return [step._replace(at=2 * (step.at - start)) for step in whole if start <= step.at < start + beats / 2]
    return list(notation.steps(pattern, signature, bar))


def strike(
    steps: Sequence[Step], *, start: float, scale: float, energy: float, variation: float, draw: np.random.Generator
) -> list[Hit]:
    """The steps that are played this time. Ornaments come with energy, and with the variation wished for."""
    freedom = 0.5 + 0.5 * variation
    chances = {
        DRAWN: min((0.12 + 0.45 * energy) * freedom, 0.9),
        DRAWN_GHOST: min((0.15 + 0.45 * energy) * freedom, 0.9),
        GHOST: 1.0 if energy >= GHOST_ENERGY else 0.0,
    }
    luck = draw.random(len(steps))
    return [
        Hit(at=start + step.at, piece=step.piece, level=LEVELS[step.mark] * scale)
        for step, drawn in zip(steps, luck, strict=True)
        if drawn < chances.get(step.mark, 1.0)
    ]


def loudness(energy: float) -> float:
    return 0.58 + 0.42 * energy

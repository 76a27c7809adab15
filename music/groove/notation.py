"""How rhythms are written down, and how one written in four is played in two, three and six.

A rhythm is text: a line a piece of the kit, a letter a step, a space between beats, a bar line between bars. What it
means for time and touch is said by `play`; which rhythm is played where, by `drums` and `percussion`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from music import instruments as kit

PIECES = {
    "kick": kit.KICK,
    "rim": kit.RIM,
    "snare": kit.SNARE,
    "clap": kit.CLAP,
    "hat": kit.CLOSED_HAT,
    "pedal": kit.PEDAL_HAT,
    "open": kit.OPEN_HAT,
    "low": kit.LOW_TOM,
    "mid": kit.MID_TOM,
    "high": kit.HIGH_TOM,
    "crash": kit.CRASH,
    "ride": kit.RIDE,
    "bell": kit.RIDE_BELL,
    "tambourine": kit.TAMBOURINE,
    "cowbell": kit.COWBELL,
    "shaker": kit.SHAKER,
    "claves": kit.CLAVES,
    "triangle": kit.TRIANGLE,
    "bongo": kit.HIGH_BONGO,
    "bongo_low": kit.LOW_BONGO,
    "conga_mute": kit.MUTE_CONGA,
    "conga": kit.HIGH_CONGA,
    "conga_low": kit.LOW_CONGA,
}
REST, GHOST, DRAWN, DRAWN_GHOST = ".", "g", "+", ","
#: How hard each mark is struck. The drawn ones are ornaments: they are played in some bars only.
LEVELS = {"X": 1.0, "x": 0.8, "o": 0.58, GHOST: 0.3, DRAWN: 0.7, DRAWN_GHOST: 0.28}
TIMEKEEPERS = frozenset({kit.CLOSED_HAT, kit.RIDE, kit.SHAKER, kit.TAMBOURINE})
BACKBEATS = (kit.SNARE, kit.CLAP, kit.RIM)
STEPS, STEPS_OF_SIX = 4, 6
#: Where the four sixteenths of a beat fall among the six of a dotted one: the off-beat becomes the last eighth.
SIXTHS = (0, 2, 4, 5)


class Step(NamedTuple):
    #: In beats from the start of the bar, unswung.
    at: float
    piece: int
    mark: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """A groove of one or more bars, or a fill of some beats. Lanes of fewer bars than others are repeated."""

    owner: str
    part: str
    name: str
    #: The time signature that it is written in.
    signature: int = 4
    lanes: tuple[tuple[int, tuple[str, ...]], ...]

    @property
    def beats(self) -> int:
        """Of a bar, or of the fill."""
        steps = STEPS_OF_SIX if self.signature == 6 else STEPS
        return len(self.lanes[0][1][0]) // steps


def read(text: str) -> tuple[Pattern, ...]:
    """Patterns in the order in which they stand. A heading is `owner part: name`, or `owner part in 3: name` for one
    that is written in another meter than four; lanes are indented under it."""
    patterns: list[Pattern] = []
    heading, lanes = "", list[tuple[int, tuple[str, ...]]]()
    for line in [*text.strip().splitlines(), "end:"]:
        if line.startswith(" "):
            piece, _, bars = line.strip().partition(" ")
            lanes.append((PIECES[piece], tuple(bar.replace(" ", "") for bar in bars.split("|"))))
        elif line.strip():
            if heading:
                patterns.append(_pattern(heading, lanes))
            heading, lanes = line, []
    return tuple(patterns)


def _pattern(heading: str, lanes: list[tuple[int, tuple[str, ...]]]) -> Pattern:
    title, _, name = heading.partition(":")
    title, _, signature = title.partition(" in ")
    owner, _, part = title.rpartition(" ")
    if len({len(bar) for _, bars in lanes for bar in bars}) != 1:
        raise ValueError(f"the bars of {heading!r} are not equally long")
    return Pattern(owner=owner, part=part, name=name.strip(), signature=int(signature or 4), lanes=tuple(lanes))


Lanes = tuple[tuple[int, tuple[str, ...]], ...]


@lru_cache(maxsize=1024)
def steps(groove: Pattern, signature: int, bar: int) -> tuple[Step, ...]:
    """What stands in a bar of `groove` played in `signature`. Bars are counted on and on."""
    return _steps(groove.lanes if groove.signature == signature else _derived(groove, signature), signature, bar)


@lru_cache(maxsize=512)
def fill_steps(fill: Pattern, signature: int) -> tuple[Step, ...]:
    """A fill has beats but no bars, so that it fits every meter; in six its beats fall in three."""
    lanes = _each(fill, lambda piece, bar: [_in_six(piece, bar)]) if signature == 6 else fill.lanes
    return _steps(lanes, signature, 0)


def _steps(lanes: Lanes, signature: int, bar: int) -> tuple[Step, ...]:
    fine = STEPS_OF_SIX if signature == 6 else STEPS
    return tuple(
        Step(at=i / fine, piece=piece, mark=mark)
        for piece, bars in lanes
        for i, mark in enumerate(bars[bar % len(bars)])
        if mark != REST
    )


@lru_cache(maxsize=512)
def _derived(groove: Pattern, signature: int) -> Lanes:
    """Two is four with a bar line in its middle; three leaves a beat out; six is two with beats of three."""
    if signature == 3:
        kept = _beats_of_three(groove)
        return _each(groove, lambda piece, bar: ["".join(bar[STEPS * i : STEPS * (i + 1)] for i in kept)])
    if signature == 2:
        return _each(groove, lambda piece, bar: _halves(bar))
    return _each(groove, lambda piece, bar: [_in_six(piece, half) for half in _halves(bar)])


def _halves(bar: str) -> list[str]:
    return [bar[: 2 * STEPS], bar[2 * STEPS :]]


def _each(pattern: Pattern, change: Callable[[int, str], list[str]]) -> Lanes:
    return tuple((piece, tuple(new for bar in bars for new in change(piece, bar))) for piece, bars in pattern.lanes)


def _beats_of_three(groove: Pattern) -> tuple[int, int, int]:
    """The bar of three ends on its backbeat, whether four had it on the last beat or, at half time, on the third."""
    backbeats = [bar for piece, bars in groove.lanes if piece in BACKBEATS for bar in bars]
    struck = {step for bar in backbeats for step in (4, 8, 12) if bar[step] in "Xx"}
    return (0, 1, 2) if struck == {8} else (0, 2, 3)


def _in_six(piece: int, bar: str) -> str:
    beats = [bar[i : i + STEPS] for i in range(0, len(bar), STEPS)]
    return "".join(_beat_of_six(piece, beat) for beat in beats)


def _beat_of_six(piece: int, beat: str) -> str:
    out = [REST] * STEPS_OF_SIX
    for step, mark in zip(SIXTHS, beat, strict=True):
        out[step] = mark
    if piece in TIMEKEEPERS and beat[0] != REST and beat[2] != REST and beat[1] == REST:
        # Who beat two eighths now beats three.
        out[2] = min(beat[0], beat[2], key=lambda mark: LEVELS[mark])
    return "".join(out)

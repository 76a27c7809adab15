"""The form: which sections follow each other, how long each is, and how the energy moves through them.

A form is chosen from those that a genre usually has, the richest that fits, and stretched to the bar. A structure that
the caller gives is followed instead.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from music.plan import Section
from music.request import Composition

KINDS = {
    "i": "intro",
    "v": "verse",
    "p": "prechorus",
    "c": "chorus",
    "b": "bridge",
    "k": "breakdown",
    "d": "drop",
    "o": "outro",
}
CLIMAXES = ("chorus", "drop")
#: Below this there is no room for two sections that differ.
SHORTEST_FORM = 8
SHORTEST_SECTION = 4
LONGEST_SECTION = 16
LONGEST_OUTRO = 8
#: Which sections are doubled first when there are bars left over; of several of a kind the last.
GROWTH = ("chorus", "drop", "verse", "bridge", "breakdown", "intro", "outro", "prechorus")
#: Where a kind stands between the verse (0) and the chorus (1).
HEIGHTS = {
    "intro": -0.45,
    "verse": 0.0,
    "prechorus": 0.45,
    "chorus": 1.0,
    "bridge": 0.15,
    "breakdown": -0.5,
    "drop": 1.1,
    "outro": -0.5,
}
#: How much each return of a kind adds, so that the last chorus is the highest.
RETURN = 0.08
MOST_RETURNS = 3

Slot = tuple[str, int]

#: A rest for the ears before every third repetition.
INTERLUDE: Slot = ("breakdown", 8)


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    #: From short to rich. A letter is a kind, the number behind it its bars.
    forms: tuple[str, ...]
    #: What a long piece repeats, before its last climax.
    cycle: str
    labels: dict[str, str] = field(default_factory=dict)
    heights: dict[str, float] = field(default_factory=dict)


SONG = Family(
    forms=(
        "v4 c4",
        "v4 c8 o1",
        "i2 v4 c8 o1",
        "i2 v8 c8 o1",
        "i4 v8 c8 o2",
        "i4 v4 c4 v4 c8 o2",
        "i4 v8 c8 v4 c8 o2",
        "i4 v8 p4 c8 v8 c8 o2",
        "i4 v8 p4 c8 v8 p4 c8 o4",
        "i4 v8 p4 c8 v8 p4 c8 b8 c8 o4",
        "i4 v16 p4 c8 v8 p4 c8 b8 c16 o4",
        "i8 v16 p4 c16 v16 p4 c16 b8 c16 o8",
    ),
    cycle="v8 p4 c8",
)
#: Bands that play two strains and a middle eight, with no climb between them.
BAND = Family(
    forms=(
        "v4 c4",
        "v4 c8 o1",
        "i2 v4 c8 o1",
        "i4 v8 c8 o2",
        "i4 v8 c8 v4 c8 o2",
        "i4 v8 c8 v8 c8 o4",
        "i4 v8 c8 v8 c8 b8 c8 o4",
        "i8 v16 c8 v16 c8 b8 c16 o8",
    ),
    cycle="v8 c8",
)
BEATS = Family(
    forms=(
        "v4 c4",
        "i2 v4 c4 o2",
        "i2 v4 c8 o1",
        "i4 v8 c8 o2",
        "i4 v8 c4 v8 c4 o4",
        "i4 v8 c8 v8 c8 o4",
        "i4 v8 c8 v8 c8 k4 c8 o4",
        "i4 v16 c8 v16 c8 k8 c8 o4",
    ),
    cycle="v16 c8",
    labels={"chorus": "hook"},
)
TRAP = Family(
    forms=(
        "v4 d4",
        "v4 d8 o1",
        "i2 v4 d8 o1",
        "i2 v4 p2 d8 o1",
        "i4 v8 d8 o2",
        "i4 v8 p4 d8 o4",
        "i4 v8 d8 v8 d8 o4",
        "i4 v8 p4 d8 v8 k4 d8 o4",
        "i4 v16 p4 d8 v8 p4 d8 k8 d16 o4",
    ),
    cycle="v16 p4 d8",
    labels={"prechorus": "build"},
)
CLUB = Family(
    forms=(
        "v4 d4",
        "v4 d8",
        "i2 v4 d8 o1",
        "v4 k4 d8",
        "i2 v4 k4 d8 o2",
        "i4 v4 k4 d8 o4",
        "i4 v8 k4 p4 d8 o4",
        "i4 v8 k4 p4 d8 v4 d8 o4",
        "i8 v8 k4 p4 d8 v8 p4 d8 o8",
        "i8 v8 k8 p4 d16 v8 k4 p4 d16 o8",
        "i16 v16 k8 p8 d16 v16 k8 p8 d16 o16",
    ),
    cycle="v16 k8 p8 d16",
    labels={"verse": "groove", "prechorus": "build"},
)
JAZZ = Family(
    forms=(
        "v4 c4",
        "v4 c8 o1",
        "i2 v4 c8 o1",
        "i4 v8 c8 o2",
        "i4 v8 c8 v8 o4",
        "i4 v8 c8 b8 c8 o4",
        "i4 v8 c8 b8 v8 c8 o4",
        "i4 v8 c8 b16 v8 c8 o4",
        "i4 v8 c8 b16 c8 b16 v8 c8 o4",
        "i8 v16 c8 v8 b16 c8 b16 c8 v16 c8 o8",
    ),
    cycle="b16 c8",
    labels={"verse": "head", "bridge": "solo"},
    heights={"bridge": 0.55},
)
ARC = Family(
    forms=(
        "v4 c4",
        "v4 c4 o2",
        "i2 v4 c4 o2",
        "i2 v4 p2 c4 o3",
        "i4 v4 p4 c4 o4",
        "i4 v8 p4 c8 o4",
        "i4 v8 p8 c8 o8",
        "i8 v8 p8 c8 k4 c8 o8",
        "i8 v16 p8 c16 k8 p8 c16 o8",
    ),
    cycle="k8 v8 p8 c16",
    labels={"verse": "theme", "prechorus": "rise", "chorus": "peak", "breakdown": "calm"},
    heights={"intro": -0.6, "outro": -0.6, "prechorus": 0.55},
)
CLASSICAL = Family(
    forms=(
        "v4 c4",
        "v4 c8 o1",
        "v8 c8 o2",
        "v8 c8 v8 o2",
        "i4 v8 c8 v8 c8 o4",
        "i4 v8 c8 b8 v8 c8 o4",
        "i4 v16 c8 v8 b8 v8 c16 o4",
        "i4 v16 c8 v8 b16 v16 c16 o8",
    ),
    cycle="b8 v8 c8",
    labels={"verse": "theme", "chorus": "refrain", "bridge": "development"},
    heights={"bridge": 0.4},
)
FAMILIES = {
    "lo-fi": BEATS,
    "boom bap": BEATS,
    "trap": TRAP,
    "house": CLUB,
    "techno": CLUB,
    "drum and bass": CLUB,
    "synthwave": SONG,
    "pop": SONG,
    "rock": SONG,
    "funk": BAND,
    "reggae": BAND,
    "folk": BAND,
    "jazz": JAZZ,
    "classical": CLASSICAL,
    "cinematic": ARC,
    "ambient": ARC,
}


def sections(wanted: Composition) -> tuple[Section, ...]:
    """Covers exactly `wanted.bars` bars; the last section rings until the piece is over."""
    family = FAMILIES.get(wanted.genre, SONG)
    if wanted.structure:
        slots = _given(wanted)
    else:
        slots = [(kind, bars, None) for kind, bars in _chosen(family, wanted.bars, loop=wanted.loop)]
    kinds = [kind for kind, _, _ in slots]
    names = _names(kinds, family)
    curve = _energies(kinds, family, wanted.energy)
    starts = accumulate((bars for _, bars, _ in slots), initial=0)
    return tuple(
        Section(name=name, kind=kind, start_bar=start, bars=bars, energy=round(usual if asked is None else asked, 3))
        for name, (kind, bars, asked), start, usual in zip(names, slots, starts, curve, strict=False)
    )


def _given(wanted: Composition) -> list[tuple[str, int, float | None]]:
    """The caller's sections, cut where the piece ends; too few are repeated, but for the intro and the outro."""
    slots = list(wanted.structure)
    missing = wanted.bars - sum(bars for _, bars, _ in slots)
    tail = [slots.pop()] if missing > 0 and len(slots) > 1 and slots[-1][0] == "outro" else []
    body = [slot for slot in slots if slot[0] != "intro"] or slots
    while missing > 0:
        for kind, bars, energy in body:
            if 0 < missing < SHORTEST_SECTION:
                # Too little for a section of its own.
                last = slots[-1]
                slots[-1] = (last[0], last[1] + missing, last[2])
            elif missing > 0:
                slots.append((kind, min(bars, missing), energy))
            missing -= bars
    kept: list[tuple[str, int, float | None]] = []
    room = wanted.bars
    for kind, bars, energy in slots + tail:
        if room > 0:
            kept.append((kind, min(bars, room), energy))
        room -= bars
    return kept


def _chosen(family: Family, bars: int, *, loop: bool) -> list[Slot]:
    """The richest form that fits, with whole cycles put in and sections doubled while they fit."""
    # A loop of one phrase or two is heard over and over: a change inside it would tire.
    if bars < SHORTEST_FORM or (loop and bars <= SHORTEST_FORM):
        return [(_climax(family), bars)]
    forms = [_read(form, loop=loop) for form in family.forms]
    slots = max((form for form in forms if _total(form) <= bars), key=_total)
    cycle = _read(family.cycle, loop=loop)
    # A short form is not repeated but gives way to a richer one, up to the richest of all.
    rounds = 0
    while len(slots) > 4 and bars - _total(slots) >= _total(cycle):
        rounds += 1
        room = bars - _total(slots) - _total(cycle)
        rest = [INTERLUDE] if rounds % 3 == 0 and room >= INTERLUDE[1] and INTERLUDE[0] != cycle[0][0] else []
        at = _before_last_climax(slots)
        slots = [*slots[:at], *rest, *cycle, *slots[at:]]
    slots = _grown(slots, bars)
    return _with_rest(slots, bars - _total(slots), loop=loop)


def _read(form: str, *, loop: bool) -> list[Slot]:
    slots = [(KINDS[token[0]], int(token[1:])) for token in form.split()]
    return [slot for slot in slots if not (loop and slot[0] in {"intro", "outro"})]


def _total(slots: Sequence[Slot]) -> int:
    return sum(bars for _, bars in slots)


def _climax(family: Family) -> str:
    return "drop" if "d" in family.forms[0] else "chorus"


def _before_last_climax(slots: Sequence[Slot]) -> int:
    """Where a cycle goes in: behind the second-last climax, so that bridge or breakdown still lead to the last one."""
    climaxes = [i for i, (kind, _) in enumerate(slots) if kind in CLIMAXES]
    return climaxes[-2] + 1 if len(climaxes) > 1 else climaxes[-1] + 1


def _grown(slots: list[Slot], bars: int) -> list[Slot]:
    grown = list(slots)
    for kind in GROWTH:
        for i in reversed(range(len(grown))):
            size = grown[i][1]
            longest = LONGEST_OUTRO if kind in {"intro", "outro"} else LONGEST_SECTION
            if grown[i][0] == kind and 4 <= size <= longest // 2 and size <= bars - _total(grown):
                grown[i] = (kind, 2 * size)
    return grown


def _with_rest(slots: list[Slot], rest: int, *, loop: bool) -> list[Slot]:
    """What no section could take: four bars lead to the last climax, what is less goes to the end, where it rings."""
    if rest >= 4:
        whole = rest - rest % 4
        slots, rest = _led_to_climax(slots, whole), rest - whole
    if rest == 0:
        return slots
    kind, bars = slots[-1]
    # A loop has no outro: it ends as it goes on.
    if kind == "outro" or loop:
        return [*slots[:-1], (kind, bars + rest)]
    return [*slots, ("outro", rest)]


def _led_to_climax(slots: Sequence[Slot], bars: int) -> list[Slot]:
    at = max(i for i, (kind, _) in enumerate(slots) if kind in CLIMAXES)
    if at > 0 and slots[at - 1][0] == "prechorus":
        return [*slots[: at - 1], ("breakdown", bars), *slots[at - 1 :]]
    return [*slots[:at], ("prechorus", bars), *slots[at:]]


def _names(kinds: Sequence[str], family: Family) -> list[str]:
    """`chorus 2` where there are several, `bridge` where there is one."""
    totals = Counter(kinds)
    seen: Counter[str] = Counter()
    names = []
    for kind in kinds:
        seen[kind] += 1
        label = family.labels.get(kind, kind)
        names.append(f"{label} {seen[kind]}" if totals[kind] > 1 else label)
    return names


def _energies(kinds: Sequence[str], family: Family, energy: float) -> list[float]:
    """The chorus stands clearly above the verse wherever the piece as a whole is."""
    if len(kinds) == 1:
        return [energy]
    lift = 0.24 + 0.08 * energy
    verse = min(max(energy - 0.4 * lift, 0.08), 1.0 - 1.15 * lift)
    seen: Counter[str] = Counter()
    curve = []
    for kind in kinds:
        height = family.heights.get(kind, HEIGHTS[kind])
        returns = RETURN * min(seen[kind], MOST_RETURNS)
        seen[kind] += 1
        curve.append(min(max(verse + lift * (height + returns), 0.02), 1.0))
    return curve

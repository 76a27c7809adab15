"""What a drummer does with a bar without leaving the groove, so that no two are the same."""

from collections.abc import Callable

import numpy as np

from music.groove.feels import MACHINE_MS, Feel
from music.groove.notation import STEPS, STEPS_OF_SIX, TIMEKEEPERS
from music.groove.score import GHOST_ENERGY, Hit
from music.instruments import CLOSED_HAT, KICK, OPEN_HAT, SNARE
from music.request import Composition


def varied(
    hits: list[Hit], wanted: Composition, feel: Feel, start: float, energy: float, draw: np.random.Generator
) -> list[Hit]:
    """One small change in some bars: a stroke of the hat left out, a lift, a ghost note, a kick that leads on."""
    luck, which, where = draw.random(3)
    if luck > (0.45 + 0.4 * energy) * (0.5 + 0.5 * wanted.variation):
        return hits
    last_off = start + wanted.meter.beats - 1.0 / wanted.meter.divisions
    changes: list[Callable[[], list[Hit]]] = [
        lambda: _with_ghost(hits, wanted, start, where) if energy >= GHOST_ENERGY else hits,
        lambda: _without_one(hits, where),
        lambda: _with_lift(hits, last_off),
        # A machine's kick is the floor: it stays where it is.
        lambda: _with_pickup(hits, last_off) if energy >= 0.4 and feel.kick_jitter > 0.5 else hits,
    ]
    first = int(which * len(changes))
    for change in changes[first:] + changes[:first]:
        changed = change()
        if changed is not hits:
            return changed
    return hits


def thinned(hits: list[Hit], wanted: Composition, draw: np.random.Generator) -> list[Hit]:
    """As `varied`, for hands that only shake: now and then a stroke is left out."""
    luck, where = draw.random(2)
    return _without_one(hits, where) if luck < 0.35 * (0.5 + 0.5 * wanted.variation) else hits


def _without_one(hits: list[Hit], where: float) -> list[Hit]:
    """Not one on the beat: the time would limp."""
    soft = [hit for hit in hits if hit.piece in TIMEKEEPERS and hit.at % 1.0]
    if len(soft) < 3:
        return hits
    missed = soft[int(where * len(soft))]
    return [hit for hit in hits if hit is not missed]


def _with_lift(hits: list[Hit], at: float) -> list[Hit]:
    if not any(hit.piece == CLOSED_HAT and abs(hit.at - at) < 1e-6 for hit in hits):
        return hits
    return [
        hit._replace(piece=OPEN_HAT) if hit.piece == CLOSED_HAT and abs(hit.at - at) < 1e-6 else hit for hit in hits
    ]


def _with_ghost(hits: list[Hit], wanted: Composition, start: float, where: float) -> list[Hit]:
    """On the snare, or on the hat of who has none."""
    playing = {hit.piece for hit in hits}
    piece = SNARE if SNARE in playing else CLOSED_HAT
    if piece not in playing:
        return hits
    fine = STEPS if wanted.meter.divisions == 2 else STEPS_OF_SIX
    busy = {round((hit.at - start) * fine) for hit in hits if hit.piece in (piece, KICK, OPEN_HAT)}
    free = [step for step in range(1, wanted.meter.beats * fine) if step not in busy and step % fine]
    if not free:
        return hits
    level = 0.3 * max(hit.level for hit in hits)
    return [*hits, Hit(at=start + free[int(where * len(free))] / fine, piece=piece, level=level)]


def _with_pickup(hits: list[Hit], at: float) -> list[Hit]:
    kicks = [hit for hit in hits if hit.piece == KICK]
    if not kicks or any(abs(hit.at - at) < 0.3 for hit in kicks):
        return hits
    return [*hits, Hit(at=at, piece=KICK, level=0.75 * kicks[0].level)]


def rolled(hits: list[Hit], wanted: Composition, start: float, energy: float, draw: np.random.Generator) -> list[Hit]:
    """Rolls of the hat in place of what it plays: triplets, thirty-seconds and quicker, swelling or dying away."""
    division = 1.0 / wanted.meter.divisions
    slots = wanted.meter.beats * wanted.meter.divisions
    for _ in range(int(draw.poisson((0.15 + 1.3 * energy) * (0.5 + 0.5 * wanted.variation)))):
        slot, quick, shape, both = draw.random(4)
        first = start + division * int(slot * slots)
        length = division if both < 0.7 else min(2 * division, start + wanted.meter.beats - first)
        strokes = _strokes(division, quick, wanted.bpm)
        count = round(strokes * length / division)
        peak = max((hit.level for hit in hits if hit.piece == CLOSED_HAT), default=0.5)
        ramp = np.linspace(0.45, 0.95, count) if shape < 0.6 else np.linspace(0.95, 0.4, count)
        hits = [hit for hit in hits if hit.piece != CLOSED_HAT or not first - 1e-6 <= hit.at < first + length - 1e-6]
        hits += [
            Hit(at=first + length * i / count, piece=CLOSED_HAT, level=peak * float(level), straight=True)
            for i, level in enumerate(ramp)
        ]
    return hits


def _strokes(division: float, quick: float, bpm: float) -> int:
    """In one division; as many as can still be told apart."""
    wanted = 3 if quick < 0.4 else 4 if quick < 0.75 else 2 if quick < 0.9 else 6
    most = int(division * 60_000.0 / bpm / MACHINE_MS)
    return max(min(wanted, most), 1)

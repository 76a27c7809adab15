"""The germ of a tune: a rhythm over two bars and a contour over it, and what can be done with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from music import rhythm
from music.melody.feels import Feel
from music.request import Composition

#: Contours over the length of a motif, from 0 to 1, the plainest first.
CONTOURS = ("arch", "fall", "wave", "rise", "valley")

#: A jump, in steps of the scale: a fourth.
LEAP = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Tone:
    """A note of a motif, before any chord gives it a pitch."""

    #: In beats from the start of the motif.
    start: float
    beats: float
    #: Steps of the scale above the motif's anchor.
    step: int
    accent: float = 0.0


Motif = tuple[Tone, ...]


def invent(options: Sequence[str], feel: Feel, wanted: Composition, draw: np.random.Generator) -> Motif:
    """The plainest rhythm and an arch where no variation is wanted, anything that the genre has otherwise."""
    place = int(draw.integers(len(options)))
    contour = CONTOURS[int(draw.choice(len(CONTOURS), p=(0.34, 0.22, 0.2, 0.12, 0.12)))]
    plain = wanted.variation < 0.05
    strokes = rhythm.thin(rhythm.strokes(options[0 if plain else place], wanted.meter), wanted)
    reach = feel.reach * (0.7 + 0.3 * min(wanted.variation, 2.0))
    steps = _contoured([stroke.start for stroke in strokes], "arch" if plain else contour, reach, feel, wanted, draw)
    return tuple(
        Tone(start=stroke.start, beats=stroke.beats, step=step, accent=stroke.accent)
        for stroke, step in zip(strokes, steps, strict=True)
    )


def _contoured(
    starts: Sequence[float], contour: str, reach: float, feel: Feel, wanted: Composition, draw: np.random.Generator
) -> list[int]:
    """Follow the contour roughly: repeat some notes, jump now and then, and never move by a hair without cause."""
    length = max(starts[-1], 1.0)
    wild = draw.normal(0.0, 0.35 + 0.35 * wanted.variation, len(starts))
    chances = draw.random((len(starts), 2))
    steps: list[int] = []
    for i, start in enumerate(starts):
        height = reach * _curve(contour, start / length) + wild[i]
        step = round(height)
        if steps and chances[i][0] < feel.repeats:
            step = steps[-1]
        elif steps and chances[i][1] < feel.leaps * wanted.variation:
            step = steps[-1] + (LEAP if wild[i] > 0 else -LEAP)
        elif steps and abs(step - steps[-1]) > 2:
            step = steps[-1] + (2 if step > steps[-1] else -2)
        # Whatever was drawn, the tune comes back to where it can be sung.
        steps.append(int(min(max(step, -2 - feel.reach // 2), feel.reach + 2)))
    return steps


def _curve(contour: str, x: float) -> float:
    if contour == "arch":
        return float(np.sin(np.pi * x**0.8))
    if contour == "fall":
        return 0.8 - x
    if contour == "rise":
        return x - 0.15
    if contour == "valley":
        return float(-0.7 * np.sin(np.pi * x))
    return float(0.7 * np.sin(2 * np.pi * x))


def inverted(motif: Motif) -> Motif:
    first = motif[0].step
    return tuple(replace(tone, step=2 * first - tone.step) for tone in motif)


def shifted(motif: Motif, steps: int) -> Motif:
    return tuple(replace(tone, step=tone.step + steps) for tone in motif)


def half(motif: Motif, beats: float, *, times: int, rise: int) -> Motif:
    """The first half again and again, each time `rise` steps higher: it climbs."""
    head = [tone for tone in motif if tone.start < beats] or [motif[0]]
    return tuple(
        replace(
            tone, start=tone.start + i * beats, beats=min(tone.beats, beats - tone.start), step=tone.step + i * rise
        )
        for i in range(times)
        for tone in head
    )


def sparse(motif: Motif) -> Motif:
    """Only what stands on a beat, each held until the next."""
    kept = [tone for tone in motif if abs(tone.start - round(tone.start)) < 1e-6] or [motif[0]]
    kept = [tone for i, tone in enumerate(kept) if i == 0 or tone.start - kept[0].start >= 1.0][:4]
    ends = [*(tone.start for tone in kept[1:]), kept[-1].start + max(kept[-1].beats, 2.0)]
    return tuple(replace(tone, beats=max(end - tone.start, 0.5)) for tone, end in zip(kept, ends, strict=True))


def enlivened(motif: Motif, draw: np.random.Generator) -> Motif:
    """Another rhythm: one long note becomes two, the second a step away."""
    long = [i for i, tone in enumerate(motif) if tone.beats >= 1.0 and i + 1 < len(motif)]
    chosen, up = int(draw.integers(max(len(long), 1))), bool(draw.random() < 0.6)
    if not long:
        return motif
    at = long[chosen]
    tone = motif[at]
    first = replace(tone, beats=tone.beats / 2)
    second = replace(tone, start=tone.start + tone.beats / 2, beats=tone.beats / 2, step=tone.step + (1 if up else -1))
    # Between the grid's places there is nothing to swing or to lock to.
    if (second.start * 4) % 1 > 1e-6:
        return motif
    return (*motif[:at], first, second, *motif[at + 1 :])

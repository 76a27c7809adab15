"""What is heard between the sections: risers, falls, impacts, a cymbal backwards, and the dust of a record."""

from itertools import pairwise

import numpy as np

from music.synth.cymbals import crash
from music.synth.kits import KITS
from music.synth.modes import modes, ring
from music.synth.signals import Audio, Stroke, clock, close, decay, glided, noise, sine_of
from music.synth.tables import stack

#: Edges of the bands through which a sweep of noise moves.
BANDS = np.geomspace(250.0, 14_000.0, 9)
CRACKLES_PER_SECOND, POPS_PER_SECOND = 14.0, 1.6
#: A record is made in stretches of this length, which overlap while one fades into the next.
DUST_SECONDS, DUST_OVERLAP = 4.0, 0.25


def riser(stroke: Stroke) -> Audio:
    sound = _sweep(stroke, rising=True)
    return close(sound, attack=0.05, release=0.035, rate=stroke.rate)


def sweep_down(stroke: Stroke) -> Audio:
    sound = _sweep(stroke, rising=False)
    return close(sound, attack=0.012, release=0.3, rate=stroke.rate)


def _sweep(stroke: Stroke, *, rising: bool) -> Audio:
    """Noise that moves through the bands, and two saws that glide over two octaves with it."""
    rate = stroke.rate
    count = stroke.count(0.035)
    way = np.linspace(0.0, 1.0, count, dtype=np.float32)
    if not rising:
        way = np.ascontiguousarray(way[::-1])
    draw = stroke.draw()
    both = np.zeros((2, count), dtype=np.float32)
    centre = way * np.float32(len(BANDS) - 2)
    for band, (low, high) in enumerate(pairwise(BANDS)):
        weight = np.clip(np.float32(1.0) - np.abs(centre - np.float32(band)) * np.float32(0.6), 0.0, None)
        part = _heard(weight)
        size = part.stop - part.start
        for side in both:
            side[part] += noise(size, rate, draw, low=float(low), high=float(high)) * weight[part]
    middle = both.mean(axis=0)
    both += np.float32(0.5) * middle
    tone = stack(1.0 / np.arange(1.0, 25.0) ** 1.2, size=512)
    for side, cents in zip(both, (-8.0, 8.0), strict=True):
        # In one piece of float64: a glide of two octaves is more than `bent` is for.
        octaves = np.exp2(2.0 * way.astype(np.float64)) * (110.0 * 2 ** (cents / 1200) / rate)
        side += np.float32(0.30) * tone.read(glided(octaves))
    both *= np.exp(np.float32(3.0) * (way - np.float32(1.0)))
    return both


def _heard(weight: Audio) -> slice:
    """From the first sample that is not zero to the last."""
    some = weight > 0.0
    return slice(int(some.argmax()), len(some) - int(some[::-1].argmax()))


def impact(stroke: Stroke) -> Audio:
    """A boom that falls below hearing, a crack, and rubble."""
    rate, draw = stroke.rate, stroke.draw()
    count = round(3.2 * rate)
    seconds = np.arange(count) / rate
    boom = sine_of(38.0 * (seconds + 0.11 * (1.0 - np.exp(-seconds / 0.06)))) * decay(count, 1.7, rate)
    boom = np.tanh(boom * np.float32(1.8))
    sides = [noise(count, rate, draw, low=80.0, high=900.0) * decay(count, 3.2, rate) for _ in range(2)]
    both = np.stack(sides) * np.float32(0.28)
    crack = round(0.5 * rate)
    for side in both:
        side[:crack] += noise(crack, rate, draw, low=1200.0, high=9000.0) * decay(crack, 14.0, rate) * np.float32(0.35)
    metal = ring(
        modes([61.0, 97.0, 143.0, 211.0, 338.0], [0.5, 0.4, 0.3, 0.2, 0.1], [1.6, 2.0, 2.6, 3.4, 5.0]), 3.0, rate
    )
    both[:, : len(metal)] += np.float32(0.3) * metal
    both += boom
    return close(both, attack=0.002, release=0.6, rate=rate)


def reverse_cymbal(stroke: Stroke) -> Audio:
    """A crash that comes out of nothing and stops where the note ends."""
    rate = stroke.rate
    count = stroke.count(0.03)
    struck = crash(KITS["kit_acoustic"], stroke, stroke.draw())[:, :count]
    sound = np.zeros((2, count), dtype=np.float32)
    sound[:, count - struck.shape[1] :] = struck[:, ::-1]
    return close(sound, attack=0.02, release=0.03, rate=rate)


def vinyl(stroke: Stroke) -> Audio:
    """One stretch; `seconds` is its length without the overlap."""
    rate, draw = stroke.rate, stroke.draw()
    count = stroke.count(DUST_OVERLAP)
    hiss = noise(count, rate, draw, low=300.0, high=5200.0) * np.float32(0.07)
    rumble = noise(count, rate, draw, low=25.0, high=120.0) * np.float32(0.03)
    both: Audio = np.stack([hiss, np.roll(hiss, 4001)]) + rumble
    for per_second, low, high in ((CRACKLES_PER_SECOND, 0.2, 0.7), (POPS_PER_SECOND, 0.8, 1.6)):
        for _ in range(int(draw.poisson(per_second * count / rate))):
            _scratch(both, rate, draw, float(draw.uniform(low, high)))
    # Two stretches that fade into each other are as loud as one: their powers add up, not their amplitudes.
    fade = round(DUST_OVERLAP * rate)
    quarter = np.linspace(0.0, np.pi / 2, fade, dtype=np.float32)
    both[:, :fade] *= np.sin(quarter)
    both[:, -fade:] *= np.cos(quarter)
    both[:, -1] = 0.0
    return both


def _scratch(both: Audio, rate: int, draw: np.random.Generator, strength: float) -> None:
    size = round(float(draw.uniform(0.0006, 0.004)) * rate)
    at = int(draw.integers(both.shape[1] - size))
    seconds = clock(size, rate)
    shape = np.exp(seconds * np.float32(-5.0 * rate / size)) * np.sin(
        np.float32(2 * np.pi * draw.uniform(900, 4200)) * seconds
    )
    place = float(draw.uniform(0.25, 0.75))
    both[0, at : at + size] += shape * np.float32(strength * (1.0 - place) * 2)
    both[1, at : at + size] += shape * np.float32(strength * place * 2)

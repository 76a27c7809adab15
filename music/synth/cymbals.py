"""Metal: hi-hats, crash, ride. Clouds of partials that are no harmonics, and noise that gets duller as it dies."""

from functools import lru_cache

import numpy as np

from music import seeds
from music.synth.kits import Kit
from music.synth.modes import Modes, modes, ring
from music.synth.signals import Audio, Stroke, close, decay, noise
from music.synth.tables import Numbers

#: Of six square waves that are no multiples of each other, as in the machines of 1980.
SQUARES = np.array([1.0, 1.342, 1.483, 1.800, 2.546, 2.632])
CRASH_SECONDS, RIDE_SECONDS = 3.2, 2.6


def closed_hat(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    return _hat(kit, stroke, draw, pace=kit.hats.closed_decay * (1.25 - 0.4 * stroke.velocity), longest=0.35)


def pedal_hat(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    return _hat(kit, stroke, draw, pace=kit.hats.pedal_decay, longest=0.25)


def open_hat(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    return _hat(kit, stroke, draw, pace=kit.hats.open_decay, longest=1.2)


def _hat(kit: Kit, stroke: Stroke, draw: np.random.Generator, *, pace: float, longest: float) -> Audio:
    spec, rate = kit.hats, stroke.rate
    count = round(min(longest, 6.0 / pace) * rate)
    fade = decay(count, pace, rate)
    fade += np.float32(0.6) * decay(count, pace * 4.0, rate)
    sound = noise(count, rate, draw, low=spec.low, high=spec.high * (0.65 + 0.35 * stroke.velocity)) * fade
    metal = ring(_metal(spec.hertz, spec.low, pace, draw), count / rate, rate)
    sound[: len(metal)] += metal * np.float32(spec.metal)
    return close(sound, attack=spec.attack, release=min(0.03, 0.2 * count / rate), rate=rate)


def _metal(base: float, low: float, pace: float, draw: np.random.Generator) -> Modes:
    """The odd harmonics of the squares that lie in the hiss."""
    odd = np.arange(1, 60, 2)
    frequencies = (base * SQUARES[:, np.newaxis] * odd).reshape(-1)
    levels = np.broadcast_to(1.0 / odd, (len(SQUARES), len(odd))).reshape(-1)
    levels = levels / (1.0 + (low / frequencies) ** 4) * (1.0 + 0.25 * draw.standard_normal(len(levels)))
    kept = (frequencies > 0.4 * low) & (frequencies < 15_000.0)
    found = modes(frequencies[kept], levels[kept], pace * (0.8 + frequencies[kept] / 20_000.0))
    return found.scaled(1.0 / found.power())


def crash(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    spec, rate = kit.cymbals, stroke.rate
    count = round(CRASH_SECONDS * rate)
    both = np.stack([_wash(kit, stroke, draw, count, spec.crash_decay) for _ in range(2)])
    plate = _plate(spec.low, spec.high, 110, stroke.instrument, "crash")
    fading = modes(plate.frequencies, plate.levels, spec.crash_decay * plate.decays)
    for side, phase in zip(both, (0.0, 0.31), strict=True):
        bronze = ring(fading, CRASH_SECONDS, rate, phase + draw.random(len(plate.levels)) * 0.5)
        side[: len(bronze)] += bronze * np.float32(spec.metal)
    middle = both.mean(axis=0)
    both *= np.float32(0.6)
    both += np.float32(0.4) * middle
    return close(both, attack=0.0025, release=0.5, rate=rate)


def _wash(kit: Kit, stroke: Stroke, draw: np.random.Generator, count: int, pace: float) -> Audio:
    """Two bands of noise: the upper one is louder and gone sooner."""
    spec, rate = kit.cymbals, stroke.rate
    bright = spec.bright * (0.5 + 0.6 * stroke.velocity)
    upper = noise(count, rate, draw, low=5200.0, high=spec.high) * decay(count, pace * 2.1, rate)
    lower = noise(count, rate, draw, low=spec.low * 2.0, high=5200.0) * decay(count, pace, rate)
    upper *= np.float32(bright)
    lower *= np.float32(0.55)
    upper += lower
    upper += noise(count, rate, draw, low=2500.0, high=spec.high) * decay(count, 25.0, rate) * np.float32(0.7)
    return upper


def ride(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    return _ridden(kit, stroke, draw, ping=kit.cymbals.ping, wash=0.32)


def ride_bell(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    spec = kit.cymbals
    sound = _ridden(kit, stroke, draw, ping=0.5 * spec.ping, wash=0.18)
    cup = np.array([628.0, 1012.0, 1460.0, 2120.0, 2790.0, 3910.0, 5200.0])
    levels = np.array([0.5, 0.8, 1.0, 0.8, 0.6, 0.4, 0.3]) * (1.0 + 0.1 * draw.standard_normal(7))
    bell = ring(
        modes(cup * (1.0 if spec.low < 1000.0 else 1.25), levels, 2.2 + cup / 1500.0), RIDE_SECONDS, stroke.rate
    )
    bell[:64] *= np.linspace(0.0, 1.0, 64, dtype=np.float32)
    size = min(len(bell), len(sound))
    sound[:size] += np.float32(0.55) * bell[:size]
    return close(sound, attack=0.0006, release=0.3, rate=stroke.rate)


def _ridden(kit: Kit, stroke: Stroke, draw: np.random.Generator, *, ping: float, wash: float) -> Audio:
    spec, rate = kit.cymbals, stroke.rate
    count = round(RIDE_SECONDS * rate)
    sound = _wash(kit, stroke, draw, count, spec.ride_decay) * np.float32(wash)
    plate = _plate(spec.low, spec.high, 70, stroke.instrument, "ride")
    fading = modes(plate.frequencies, plate.levels, spec.ride_decay * plate.decays)
    bronze = ring(fading, RIDE_SECONDS, rate, 0.4 * draw.random(len(plate.levels)))
    sound[: len(bronze)] += bronze * np.float32(0.5 * spec.metal)
    short = round(0.06 * rate)
    tip = noise(short, rate, draw, low=3000.0, high=9000.0) * decay(short, 110.0, rate)
    sound[:short] += tip * np.float32(ping * (0.4 + 0.8 * stroke.velocity))
    return close(sound, attack=0.0008, release=0.4, rate=rate)


@lru_cache(maxsize=24)
def _plate(low: float, high: float, count: int, instrument: str, name: str) -> Modes:
    """The same cymbal each time it is struck."""
    draw = seeds.generator(0, "plate", instrument, name)
    frequencies: Numbers = np.sort(np.exp(draw.uniform(np.log(low), np.log(0.8 * high), count)))
    levels = (
        draw.uniform(0.3, 1.0, count) * (1200.0 / (1200.0 + frequencies)) ** 0.5 * frequencies / (frequencies + 900.0)
    )
    found = modes(frequencies, levels, draw.uniform(0.7, 1.4, count) * (0.7 + frequencies / 6000.0))
    return found.scaled(1.0 / found.power())

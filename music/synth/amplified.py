"""Guitars through an amplifier that clips and a closed cabinet.

What goes into the amplifier is periodic, a chord of pure fifths and octaves as well as a single string, and so is what
comes out: it is bent once per chord, with all the tones between the tones that make a power chord, and what lies above
the Nyquist frequency is left out before it is read.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import lcm

import numpy as np
from scipy import fft

from music.synth.signals import HIGHEST, Audio, Envelope, Stroke, bent, close, decay, hertz, moved, noise, rise, swing
from music.synth.tables import Numbers, Stack, harmonics, lowpass, peaks

#: Pure intervals by semitone: a clipped chord wants them.
PURE = (
    Fraction(1),
    Fraction(16, 15),
    Fraction(9, 8),
    Fraction(6, 5),
    Fraction(5, 4),
    Fraction(4, 3),
    Fraction(7, 5),
    Fraction(3, 2),
    Fraction(8, 5),
    Fraction(5, 3),
    Fraction(16, 9),
    Fraction(15, 8),
)
LAYERS = 6
#: Beyond this a chord repeats too rarely to be drawn as one cycle.
MOST_FUNDAMENTALS = 24
DRAWN = 1 << 15
#: From string to string, at half a touch, and how long each takes to join in.
STRUM_SECONDS, JOIN_SECONDS = 0.006, 0.003
#: Under the palm: how fast strings die, how few highs they have, and what is left of those behind the amplifier.
MUTED_DECAY, MUTED_STEEPNESS, MUTED_HZ = 11.0, 1.7, 1_500.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Amplifier:
    #: Into the clipping stage, from the end of a note to a hard stroke.
    least_drive: float
    most_drive: float
    #: Shifts the clipping off centre, which gives even partials.
    bias: float
    envelope: Envelope
    #: How fast the string dies under it, per second.
    decay: float
    vibrato_cents: float
    apart_cents: float
    #: Where the string is picked, as part of its length.
    position: float
    #: Notes that are shorter are damped by the palm from the start.
    muted_below: float = 0.0


AMPLIFIERS = {
    "power_guitar": Amplifier(
        least_drive=2.0,
        most_drive=14.0,
        bias=0.18,
        envelope=Envelope(attack=0.002, release=0.06),
        decay=0.45,
        vibrato_cents=0.0,
        apart_cents=4.5,
        position=0.13,
        muted_below=0.17,
    ),
    "lead_guitar": Amplifier(
        least_drive=1.5,
        most_drive=7.0,
        bias=0.25,
        envelope=Envelope(attack=0.003, release=0.10),
        decay=0.35,
        vibrato_cents=16.0,
        apart_cents=1.5,
        position=0.22,
    ),
}


def amplified(stroke: Stroke) -> Audio:
    """Played twice, once for each side."""
    amplifier, rate = AMPLIFIERS[stroke.instrument], stroke.rate
    count = stroke.count(amplifier.envelope.release)
    muted = stroke.seconds < amplifier.muted_below
    draw = stroke.draw()
    string = decay(count, MUTED_DECAY if muted else amplifier.decay, rate)
    layer = string * np.float32((LAYERS - 1) * (0.45 + 0.55 * stroke.velocity))
    shape = amplifier.envelope.shape(stroke) * np.sqrt(string)
    bend = np.float32(amplifier.vibrato_cents) * swing(count, rate, per_second=5.0, delay=0.35)
    bend += np.float32(9.0) * decay(count, 18.0, rate)
    sides = []
    for turn, side in enumerate((-1.0, 1.0)):
        drift = np.float32(1.5) * swing(count, rate, per_second=0.9, begin=float(draw.random()))
        cents = bend + drift + np.float32(side * amplifier.apart_cents)
        sides.append(_struck(stroke, cents, layer, float(draw.random()), turn, muted=muted))
    left, right = sides
    both = np.stack([left + np.float32(0.3) * right, right + np.float32(0.3) * left])
    short = min(count, round(0.03 * rate))
    pick = noise(short, rate, draw, low=1200.0, high=4200.0) * decay(short, 170.0, rate)
    both[:, :short] += np.float32(0.25 + 0.3 * stroke.velocity) * pick
    both *= shape
    return close(both, attack=0.002, release=0.01, rate=rate)


def _struck(stroke: Stroke, cents: Audio, layer: Audio, begin: float, turn: int, *, muted: bool) -> Audio:
    """One string after the other comes under the pick."""
    pitches, rate, count = stroke.pitches, stroke.rate, len(cents)
    tables, base = _clipped(stroke.instrument, pitches, rate, muted, turn)
    sound = tables.read(moved(bent(base, cents, rate), begin), layer)
    gap = round(STRUM_SECONDS * (1.4 - 0.6 * stroke.velocity) * rate)
    join = round(JOIN_SECONDS * rate)
    for strings in range(len(pitches) - 1, 0, -1):
        until = min(count, strings * gap + join)
        fewer, low = _clipped(stroke.instrument, pitches[:strings], rate, muted, 0)
        before = fewer.read(bent(low, cents[:until], rate), layer[:until])
        fades = np.ones(until, dtype=np.float32)
        fades[-min(join, until) :] -= rise(join)[-min(join, until) :]
        sound[:until] += (before - sound[:until]) * fades
    return sound


@lru_cache(maxsize=96)
def _clipped(instrument: str, pitches: tuple[int, ...], rate: int, muted: bool, turn: int) -> tuple[Stack, float]:
    """The cycle of a chord at each drive, and how often per second it repeats. Each `turn` has its strings a quarter of
    a wave further apart: were both sides of one cycle, a hair apart in pitch, a comb would be heard to sweep."""
    amplifier = AMPLIFIERS[instrument]
    ratios, base = _common(pitches)
    # Sixteen times as fine as what is kept of it: what clipping adds above that does not come back down.
    fine = min(DRAWN, 1 << int(np.ceil(np.log2(16 * HIGHEST * rate / base))))
    most = min(fine // 8, int(HIGHEST * rate / base))
    source = np.zeros(fine // 2 + 1, dtype=np.complex128)
    steepness = MUTED_STEEPNESS if muted else 0.9
    for string, ratio in enumerate(ratios):
        numbers = np.arange(1, max(2, int(min(24, 5000.0 / (base * ratio)))))
        levels = (np.abs(np.sin(np.pi * numbers * amplifier.position)) + 0.05) / numbers**steepness
        places = numbers * ratio
        fits = places < len(source)
        phases = (0.21 + 0.25 * turn) * string + 0.13 * numbers[fits]
        source[places[fits]] += levels[fits] * np.exp(2j * np.pi * phases)
    drawn = fft.irfft(source)
    drawn /= np.sqrt(np.mean(drawn**2))
    at = base * np.arange(1.0, most + 1.0)
    cycles = []
    size = max(2048, 1 << int(np.ceil(np.log2(8 * most))))
    for drive in np.geomspace(amplifier.least_drive, amplifier.most_drive, LAYERS):
        bent_cycle = np.tanh(drive * drawn + amplifier.bias * drive)
        spectrum = np.zeros(size // 2 + 1, dtype=np.complex64)
        spectrum[1 : most + 1] = harmonics(bent_cycle, most) * _cabinet(at)
        if muted:
            spectrum[1 : most + 1] *= lowpass(at, MUTED_HZ)
        cycle: Audio = fft.irfft(spectrum)
        # Louder strings are not louder behind such an amplifier; they are denser.
        cycles.append(cycle / np.sqrt(np.mean(cycle**2)))
    cycles_array = np.stack(cycles).astype(np.float32)
    return Stack(np.concatenate([cycles_array, cycles_array[:, :1]], axis=1)), base


def _common(pitches: tuple[int, ...]) -> tuple[list[int], float]:
    """The strings as multiples of one frequency, tuned purely from the lowest; too wild a chord is thinned out."""
    lowest = min(pitches)
    fractions = [PURE[(p - lowest) % 12] * 2 ** ((p - lowest) // 12) for p in sorted(set(pitches))]
    kept: list[Fraction] = []
    for fraction in fractions:
        if lcm(*(f.denominator for f in (*kept, fraction))) <= MOST_FUNDAMENTALS:
            kept.append(fraction)
    common = lcm(*(f.denominator for f in kept))
    return [int(f * common) for f in kept], hertz(lowest) / common


def _cabinet(frequencies: Numbers) -> Numbers:
    """A closed box with a twelve-inch loudspeaker: a thump, a hole, a bark, and nothing above five kilohertz."""
    shape = 0.35 + peaks(frequencies, (110, 1300, 2600), (90, 1500, 1300), (0.9, 0.5, 0.9))
    low = frequencies**2 / (frequencies**2 + 75.0**2)
    return shape * low * lowpass(frequencies, 4300.0, resonance=0.9, order=4)

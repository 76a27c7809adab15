"""Percussion that is not a kit: shaken, struck with the hand, wood and metal."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from music.instruments import (
    CLAVES,
    COWBELL,
    HIGH_BONGO,
    HIGH_CONGA,
    LOW_BONGO,
    LOW_CONGA,
    MUTE_CONGA,
    SHAKER,
    TAMBOURINE,
    TRIANGLE,
)
from music.synth.modes import modes, ring
from music.synth.signals import Audio, Stroke, close, decay, noise, rise, sine_of

Piece = Callable[[Stroke, np.random.Generator], Audio]


@dataclass(frozen=True, kw_only=True, slots=True)
class Skin:
    hertz: float
    decay: float
    slap: float
    bend: float = 0.06


SKINS = {
    HIGH_BONGO: Skin(hertz=415, decay=17, slap=0.35),
    LOW_BONGO: Skin(hertz=300, decay=14, slap=0.28),
    MUTE_CONGA: Skin(hertz=248, decay=42, slap=0.85),
    HIGH_CONGA: Skin(hertz=232, decay=8.5, slap=0.30),
    LOW_CONGA: Skin(hertz=174, decay=7.0, slap=0.22),
}


def shaker(stroke: Stroke, draw: np.random.Generator) -> Audio:
    """Beads run up one wall, then hit it."""
    rate = stroke.rate
    count = round(0.16 * rate)
    swell = round((0.030 - 0.014 * stroke.velocity) * rate)
    shape = decay(count, 34.0, rate)
    shape[swell:] = shape[: count - swell].copy()
    shape[:swell] = rise(swell) ** 1.5
    grains = noise(count, rate, draw, low=4200.0, high=9500.0 + 3500.0 * stroke.velocity)
    return close(grains * shape, attack=0.004, release=0.03, rate=rate)


def tambourine(stroke: Stroke, draw: np.random.Generator) -> Audio:
    rate = stroke.rate
    count = round(0.5 * rate)
    frequencies = np.exp(draw.uniform(np.log(4500.0), np.log(13_000.0), 36))
    jingles = modes(frequencies, draw.uniform(0.4, 1.0, 36), draw.uniform(9.0, 22.0, 36))
    sound = ring(jingles.scaled(1.0 / jingles.power()), 0.5, rate, draw.random(36))
    shape = decay(count, 24.0, rate)
    # The jingles hit each other once more.
    again = round(float(draw.uniform(0.022, 0.034)) * rate)
    shape[again:] += np.float32(0.5) * decay(count - again, 16.0, rate)
    sound = np.pad(sound, (0, max(0, count - len(sound))))[:count]
    sound += noise(count, rate, draw, low=5200.0, high=14_000.0) * shape
    return close(sound, attack=0.001, release=0.08, rate=rate)


def cowbell(stroke: Stroke, draw: np.random.Generator) -> Audio:
    frequencies = np.array([562.0, 845.0, 1124.0, 1690.0, 2250.0, 2535.0, 3380.0, 4225.0])
    levels = np.array([0.9, 1.0, 0.35, 0.45, 0.2, 0.25, 0.18, 0.12]) * (1.0 + 0.08 * draw.standard_normal(8))
    metal = modes(frequencies, levels * (0.5 + stroke.velocity) ** (frequencies / 2500.0), 11.0 + frequencies / 350.0)
    return close(ring(metal, 0.6, stroke.rate), attack=0.0006, release=0.05, rate=stroke.rate)


def claves(stroke: Stroke, draw: np.random.Generator) -> Audio:
    tuned = 2480.0 * (1.0 + 0.004 * draw.standard_normal())
    wood = modes(tuned * np.array([1.0, 2.71, 0.42]), [1.0, 0.18, 0.10], [52.0, 120.0, 70.0])
    return close(ring(wood, 0.2, stroke.rate), attack=0.0005, release=0.02, rate=stroke.rate)


def triangle(stroke: Stroke, draw: np.random.Generator) -> Audio:
    frequencies = np.array([1620.0, 2710.0, 4120.0, 5380.0, 6890.0, 8010.0, 9730.0, 11_400.0, 13_100.0])
    levels = np.array([0.25, 0.5, 0.8, 1.0, 0.7, 0.8, 0.5, 0.4, 0.25]) * (1.0 + 0.2 * draw.standard_normal(9))
    steel = modes(frequencies * (1.0 + 0.0006 * draw.standard_normal(9)), levels, 1.4 + frequencies / 5200.0)
    return close(ring(steel, 2.2, stroke.rate), attack=0.0008, release=0.3, rate=stroke.rate)


def hand_drum(pitch: int) -> Piece:
    def make(stroke: Stroke, draw: np.random.Generator) -> Audio:
        spec, rate, hard = SKINS[pitch], stroke.rate, stroke.velocity
        count = round(min(0.9, 6.5 / spec.decay) * rate)
        seconds = np.arange(count) / rate
        bent_seconds = seconds + spec.bend * hard * 0.03 * (1.0 - np.exp(-seconds / 0.03))
        tuned = spec.hertz * (1.0 + 0.005 * draw.standard_normal())
        sound = np.zeros(count, dtype=np.float32)
        for ratio, level, pace in ((1.0, 1.0, 1.0), (1.59, 0.32, 2.4), (2.14, 0.22, 3.2), (2.92, 0.14, 4.5)):
            part = sine_of(tuned * ratio * bent_seconds) * decay(count, spec.decay * pace, rate)
            sound += part * np.float32(level * (1.0 if ratio == 1.0 else 0.5 + hard))
        short = round(0.03 * rate)
        palm = noise(short, rate, draw, low=700.0, high=2200.0 + 3800.0 * hard) * decay(short, 170.0, rate)
        sound[:short] += palm * np.float32(spec.slap * (0.4 + 0.9 * hard))
        return close(sound, attack=0.0008, release=0.04, rate=rate)

    return make


PERCUSSION: dict[int, Piece] = {
    SHAKER: shaker,
    TAMBOURINE: tambourine,
    COWBELL: cowbell,
    CLAVES: claves,
    TRIANGLE: triangle,
    **{pitch: hand_drum(pitch) for pitch in SKINS},
}
#: As in a kit: the loudest 40 ms, in decibels.
BALANCE = {
    SHAKER: -27.5,
    TAMBOURINE: -25.5,
    COWBELL: -22.5,
    CLAVES: -23.5,
    TRIANGLE: -28.5,
    HIGH_BONGO: -19.5,
    LOW_BONGO: -19.0,
    MUTE_CONGA: -20.0,
    HIGH_CONGA: -18.5,
    LOW_CONGA: -18.0,
}
LOUDEST_SECONDS = 0.04


def struck(stroke: Stroke) -> Audio:
    """Numbers that nothing answers to are the claves'."""
    pitch = stroke.pitch if stroke.pitch in PERCUSSION else CLAVES
    draw = stroke.draw()
    return hit(PERCUSSION[pitch](stroke, draw), stroke, BALANCE[pitch], draw)


def hit(sound: Audio, stroke: Stroke, level: float, draw: np.random.Generator) -> Audio:
    """At its level in the kit, give or take what a hand varies."""
    window = max(1, round(LOUDEST_SECONDS * stroke.rate))
    mono = sound if sound.ndim == 1 else sound[0]
    frames = mono[: len(mono) // window * window].reshape(-1, window) if len(mono) >= window else mono[np.newaxis]
    loudest = float(np.sqrt(np.max(np.mean(frames**2, axis=1)))) or 1.0
    sound *= np.float32(10.0 ** ((level + float(draw.normal(0.0, 0.35))) / 20.0) / loudest)
    return sound

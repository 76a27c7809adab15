"""Electric basses without strings: sine, square, detuned, acid and the long 808."""

from functools import lru_cache

import numpy as np

from music.synth.signals import (
    Audio,
    Envelope,
    Stroke,
    clock,
    close,
    decay,
    hertz,
    moved,
    noise,
    sine,
    sine_of,
    slid,
    slur,
    swing,
    turns,
)
from music.synth.tables import Stack, lowpass, partials, stack

SUB = Envelope(attack=0.008, release=0.07)
SYNTH = Envelope(attack=0.004, release=0.06, decay=0.35, sustain=0.72)
REESE = Envelope(attack=0.012, release=0.10)
ACID = Envelope(attack=0.003, release=0.05, decay=0.5, sustain=0.65)
#: A kick that is held: how long before it has fallen to 37 %.
BOOM_SECONDS = 1.15
BOOM_RELEASE = 0.09
#: From one pitch to the next, where two notes overlap.
SLIDE_SECONDS = 0.13
LAYERS = 20
LOWEST_CUTOFF, HIGHEST_CUTOFF = 90.0, 9000.0


def sub_bass(stroke: Stroke) -> Audio:
    count = stroke.count(SUB.release)
    phase = turns(stroke.hertz, count, stroke.rate)
    sound = sine(phase)
    # Small speakers hear which note it is by these two.
    sound += np.float32(0.10 + 0.10 * stroke.velocity) * sine(phase * np.uint32(2))
    sound += np.float32(0.03 + 0.05 * stroke.velocity) * sine(phase * np.uint32(3))
    return sound * SUB.shape(stroke)


def bass_808(stroke: Stroke) -> Audio:
    rate, frequency = stroke.rate, stroke.hertz
    count = stroke.count(BOOM_RELEASE)
    level = decay(count, 1.0 / BOOM_SECONDS, rate)
    drive = np.float32(1.2 + 1.5 * stroke.velocity)
    if stroke.source is not None:
        return _slid_808(stroke, level, drive)
    seconds = np.arange(count) / rate
    # It falls on to its pitch: the phase is the integral of that.
    drop = 1.1 * (1.0 - np.exp(-seconds / 0.022)) * 0.022 + 0.10 * (1.0 - np.exp(-seconds / 0.09)) * 0.09
    sound: Audio = np.tanh(drive * level * sine_of(frequency * (seconds + drop)))
    sound += np.float32(0.12) * level * sine_of(2 * frequency * (seconds + drop))
    short = min(count, round(0.02 * rate))
    click = noise(short, rate, stroke.draw(), low=500.0, high=3000.0) * decay(short, 320.0, rate)
    sound[:short] += np.float32(0.10 + 0.15 * stroke.velocity) * click
    return close(sound, attack=0.0025, release=BOOM_RELEASE, rate=rate)


def _slid_808(stroke: Stroke, level: Audio, drive: np.float32) -> Audio:
    """It is not struck again: it goes to its new pitch, and on."""
    rate, count = stroke.rate, len(level)
    phase = slid(stroke.hertz, slur(stroke, count, SLIDE_SECONDS), rate)
    level *= np.float32(0.9)
    sound: Audio = np.tanh(drive * level * sine(phase))
    sound += np.float32(0.12) * level * sine(phase * np.uint32(2))
    return close(sound, attack=0.012, release=BOOM_RELEASE, rate=rate)


def synth_bass(stroke: Stroke) -> Audio:
    """A pulse and a saw an octave apart through a filter that closes."""
    rate = stroke.rate
    count = stroke.count(SYNTH.release)
    tables = _filtered(stroke.pitch, rate, "synth")
    phase = turns(stroke.hertz, count, rate)
    cutoff = (500.0 + 2600.0 * stroke.velocity**1.5) * decay(count, 9.0, rate)
    cutoff += np.float32(190.0 + 1.6 * stroke.hertz)
    return tables.read(phase, _layer(cutoff)) * SYNTH.shape(stroke)


def reese_bass(stroke: Stroke) -> Audio:
    """Saws a few cents apart: their beating is the sound, and the filter moves as slowly."""
    rate = stroke.rate
    count = stroke.count(REESE.release)
    tables = _filtered(stroke.pitch, rate, "saw")
    layer = _layer(np.float32(620.0 + 900.0 * stroke.velocity) * _slow(count, rate))
    # Nearly together: a bass begins firmly, and drifts apart then.
    begin = 0.2 * stroke.draw().random(3)
    sound = np.zeros(count, dtype=np.float32)
    for cents, level, start in zip((-13.0, 1.0, 14.0), (0.62, 0.62, 0.62), begin, strict=True):
        phase = moved(turns(stroke.hertz * 2 ** (cents / 1200), count, rate), float(start))
        sound += np.float32(level) * tables.read(phase, layer)
    # One steady sine an octave below the beating keeps the floor.
    sound *= np.float32(0.62)
    sound += np.float32(0.75) * sine(turns(stroke.hertz, count, rate))
    return sound * REESE.shape(stroke)


def _slow(count: int, rate: int) -> Audio:
    return np.float32(1.0) + np.float32(0.45) * swing(count, rate, per_second=0.37, begin=-0.15)


def acid_bass(stroke: Stroke) -> Audio:
    """A saw through a filter that whistles as it closes; the harder the note, the further it opened."""
    rate = stroke.rate
    count = stroke.count(ACID.release)
    tables = _filtered(stroke.pitch, rate, "acid")
    phase = turns(stroke.hertz, count, rate)
    cutoff = (500.0 + 3400.0 * stroke.velocity**2) * np.exp(clock(count, rate) * np.float32(-5.5))
    cutoff += np.float32(260.0 + 0.8 * stroke.hertz)
    sound: Audio = np.tanh(np.float32(0.8) * tables.read(phase, _layer(cutoff)))
    return sound * ACID.shape(stroke)


def _layer(cutoff: Audio) -> Audio:
    """Which layer has this cutoff: they lie at equal intervals."""
    octaves: Audio = np.log2(np.maximum(cutoff, np.float32(1.0)) / np.float32(LOWEST_CUTOFF))
    octaves *= np.float32((LAYERS - 1) / np.log2(HIGHEST_CUTOFF / LOWEST_CUTOFF))
    return octaves


@lru_cache(maxsize=24)
def _filtered(pitch: int, rate: int, kind: str) -> Stack:
    frequency = hertz(pitch)
    numbers = partials(frequency, rate, most=400)
    cutoffs = np.geomspace(LOWEST_CUTOFF, HIGHEST_CUTOFF, LAYERS)[:, np.newaxis]
    source = 1.0 / numbers
    if kind == "synth":
        # A pulse of 40 %, and the octave above it.
        source = np.abs(np.sin(np.pi * 0.4 * numbers)) / numbers + np.where(numbers % 2 == 0, 0.7 / numbers, 0.0)
    if kind == "acid":
        levels = numbers**-0.75 * lowpass(frequency * numbers, cutoffs, resonance=8.0, order=4)
        # A resonance takes from the rest what it adds at its peak.
        return stack(levels / np.sqrt((levels**2).sum(axis=1, keepdims=True)) ** 0.6, reference=10)
    return stack(source * lowpass(frequency * numbers, cutoffs, resonance=1.1, order=4), reference=10)

"""Single voices that carry a tune: synthetic leads, flute, trumpet and violin. Those that sing are in `singing`."""

from functools import lru_cache

import numpy as np

from music.synth.signals import Audio, Envelope, Stroke, bent, clock, decay, hertz, moved, noise, slid, slur, swing
from music.synth.tables import Stack, lowpass, partials, peaks, stack

SQUARE = Envelope(attack=0.006, release=0.10, decay=0.4, sustain=0.8)
SAW = Envelope(attack=0.006, release=0.14, decay=0.5, sustain=0.8)
FLUTE = Envelope(attack=0.055, release=0.10)
TRUMPET = Envelope(attack=0.030, release=0.07, decay=0.25, sustain=0.85)
VIOLIN = Envelope(attack=0.085, release=0.16)
LAYERS = 8
#: How long a synthesizer takes from one note to the next of a slur.
PORTAMENTO_SECONDS = 0.07
#: Of the wood of a violin: the air, the plates, and the bridge hill.
VIOLIN_BODY = ((280, 460, 700, 1050, 2600, 3600), (60, 90, 180, 260, 1100, 900), (0.9, 1.2, 0.7, 0.6, 1.0, 0.4))


def square_lead(stroke: Stroke) -> Audio:
    return _detuned(stroke, SQUARE, cents=5.0)


def saw_lead(stroke: Stroke) -> Audio:
    return _detuned(stroke, SAW, cents=9.0)


def _detuned(stroke: Stroke, envelope: Envelope, *, cents: float) -> Audio:
    """Two oscillators, one leaning to each side, through a filter that opens with the touch, unless the note is
    slurred."""
    rate = stroke.rate
    count = stroke.count(envelope.release)
    tables = _oscillator(stroke.instrument, stroke.pitch, rate)
    bend = np.float32(11.0) * swing(count, rate, per_second=5.4, delay=0.35)
    struck, turned = (1.0, bent) if stroke.source is None else (0.4, slid)
    if stroke.source is not None:
        bend += slur(stroke, count, PORTAMENTO_SECONDS)
    layer = decay(count, 3.5, rate) * np.float32((1.0 + 3.0 * stroke.velocity) * struck)
    layer += np.float32(0.8 + 3.0 * stroke.velocity)
    low = tables.read(turned(stroke.hertz, bend - np.float32(cents), rate), layer)
    high = tables.read(moved(turned(stroke.hertz, bend + np.float32(cents), rate), 0.25), layer)
    both = np.stack([low + np.float32(0.5) * high, high + np.float32(0.5) * low])
    both *= envelope.shape(stroke)
    return both


@lru_cache(maxsize=48)
def _oscillator(instrument: str, pitch: int, rate: int) -> Stack:
    frequency = hertz(pitch)
    numbers = partials(frequency, rate, most=300)
    source = 1.0 / numbers
    if instrument == "square_lead":
        source = np.abs(np.sin(np.pi * 0.46 * numbers)) / numbers
    cutoffs = (np.geomspace(700.0, 11_000.0, LAYERS) + frequency)[:, np.newaxis]
    return stack(source * lowpass(frequency * numbers, cutoffs, resonance=1.0, order=4), reference=4)


def flute(stroke: Stroke) -> Audio:
    rate, frequency = stroke.rate, stroke.hertz
    count = stroke.count(FLUTE.release)
    vibrato = swing(count, rate, per_second=5.1, delay=0.30)
    tables = _blown(stroke.pitch, rate)
    overblown = np.float32(1.2 + 2.6 * stroke.velocity) + np.float32(0.8) * vibrato
    scoop = np.float32(-25.0) * decay(count, 28.0, rate)
    sound = tables.read(bent(frequency, np.float32(9.0) * vibrato + scoop, rate), overblown)
    sound *= np.float32(1.0) + np.float32(0.10) * vibrato
    draw = stroke.draw()
    breath = noise(count, rate, draw, low=0.8 * frequency + 300.0, high=2.2 * frequency + 2500.0)
    air = decay(count, 22.0, rate) * np.float32(0.16)
    air += np.float32(0.035 + 0.03 * (1.0 - stroke.velocity))
    sound += breath * air
    return sound * FLUTE.shape(stroke)


@lru_cache(maxsize=40)
def _blown(pitch: int, rate: int) -> Stack:
    numbers = partials(hertz(pitch), rate, most=12)
    steep = np.linspace(3.0, 1.3, 5)[:, np.newaxis]
    levels = numbers**-steep
    levels[:, 1::2] *= 0.8
    return stack(levels, size=1024, reference=2)


def muted_trumpet(stroke: Stroke) -> Audio:
    rate = stroke.rate
    count = stroke.count(TRUMPET.release)
    vibrato = swing(count, rate, per_second=5.6, delay=0.45)
    seconds = clock(count, rate)
    swell = np.float32(1.0) - np.exp(seconds * np.float32(-32.0))
    layer = swell * np.float32(2.0 + 4.0 * stroke.velocity) + np.float32(0.4) * vibrato
    scoop = np.float32(-35.0) * decay(count, 40.0, rate)
    sound = _brassy(stroke.pitch, rate).read(bent(stroke.hertz, np.float32(8.0) * vibrato + scoop, rate), layer)
    sound *= np.float32(1.0) + np.float32(0.08) * vibrato
    hiss = noise(count, rate, stroke.draw(), low=1800.0, high=6500.0)
    sound += hiss * np.float32(0.012)
    return sound * TRUMPET.shape(stroke)


@lru_cache(maxsize=40)
def _brassy(pitch: int, rate: int) -> Stack:
    """A wah-wah mute: hollow below, a sharp peak at two kilohertz."""
    frequency = hertz(pitch)
    numbers = partials(frequency, rate, most=60)
    at = frequency * numbers
    mute = 0.16 + peaks(at, (620, 1750, 2900, 5200), (250, 500, 700, 1800), (0.35, 1.0, 0.6, 0.3))
    cutoffs = np.geomspace(900.0, 7500.0, LAYERS)[:, np.newaxis]
    return stack(numbers**-0.55 * mute * lowpass(at, cutoffs, resonance=0.8), reference=4, size=2048)


def violin(stroke: Stroke) -> Audio:
    rate = stroke.rate
    count = stroke.count(VIOLIN.release)
    draw = stroke.draw()
    vibrato = swing(count, rate, per_second=5.3 + 0.5 * float(draw.random()), delay=0.22)
    layer = np.float32(1.6 + 3.6 * stroke.velocity) + np.float32(0.9) * vibrato
    layer -= decay(count, 14.0, rate) * np.float32(1.5)
    tables = _bowed(stroke.pitch, rate)
    sound = tables.read(bent(stroke.hertz, np.float32(17.0) * vibrato, rate), layer)
    # The body answers each partial differently as it moves: loudness breathes with the vibrato.
    sound *= np.float32(1.0) + np.float32(0.13) * swing(count, rate, per_second=5.3, delay=0.22, begin=0.3)
    bow = noise(count, rate, draw, low=1400.0, high=9000.0)
    rosin = decay(count, 16.0, rate) * np.float32(0.10)
    rosin += np.float32(0.026)
    sound += bow * rosin
    return sound * VIOLIN.shape(stroke)


@lru_cache(maxsize=40)
def _bowed(pitch: int, rate: int) -> Stack:
    frequency = hertz(pitch)
    numbers = partials(frequency, rate, most=100)
    at = frequency * numbers
    body = 0.35 + peaks(at, *VIOLIN_BODY)
    cutoffs = np.geomspace(2000.0, 14_000.0, LAYERS)[:, np.newaxis]
    return stack(body * numbers**-0.74 * lowpass(at, cutoffs, resonance=0.75), reference=4, size=2048)

"""Single voices that sing: synthetic leads, flute, trumpet, violin and the voices without words."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from music.synth.signals import Audio, Envelope, Stroke, bent, clock, decay, hertz, moved, noise, swing
from music.synth.tables import Numbers, Stack, lowpass, partials, peaks, stack

SQUARE = Envelope(attack=0.006, release=0.10, decay=0.4, sustain=0.8)
SAW = Envelope(attack=0.006, release=0.14, decay=0.5, sustain=0.8)
FLUTE = Envelope(attack=0.055, release=0.10)
TRUMPET = Envelope(attack=0.030, release=0.07, decay=0.25, sustain=0.85)
VIOLIN = Envelope(attack=0.085, release=0.16)
VOICE = Envelope(attack=0.11, release=0.22)
LAYERS = 8
#: Of the wood of a violin: the air, the plates, and the bridge hill.
VIOLIN_BODY = ((280, 460, 700, 1050, 2600, 3600), (60, 90, 180, 260, 1100, 900), (0.9, 1.2, 0.7, 0.6, 1.0, 0.4))


@dataclass(frozen=True, kw_only=True, slots=True)
class Vowel:
    centres: tuple[float, ...]
    widths: tuple[float, ...]
    decibels: tuple[float, ...]


#: Of a voice between tenor and alto.
VOWELS = {
    "ooh": Vowel(
        centres=(340, 780, 2500, 3100, 3900), widths=(80, 110, 160, 220, 300), decibels=(0, -10, -28, -30, -36)
    ),
    "aah": Vowel(
        centres=(760, 1180, 2700, 3250, 4100), widths=(100, 120, 180, 230, 320), decibels=(0, -3, -14, -17, -24)
    ),
}


def vowel(frequencies: Numbers, name: str, frequency: float) -> Numbers:
    """The mouth for this pitch. Singers lift the first formant with the fundamental, or it would be lost."""
    shape = VOWELS[name]
    centres = np.array(shape.centres, dtype=np.float64)
    centres[0] = max(centres[0], 1.04 * frequency)
    centres[1] = max(centres[1], 1.45 * centres[0])
    return peaks(frequencies, centres, shape.widths, 10.0 ** (np.array(shape.decibels) / 20.0))


def square_lead(stroke: Stroke) -> Audio:
    return _detuned(stroke, SQUARE, cents=5.0)


def saw_lead(stroke: Stroke) -> Audio:
    return _detuned(stroke, SAW, cents=9.0)


def _detuned(stroke: Stroke, envelope: Envelope, *, cents: float) -> Audio:
    """Two oscillators, one leaning to each side, through a filter that opens with the touch."""
    rate = stroke.rate
    count = stroke.count(envelope.release)
    tables = _oscillator(stroke.instrument, stroke.pitch, rate)
    vibrato = np.float32(11.0) * swing(count, rate, per_second=5.4, delay=0.35)
    layer = decay(count, 3.5, rate) * np.float32(1.0 + 3.0 * stroke.velocity)
    layer += np.float32(0.8 + 3.0 * stroke.velocity)
    low = tables.read(bent(stroke.hertz, vibrato - np.float32(cents), rate), layer)
    high = tables.read(moved(bent(stroke.hertz, vibrato + np.float32(cents), rate), 0.25), layer)
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
    bow = noise(count, rate, draw, low=1200.0, high=6000.0)
    rosin = decay(count, 16.0, rate) * np.float32(0.10)
    rosin += np.float32(0.018)
    sound += bow * rosin
    return sound * VIOLIN.shape(stroke)


@lru_cache(maxsize=40)
def _bowed(pitch: int, rate: int) -> Stack:
    frequency = hertz(pitch)
    numbers = partials(frequency, rate, most=100)
    at = frequency * numbers
    body = 0.35 + peaks(at, *VIOLIN_BODY)
    cutoffs = np.geomspace(1800.0, 11_000.0, LAYERS)[:, np.newaxis]
    return stack(body * numbers**-0.8 * lowpass(at, cutoffs, resonance=0.75), reference=4, size=2048)


def voice_ooh(stroke: Stroke) -> Audio:
    return _sung(stroke, "ooh")


def voice_aah(stroke: Stroke) -> Audio:
    return _sung(stroke, "aah")


def _sung(stroke: Stroke, name: str) -> Audio:
    """Two singers side by side; each slides up to the note, and its vibrato sets in when the note lasts."""
    rate = stroke.rate
    count = stroke.count(VOICE.release)
    draw = stroke.draw()
    tables = _mouth(name, stroke.pitch, rate)
    # The mouth opens: the vowel is there after a tenth of a second.
    opening = np.float32(1.0) - decay(count, 11.0, rate)
    layer = opening * np.float32(LAYERS - 1.2 - 2.5 * (1.0 - stroke.velocity))
    singers = []
    for _ in range(2):
        speed, begin, depth, scoop = draw.uniform((4.9, 0.0, 16.0, 30.0), (5.7, 1.0, 26.0, 75.0))
        cents = np.float32(depth) * swing(count, rate, per_second=float(speed), delay=0.4, begin=float(begin))
        cents += np.float32(5.0) * swing(count, rate, per_second=1.3, begin=float(1.0 - begin))
        cents -= np.float32(scoop) * decay(count, 16.0, rate)
        singers.append(tables.read(moved(bent(stroke.hertz, cents, rate), float(begin)), layer))
    breath = noise(count, rate, draw, low=900.0, high=5500.0) * np.float32(0.014 if name == "ooh" else 0.02)
    one, other = singers
    one += breath
    both = np.stack([one + np.float32(0.3) * other, other + np.float32(0.3) * one])
    both *= VOICE.shape(stroke)
    return both


@lru_cache(maxsize=40)
def _mouth(name: str, pitch: int, rate: int) -> Stack:
    frequency = hertz(pitch)
    numbers = partials(frequency, rate, most=120)
    at = frequency * numbers
    # What the vocal folds give falls by 10 dB an octave; the fundamental stands out of it.
    folds = numbers**-1.1
    folds[0] *= 1.25
    closed, opened = vowel(at, "ooh", frequency), vowel(at, name, frequency)
    mix = np.linspace(0.0, 1.0, LAYERS)[:, np.newaxis] ** 0.5
    levels = folds * (closed * (1.0 - mix) + opened * mix) * lowpass(at, 3000.0 + 3500.0 * mix)
    return stack(levels, _glottal(len(numbers)), size=2048, reference=LAYERS - 2)


def _glottal(count: int) -> Numbers:
    """Not all in phase: a throat has no corners."""
    phases: Numbers = 0.25 * np.sqrt(np.arange(count))
    return phases

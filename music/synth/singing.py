"""Voices without words: lips that part, breath, a vowel that moves, and a vibrato that waits until the note lasts."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from music.synth.signals import Audio, Envelope, Stroke, clock, decay, hertz, moved, noise, slid, slur, swing
from music.synth.tables import Numbers, Stack, lowpass, partials, peaks, stack

VOICE = Envelope(attack=0.045, release=0.22)
LAYERS = 10
#: How far apart the two singers of a voice are heard.
APART = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Vowel:
    centres: tuple[float, ...]
    widths: tuple[float, ...]
    decibels: tuple[float, ...]


#: Of a voice between tenor and alto. A hum is what comes through the nose while the lips are closed.
VOWELS = {
    "hum": Vowel(
        centres=(270, 950, 2150, 3000, 3900), widths=(70, 220, 260, 300, 380), decibels=(0, -22, -30, -34, -42)
    ),
    "ooh": Vowel(
        centres=(340, 780, 2500, 3100, 3900), widths=(80, 110, 160, 220, 300), decibels=(0, -10, -28, -30, -36)
    ),
    "oh": Vowel(centres=(520, 900, 2550, 3150, 4000), widths=(90, 115, 170, 225, 310), decibels=(0, -6, -20, -23, -30)),
    "aah": Vowel(
        centres=(760, 1180, 2700, 3250, 4100), widths=(100, 120, 180, 230, 320), decibels=(0, -3, -14, -17, -24)
    ),
}
#: Between which vowels the syllables of a voice alternate.
SYLLABLES = {"ooh": ("ooh", "oh"), "aah": ("aah", "oh")}
#: How far towards the second vowel, take by take.
ROUNDED = (0.0, 0.3, 0.55)


@dataclass(frozen=True, kw_only=True, slots=True)
class Onset:
    """How a syllable begins: for how long the lips stay closed and how loud that is, how fast they part, how fast the
    throat comes in, and how much air goes before."""

    closed: float
    hum: float
    parting: float
    throat: float
    air: float


#: As in mah, lah, hah and ah.
ONSETS = (
    Onset(closed=0.055, hum=0.50, parting=0.085, throat=0.030, air=0.0),
    Onset(closed=0.020, hum=0.70, parting=0.060, throat=0.020, air=0.02),
    Onset(closed=0.0, hum=1.0, parting=0.050, throat=0.085, air=0.20),
    Onset(closed=0.0, hum=1.0, parting=0.120, throat=0.060, air=0.05),
)
#: Within a line the tongue only touches the palate.
SLURRED = Onset(closed=0.0, hum=0.60, parting=0.070, throat=0.012, air=0.01)
SLUR_SECONDS = 0.075


def vowel(frequencies: Numbers, name: str, frequency: float) -> Numbers:
    """The mouth for this pitch."""
    return _between(frequencies, VOWELS[name], VOWELS[name], 0.0, frequency)


def _between(frequencies: Numbers, one: Vowel, other: Vowel, share: float, frequency: float) -> Numbers:
    """A mouth on its way: its resonances move, rather than one set fading into another. Singers lift the first formant
    with the fundamental, or it would be lost."""
    centres = np.array(one.centres) ** (1.0 - share) * np.array(other.centres) ** share
    centres[0] = max(centres[0], 1.04 * frequency)
    centres[1] = max(centres[1], 1.45 * centres[0])
    widths, decibels = (
        (1.0 - share) * np.array(first) + share * np.array(second)
        for first, second in ((one.widths, other.widths), (one.decibels, other.decibels))
    )
    return peaks(frequencies, centres, widths, 10.0 ** (decibels / 20.0))


def voice_ooh(stroke: Stroke) -> Audio:
    return _sung(stroke, "ooh")


def voice_aah(stroke: Stroke) -> Audio:
    return _sung(stroke, "aah")


def _sung(stroke: Stroke, name: str) -> Audio:
    """Two singers side by side, who begin a syllable alike but not as one."""
    rate = stroke.rate
    count = stroke.count(VOICE.release)
    draw = stroke.draw()
    tables = _mouth(name, ROUNDED[stroke.take % len(ROUNDED)], stroke.pitch, rate)
    onset = ONSETS[int(draw.integers(len(ONSETS)))] if stroke.source is None else SLURRED
    seconds = clock(count, rate)
    parted = _eased((seconds - np.float32(onset.closed)) * np.float32(1.0 / onset.parting))
    # The vowel is never quite still, and a soft voice opens less.
    layer = parted * np.float32(LAYERS - 1.3 - 2.5 * (1.0 - stroke.velocity))
    layer += np.float32(0.35) * swing(count, rate, per_second=0.7, begin=float(draw.random()))
    throat = _eased(seconds * np.float32(1.0 / onset.throat))
    throat *= np.float32(onset.hum) + np.float32(1.0 - onset.hum) * parted
    one, other = (_singer(stroke, tables, layer, draw, count) * throat for _ in range(2))
    one += _breath(stroke, name, onset, parted, draw)
    both = np.stack([one + np.float32(APART) * other, other + np.float32(APART) * one])
    both *= VOICE.shape(stroke)
    return both


def _singer(stroke: Stroke, tables: Stack, layer: Audio, draw: np.random.Generator, count: int) -> Audio:
    rate = stroke.rate
    speed, begin, depth, scoop, late = draw.uniform((4.9, 0.0, 16.0, 25.0, 0.38), (5.8, 1.0, 27.0, 65.0, 0.55))
    vibrato = swing(count, rate, per_second=float(speed), delay=float(late), begin=float(begin))
    # No throat holds a pitch or a pressure: both wander, a few times a second.
    unsteady = noise(count, rate, draw, low=1.6, high=8.0)
    cents = np.float32(depth) * vibrato
    cents += np.float32(4.0) * unsteady
    if stroke.source is None:
        cents -= np.float32(scoop) * decay(count, 15.0, rate)
    else:
        cents += slur(stroke, count, SLUR_SECONDS)
    sound = tables.read(moved(slid(stroke.hertz, cents, rate), float(begin)), layer)
    vibrato *= np.float32(0.10)
    vibrato += np.float32(0.05) * unsteady
    vibrato += np.float32(1.0)
    sound *= vibrato
    return sound


def _breath(stroke: Stroke, name: str, onset: Onset, parted: Audio, draw: np.random.Generator) -> Audio:
    """Air in the mouth's own colour: most of it before the voice is there."""
    rate, count = stroke.rate, len(parted)
    low, high = (450.0, 1400.0) if name == "ooh" else (700.0, 1900.0)
    air = noise(count, rate, draw, low=low, high=high) + np.float32(0.7) * noise(
        count, rate, draw, low=2300.0, high=5600.0
    )
    level = decay(count, 24.0, rate) * np.float32(onset.air * (0.5 + 0.8 * stroke.velocity))
    level += parted * np.float32(0.009 + 0.010 * (1.0 - stroke.velocity))
    air *= level
    return air


def _eased(share: Audio) -> Audio:
    """From 0 to 1 without a corner at either end."""
    np.clip(share, 0.0, 1.0, out=share)
    eased: Audio = share * share * (np.float32(3.0) - np.float32(2.0) * share)
    return eased


@lru_cache(maxsize=40)
def _mouth(name: str, rounded: float, pitch: int, rate: int) -> Stack:
    """From closed lips to the open vowel."""
    frequency = hertz(pitch)
    numbers = partials(frequency, rate, most=120)
    at = frequency * numbers
    # What the vocal folds give falls by 10 dB an octave; the fundamental stands out of it.
    folds = numbers**-1.1
    folds[0] *= 1.25
    one, other = (VOWELS[syllable] for syllable in SYLLABLES[name])
    opened = Vowel(
        centres=tuple((1 - rounded) * a + rounded * b for a, b in zip(one.centres, other.centres, strict=True)),
        widths=one.widths,
        decibels=tuple((1 - rounded) * a + rounded * b for a, b in zip(one.decibels, other.decibels, strict=True)),
    )
    shares = np.linspace(0.0, 1.0, LAYERS)
    mouths = np.stack([_between(at, VOWELS["hum"], opened, float(share) ** 0.7, frequency) for share in shares])
    levels = folds * mouths * lowpass(at, 2400.0 + 5200.0 * shares[:, np.newaxis])
    # Closed lips are soft, but not as soft as that.
    levels /= np.sqrt((levels**2).sum(axis=1, keepdims=True)) ** 0.6
    return stack(levels, _glottal(len(numbers)), size=2048, reference=LAYERS - 2)


def _glottal(count: int) -> Numbers:
    """Not all in phase: a throat has no corners."""
    phases: Numbers = 0.25 * np.sqrt(np.arange(count))
    return phases

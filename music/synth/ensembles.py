"""Many at once: strings, brass, choir, pads and the wide saw. Each pitch is a loop in two colours; a note is a stretch
of it that moves from one colour to the other."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from music import seeds
from music.synth.signals import Audio, Envelope, Stroke, close, decay, hertz, rise, swing
from music.synth.singing import vowel
from music.synth.tables import LOOP, Numbers, Players, layer, loop, lowpass, peaks, spread

#: Detuning of a well-known synthesiser with seven saws, in cents, with the middle one loudest.
SEVEN_SAWS = Players(
    cents=(0.0, -3.2, 3.4, -10.5, 10.2, -18.5, 18.0), levels=(1.0, 0.55, 0.55, 0.55, 0.55, 0.5, 0.5), scatter=0.4
)
SECTION = Players(
    cents=(0.0, -4.0, 5.0, -9.0, 8.0, -14.0, 13.0, 2.0, -2.0, 17.0),
    levels=(1.0, 0.42, 0.42, 0.36, 0.36, 0.3, 0.3, 0.45, 0.45, 0.25),
    scatter=4.0,
)
SINGERS = Players(
    cents=(0.0, -6.0, 7.0, -12.0, 12.0, -19.0, 20.0, 3.0, -3.0),
    levels=(1.5, 0.4, 0.4, 0.32, 0.32, 0.26, 0.26, 0.45, 0.45),
    scatter=7.0,
)
HORNS = Players(cents=(0.0, -4.0, 5.0, -8.0, 7.0), levels=(1.0, 0.6, 0.6, 0.4, 0.4), scatter=1.0)
WARM = Players(cents=(0.0, -5.0, 6.0, -11.0, 10.0), levels=(1.0, 0.42, 0.42, 0.32, 0.32), scatter=1.5)
GLASS = Players(cents=(0.0, -3.0, 3.5, 1200.0, 1204.0, 1902.0, 2402.0), levels=(1.0, 0.5, 0.5, 0.4, 0.3, 0.16, 0.10))
#: Notes from which length on close before their end, and over how long.
CLOSING_FROM_SECONDS, CLOSING_SECONDS = 1.6, 0.7


@dataclass(frozen=True, kw_only=True, slots=True)
class Ensemble:
    players: Players
    #: The bright colour: level of a frequency, given the pitch.
    source: Callable[[Numbers, float], Numbers]
    #: The dull one is the bright one through a filter at so many hertz and so many times the pitch.
    dull_hz: float
    dull_ratio: float
    envelope: Envelope
    width: float
    #: How bright a note is while it is held: at no touch, and what a full touch adds.
    open: float
    touch: float
    #: What the attack adds to that, and how fast it goes; negative opens slowly.
    accent: float = 0.0
    accent_decay: float = 3.0
    #: The filter goes up and down: how much, and how often per second.
    sway: float = 0.0
    sway_speed: float = 0.2
    #: How far a long note closes again before it is let go: the next one shall be the brighter of the two.
    closing: float = 0.0


def _saw(frequencies: Numbers, pitch: float) -> Numbers:
    level: Numbers = pitch / frequencies
    return level


def _supersaw(frequencies: Numbers, pitch: float) -> Numbers:
    # The filter that follows the keys keeps what rumbles out of it.
    level: Numbers = (
        pitch / frequencies / np.sqrt(1.0 + (0.55 * pitch / frequencies) ** 6) * lowpass(frequencies, 11_000.0)
    )
    return level


def _strings(frequencies: Numbers, pitch: float) -> Numbers:
    body = 0.5 + peaks(frequencies, (300, 520, 1100, 2500), (120, 260, 700, 1800), (0.7, 0.8, 0.5, 0.5))
    level: Numbers = (pitch / frequencies) ** 0.8 * body * lowpass(frequencies, 9500.0, resonance=0.7)
    return level


def _brass(frequencies: Numbers, pitch: float) -> Numbers:
    bell = 0.25 + peaks(frequencies, (500, 1200, 2300), (600, 900, 1500), (0.9, 0.9, 0.4))
    level: Numbers = (pitch / frequencies) ** 0.75 * bell * lowpass(frequencies, 4800.0, order=4)
    return level


def _choir(frequencies: Numbers, pitch: float) -> Numbers:
    mouth = 0.6 * vowel(frequencies, "aah", pitch) + 0.5 * vowel(frequencies, "ooh", pitch)
    level: Numbers = (pitch / frequencies) ** 1.25 * (mouth + 0.01)
    return level


def _warm(frequencies: Numbers, pitch: float) -> Numbers:
    level: Numbers = (pitch / frequencies) ** 1.1 * lowpass(frequencies, 2600.0, order=4)
    return level


def _glass(frequencies: Numbers, pitch: float) -> Numbers:
    numbers = frequencies / pitch
    level: Numbers = numbers**-1.05 * np.where(np.rint(numbers) % 2 == 0, 0.35, 1.0) * lowpass(frequencies, 9000.0)
    return level


def _dark(frequencies: Numbers, pitch: float) -> Numbers:
    hollow = np.where(np.rint(frequencies / pitch) % 2 == 0, 0.45, 1.0)
    level: Numbers = (pitch / frequencies) ** 1.2 * hollow * lowpass(frequencies, 1100.0, resonance=1.3, order=4)
    return level


ENSEMBLES = {
    "supersaw": Ensemble(
        players=SEVEN_SAWS,
        source=_supersaw,
        dull_hz=500.0,
        dull_ratio=2.0,
        envelope=Envelope(attack=0.012, release=0.16),
        width=0.62,
        open=0.15,
        touch=0.7,
        accent=0.25,
        accent_decay=5.0,
    ),
    "stab": Ensemble(
        players=SEVEN_SAWS,
        source=_saw,
        dull_hz=260.0,
        dull_ratio=1.0,
        envelope=Envelope(attack=0.003, release=0.12, decay=0.20, sustain=0.0),
        width=0.5,
        open=0.0,
        touch=0.05,
        accent=0.75,
        accent_decay=8.0,
    ),
    "strings": Ensemble(
        players=SECTION,
        source=_strings,
        dull_hz=700.0,
        dull_ratio=1.5,
        envelope=Envelope(attack=0.16, release=0.45),
        width=0.6,
        open=0.25,
        touch=0.7,
        accent=-0.3,
        sway=0.06,
        sway_speed=0.31,
    ),
    "warm_pad": Ensemble(
        players=WARM,
        source=_warm,
        dull_hz=280.0,
        dull_ratio=1.3,
        envelope=Envelope(attack=0.40, release=0.90),
        width=0.6,
        open=0.30,
        touch=0.35,
        accent=-0.25,
        accent_decay=1.0,
        closing=0.25,
        sway=0.18,
        sway_speed=0.13,
    ),
    "glass_pad": Ensemble(
        players=GLASS,
        source=_glass,
        dull_hz=900.0,
        dull_ratio=2.0,
        envelope=Envelope(attack=0.25, release=1.10),
        width=0.52,
        open=0.35,
        touch=0.4,
        accent=0.2,
        accent_decay=1.5,
        closing=0.3,
        sway=0.22,
        sway_speed=0.21,
    ),
    "dark_pad": Ensemble(
        players=WARM,
        source=_dark,
        dull_hz=150.0,
        dull_ratio=1.2,
        envelope=Envelope(attack=0.55, release=1.00),
        width=0.55,
        open=0.35,
        touch=0.35,
        closing=0.2,
        sway=0.3,
        sway_speed=0.09,
    ),
    "choir": Ensemble(
        players=SINGERS,
        source=_choir,
        dull_hz=520.0,
        dull_ratio=1.4,
        envelope=Envelope(attack=0.22, release=0.55),
        width=0.6,
        open=0.35,
        touch=0.55,
        accent=-0.35,
        accent_decay=4.0,
        closing=0.2,
        sway=0.05,
        sway_speed=0.27,
    ),
    "brass": Ensemble(
        players=HORNS,
        source=_brass,
        dull_hz=420.0,
        dull_ratio=1.2,
        envelope=Envelope(attack=0.045, release=0.14, decay=0.25, sustain=0.85),
        width=0.45,
        open=0.05,
        touch=0.75,
        accent=-0.5,
        accent_decay=14.0,
    ),
}


def ensemble(stroke: Stroke) -> Audio:
    voice = ENSEMBLES[stroke.instrument]
    dull, bright = _colours(stroke.instrument, stroke.pitch, stroke.rate)
    level = voice.envelope.shape(stroke)
    count = len(level)
    opened = np.full(count, voice.open + voice.touch * stroke.velocity, dtype=np.float32)
    if voice.accent:
        opened += decay(count, voice.accent_decay, stroke.rate) * np.float32(voice.accent)
    draw = stroke.draw()
    start, begin = int(draw.integers(LOOP)), float(draw.random())
    if voice.sway:
        opened += swing(count, stroke.rate, per_second=voice.sway_speed, begin=begin) * np.float32(voice.sway)
    if voice.closing and stroke.seconds > CLOSING_FROM_SECONDS:
        end, over = round(stroke.seconds * stroke.rate), round(CLOSING_SECONDS * stroke.rate)
        opened[end - over : end] -= np.float32(voice.closing) * rise(over)
        opened[end:] -= np.float32(voice.closing)
    np.clip(opened, 0.0, 1.0, out=opened)
    opened *= level
    sound = spread(bright, start, count, voice.width)
    sound *= opened
    level -= opened
    rest = spread(dull, start, count, voice.width)
    rest *= level
    sound += rest
    return close(sound, attack=0.002, release=0.01, rate=stroke.rate)


@lru_cache(maxsize=48)
def _colours(instrument: str, pitch: int, rate: int) -> tuple[Audio, Audio]:
    """Dull and bright, each with the same place in the same loop; equally loud between them at every pitch."""
    voice, frequency = ENSEMBLES[instrument], hertz(pitch)
    draw = seeds.generator(0, "loop", instrument, str(pitch))
    lines = loop(frequency, lambda at: voice.source(at, frequency), voice.players, rate, draw)
    cutoff = voice.dull_hz + voice.dull_ratio * frequency
    bright = layer(lines)
    dull = layer(lines, lambda at: lowpass(at, cutoff, order=4))
    size = np.float32(np.sqrt(0.5 * np.mean(bright**2) + 0.5 * np.mean(dull**2)))
    for colour in (bright, dull):
        colour /= size
        colour.flags.writeable = False
    return dull, bright

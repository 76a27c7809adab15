"""Keys and mallets: piano, electric piano, organ, vibraphone and bells."""

import numpy as np
import numpy.typing as npt

from music.synth.modes import Modes, joined, modes, ring
from music.synth.signals import (
    HIGHEST,
    Audio,
    Envelope,
    Stroke,
    bent,
    close,
    decay,
    midpoint,
    moved,
    noise,
    sine,
    swing,
    turns,
)
from music.synth.tables import Stack, partials, stack

Numbers = npt.NDArray[np.float64]

#: From a sixteen-foot to a one-foot pipe, as multiples of half the written pitch, and how far each is drawn.
DRAWBARS = ((1, 0.55), (3, 0.35), (2, 1.0), (4, 0.75), (6, 0.38), (8, 0.34), (10, 0.12), (12, 0.10), (16, 0.16))
ORGAN = Envelope(attack=0.006, release=0.06)
#: A slow rotor: turns per second.
ROTOR = 0.9
#: Frequencies of a bar tuned two octaves and three above its fundamental, and of a small bell.
BAR = np.array([1.0, 4.0, 9.9, 17.3])
BELL = np.array([0.5, 1.0, 1.003, 1.19, 1.56, 2.0, 2.52, 2.66, 3.01, 4.10, 5.43, 6.80, 8.21])


def piano(stroke: Stroke) -> Audio:
    draw = stroke.draw(by_take=False)
    strings = _piano_strings(stroke, draw)
    sound = ring(strings.scaled(strings.power() ** -0.4 * strings.power(0.3) ** -0.6), stroke.seconds, stroke.rate)
    short = min(len(sound), round(0.09 * stroke.rate))
    felt = noise(short, stroke.rate, draw, low=90.0, high=700.0 + 2400.0 * stroke.velocity)
    sound[:short] += felt * decay(short, 70.0, stroke.rate) * np.float32(0.05 + 0.10 * stroke.velocity)
    # The hammer stays on a low string for longer.
    attack = 0.0035 - 0.0025 * midpoint(stroke.hertz, low=40.0, high=2000.0)
    return close(sound, attack=attack, release=0.02, rate=stroke.rate)


def _piano_strings(stroke: Stroke, draw: np.random.Generator) -> Modes:
    height = midpoint(stroke.hertz, low=27.5, high=4186.0)
    numbers = partials(stroke.hertz, stroke.rate, most=44)
    stiffness = max(9e-5, 3.2e-4 * 2.0 ** ((stroke.pitch - 60) / 8.5))
    frequencies = stroke.hertz * numbers * np.sqrt((1.0 + stiffness * numbers**2) / (1.0 + stiffness))
    # A hard stroke shortens the contact, and the higher partials come through.
    cutoff = (420.0 + 2600.0 * stroke.velocity**1.6) * (0.75 + 1.1 * height) + 0.7 * stroke.hertz
    levels = (0.12 + np.abs(np.sin(np.pi * numbers / 7.7))) * numbers**-0.55
    levels *= np.exp(-frequencies / cutoff) + 0.004
    # A soundboard does not radiate what it is too small for.
    levels *= frequencies / np.sqrt(frequencies**2 + 75.0**2)
    levels *= 10.0 ** (draw.normal(0.0, 2.2, len(numbers)) / 20.0)
    slow = 0.22 + 2.6 * height**2.2
    decays = slow * (1.0 + 0.11 * numbers + 0.012 * numbers**1.7)
    unison = 1.0 + draw.normal(0.0, 0.00028, len(numbers))
    prompt = modes(frequencies, levels, decays * 2.6)
    after = modes(frequencies * unison, 0.42 * levels, decays * 0.75)
    return joined(prompt, after)


def electric_piano(stroke: Stroke) -> Audio:
    """A tine beside a pickup: a sine bent by its own frequency, more so the harder it is struck, a chime on top, and
    a slow tremolo from side to side."""
    frequency, rate = stroke.hertz, stroke.rate
    count = max(8, round(min(stroke.seconds, 9.0 * (1.2 - midpoint(frequency, low=60, high=2500))) * rate))
    phase = turns(frequency, count, rate)
    index = decay(count, 3.0, rate)
    index *= np.float32(0.09 + 0.16 * stroke.velocity**1.5)
    index += np.float32(0.05 + 0.06 * stroke.velocity)
    index *= np.float32(1.15 - 0.75 * midpoint(frequency, low=80.0, high=1600.0))
    sound = sine(moved(phase, index * sine(phase)))
    sound *= decay(count, 0.55 + frequency / 620.0, rate)
    chime = modes(
        [frequency * 2.0, frequency * 7.11, frequency * 13.9],
        np.array([0.10, 0.17, 0.07]) * (0.35 + stroke.velocity) * min(1.0, 400.0 / frequency) ** 0.4,
        [1.6, 7.0, 16.0],
    )
    struck = ring(chime, stroke.seconds, rate)[:count]
    sound[: len(struck)] += struck
    thump = min(count, round(0.06 * rate))
    knock = noise(thump, rate, stroke.draw(), low=120.0, high=1200.0)
    sound[:thump] += knock * decay(thump, 90.0, rate) * np.float32(0.07 * (0.4 + stroke.velocity))
    close(sound, attack=0.0018, release=0.03, rate=rate)
    tremolo = np.float32(0.16) * swing(count, rate, per_second=4.6)
    return np.stack([sound * (1 + tremolo), sound * (1 - tremolo)])


def organ(stroke: Stroke) -> Audio:
    """Tone wheels, the click of nine contacts, and a slow rotor."""
    base, rate = stroke.hertz / 2, stroke.rate
    count = stroke.count(ORGAN.release)
    wheels = _drawn(base, rate)
    begin = (stroke.pitch * 0.37) % 1.0
    rotor = swing(count, rate, per_second=ROTOR, begin=begin)
    sound = wheels.read(bent(base, np.float32(2.2) * rotor + np.float32(3.0) * _chorus(count, rate), rate))
    held = round(stroke.seconds * rate)
    strike = decay(count, 9.0, rate)
    strike *= sine(turns(base * 6, count, rate)) if base * 6 < HIGHEST * rate else np.float32(0.0)
    sound += np.float32(0.22 + 0.3 * stroke.velocity) * strike
    shape = ORGAN.shape(stroke)
    sound *= shape
    draw = stroke.draw()
    for at, level in ((0, 0.16), (held, 0.07)):
        click = min(round(0.012 * rate), count - at)
        if click > 8:
            hit = noise(click, rate, draw, low=900.0, high=4500.0) * decay(click, 260.0, rate) * np.float32(level)
            sound[at : at + click] += close(hit, attack=0.0006, release=0.003, rate=rate)
    turning = np.float32(0.22) * rotor
    return np.stack([sound * (1 + turning), sound * (1 - turning)])


def _chorus(count: int, rate: int) -> Audio:
    return swing(count, rate, per_second=6.4, delay=0.25)


def _drawn(base: float, rate: int) -> Stack:
    numbers = partials(base, rate, most=16)
    levels = np.zeros(len(numbers))
    for number, level in DRAWBARS:
        if number <= len(numbers):
            levels[number - 1] = level
    return stack(levels, size=512)


def vibraphone(stroke: Stroke) -> Audio:
    frequency, rate = stroke.hertz, stroke.rate
    hard = 0.25 + stroke.velocity
    bar = modes(
        frequency * BAR,
        np.array([1.0, 0.20 * hard, 0.10 * hard**1.5, 0.03 * hard**2]),
        np.array([0.55, 2.6, 8.0, 18.0]) * (frequency / 440.0) ** 0.4,
    )
    sound = ring(bar.scaled(1.0 / bar.power()), stroke.seconds, rate)
    short = min(len(sound), round(0.03 * rate))
    mallet = noise(short, rate, stroke.draw(), low=250.0, high=1800.0) * decay(short, 170.0, rate)
    sound[:short] += np.float32(0.12 * hard) * mallet
    close(sound, attack=0.0015, release=0.05, rate=rate)
    # Fans in the resonators, turned by one motor: all bars breathe alike.
    sound *= np.float32(0.84) + np.float32(0.16) * swing(len(sound), rate, per_second=5.2, begin=0.25)
    return sound


def bell(stroke: Stroke) -> Audio:
    """Glassy: partials that are no harmonics, in pairs that beat."""
    frequency, rate = stroke.hertz, stroke.rate
    hard = 0.3 + 0.8 * stroke.velocity
    levels = np.array([0.16, 1.0, 0.45, 0.22, 0.10, 0.50, 0.09, 0.22, 0.30, 0.26, 0.18, 0.10, 0.06])
    levels = levels * np.minimum(1.0, (2.2 * hard / BELL) ** 0.8)
    decays = np.array([0.5, 0.8, 0.8, 1.1, 1.7, 1.5, 2.4, 2.3, 2.6, 3.8, 5.5, 7.5, 10.0])
    struck = modes(frequency * BELL, levels, decays * (frequency / 880.0) ** 0.35)
    twin = modes(frequency * BELL * 1.0014, levels, struck.decays)
    size = 1.0 / (2.0 * struck.power())
    phases = np.linspace(0.0, 0.3, len(BELL))
    sides = [ring(m.scaled(size), stroke.seconds, rate, phases) for m in (struck, twin)]
    return close(np.stack(sides), attack=0.0015, release=0.05, rate=rate)

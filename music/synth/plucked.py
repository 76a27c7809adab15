"""Plucked strings: guitars, harpsichord and basses. What makes each is where and with what it is plucked, how stiff the
string is, how fast it loses its high partials, and the body behind it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music.synth.modes import Modes, joined, modes, ring
from music.synth.signals import Audio, Stroke, close, decay, midpoint, noise
from music.synth.tables import partials, peaks

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Body:
    """Resonances that lend some partials more weight."""

    centres: tuple[float, ...]
    widths: tuple[float, ...]
    levels: tuple[float, ...]

    def response(self, frequencies: Numbers) -> Numbers:
        return 0.55 + peaks(frequencies, self.centres, self.widths, self.levels)


NO_BODY = Body(centres=(1.0,), widths=(1.0,), levels=(0.0,))


@dataclass(frozen=True, kw_only=True, slots=True)
class String:
    #: Part of the length from the bridge.
    position: float
    #: Of the plectrum or the finger: partials above are softened; played hard they reach further.
    cutoff_hz: float
    #: How the levels of partials fall: 1 is a sharp corner, 2 a round one.
    slope: float
    #: Per second at 220 Hz.
    decay: float
    #: How much faster partials die per kilohertz.
    damping: float
    #: 1e-5 for gut, 1e-4 for steel.
    stiffness: float = 3e-5
    #: Where a magnetic pickup listens, as part of the length; 0 for none.
    pickup: float = 0.0
    #: Noise of the plectrum: level, and from where to where in hertz.
    pick: float = 0.05
    pick_low: float = 1500.0
    pick_high: float = 6000.0
    #: The body knocked by the hand: level and frequency.
    knock: float = 0.0
    knock_hz: float = 110.0
    body: Body = NO_BODY
    most_partials: int = 48


STRINGS = {
    "nylon_guitar": String(
        position=0.24,
        cutoff_hz=2100,
        slope=0.9,
        decay=1.7,
        damping=1.2,
        stiffness=1.5e-5,
        pick=0.05,
        pick_low=500,
        pick_high=2600,
        knock=0.22,
        knock_hz=98,
        body=Body(centres=(102, 208, 395, 900), widths=(40, 60, 120, 500), levels=(1.2, 1.0, 0.6, 0.3)),
    ),
    "steel_guitar": String(
        position=0.17,
        cutoff_hz=4200,
        slope=0.72,
        decay=1.1,
        damping=0.62,
        stiffness=6e-5,
        pick=0.10,
        pick_low=2200,
        pick_high=9000,
        knock=0.12,
        knock_hz=105,
        body=Body(centres=(108, 200, 420, 2600), widths=(40, 60, 150, 2600), levels=(0.8, 0.8, 0.5, 0.6)),
    ),
    "clean_guitar": String(
        position=0.19,
        cutoff_hz=3600,
        slope=0.8,
        decay=0.85,
        damping=0.6,
        stiffness=5e-5,
        pickup=0.23,
        pick=0.05,
        pick_low=1800,
        pick_high=5500,
        body=Body(centres=(2900,), widths=(2200,), levels=(0.7,)),
    ),
    "harpsichord": String(
        position=0.12,
        cutoff_hz=7000,
        slope=0.48,
        decay=1.3,
        damping=0.38,
        stiffness=4e-5,
        pick=0.09,
        pick_low=3000,
        pick_high=11000,
        knock=0.10,
        knock_hz=160,
        body=Body(centres=(240, 900, 2400), widths=(200, 600, 1800), levels=(0.5, 0.5, 0.5)),
        most_partials=60,
    ),
    "pluck": String(
        position=0.33,
        cutoff_hz=3400,
        slope=0.7,
        decay=2.3,
        damping=1.0,
        stiffness=0.0,
        pick=0.03,
        pick_low=2000,
        pick_high=9000,
    ),
    "finger_bass": String(
        position=0.19,
        cutoff_hz=600,
        slope=0.9,
        decay=0.95,
        damping=2.6,
        stiffness=6e-5,
        pickup=0.14,
        pick=0.03,
        pick_low=300,
        pick_high=1400,
    ),
    "pick_bass": String(
        position=0.09,
        cutoff_hz=1900,
        slope=0.8,
        decay=0.9,
        damping=2.0,
        stiffness=8e-5,
        pickup=0.11,
        pick=0.07,
        pick_low=1600,
        pick_high=4500,
    ),
    "upright_bass": String(
        position=0.27,
        cutoff_hz=620,
        slope=1.0,
        decay=1.9,
        damping=3.6,
        stiffness=2e-5,
        pick=0.05,
        pick_low=250,
        pick_high=1600,
        knock=0.20,
        knock_hz=62,
        body=Body(centres=(62, 110, 190, 420), widths=(30, 50, 90, 250), levels=(0.7, 0.9, 0.6, 0.4)),
    ),
}


def plucked(stroke: Stroke) -> Audio:
    string = STRINGS[stroke.instrument]
    draw = stroke.draw()
    tone = _string(stroke, string, draw)
    sounding = tone.scaled(tone.power() ** -0.4 * tone.power(0.3) ** -0.6)
    if string.knock:
        hits = string.knock_hz * np.array([1.0, 2.02, 3.85])
        sounding = joined(sounding, modes(hits, string.knock * np.array([1.0, 0.7, 0.3]), (22.0, 34.0, 60.0)))
    sound = ring(sounding, stroke.seconds, stroke.rate)
    scrape = min(len(sound), round(0.05 * stroke.rate))
    hiss = noise(scrape, stroke.rate, draw, low=string.pick_low, high=string.pick_high)
    sound[:scrape] += hiss * decay(scrape, 140.0, stroke.rate) * np.float32(string.pick * (0.4 + 1.2 * stroke.velocity))
    return close(sound, attack=0.0012, release=0.02, rate=stroke.rate)


def _string(stroke: Stroke, string: String, draw: np.random.Generator) -> Modes:
    """In two planes: the second dies more slowly, a little out of tune with the first, so that the tone lives."""
    numbers = partials(stroke.hertz, stroke.rate, most=string.most_partials)
    frequencies = stroke.hertz * numbers * np.sqrt((1.0 + string.stiffness * numbers**2) / (1.0 + string.stiffness))
    # No two strokes hit the same spot.
    position = string.position * (1.0 + 0.04 * draw.standard_normal())
    levels = np.abs(np.sin(np.pi * numbers * position)) + 0.04
    levels *= numbers**-string.slope
    cutoff = string.cutoff_hz * (0.2 + 1.6 * stroke.velocity**1.3) + 0.7 * stroke.hertz
    levels /= 1.0 + (frequencies / cutoff) ** 2
    if string.pickup:
        levels *= 0.25 + np.abs(np.sin(np.pi * numbers * string.pickup))
    levels *= string.body.response(frequencies)
    decays = string.decay * (stroke.hertz / 220.0) ** 0.45 * (1.0 + string.damping * frequencies / 1000.0)
    decays += 0.00000015 * frequencies**2
    signs = np.where(np.sin(np.pi * numbers * position) < 0, -1.0, 1.0)
    beating = 1.0 + 0.00025 + 0.0002 * midpoint(stroke.hertz, low=55.0, high=880.0)
    upright = modes(frequencies, levels * signs, decays * 1.25)
    sideways = modes(frequencies * beating, 0.4 * levels * signs, decays * 0.6)
    return joined(upright, sideways)

"""Kits: a stroke on a piece becomes sound, a little different at each take and brighter the harder it is."""

from collections.abc import Callable

import numpy as np
from scipy.signal import butter, sosfilt

from music.instruments import (
    CLAP,
    CLOSED_HAT,
    CRASH,
    HIGH_TOM,
    KICK,
    LOW_TOM,
    MID_TOM,
    OPEN_HAT,
    PEDAL_HAT,
    RIDE,
    RIDE_BELL,
    RIM,
    SNARE,
)
from music.synth import cymbals
from music.synth.kits import KITS, Kit
from music.synth.modes import modes, ring
from music.synth.percussion import hit, struck
from music.synth.signals import Audio, Stroke, close, decay, noise, sine_of

#: How loud the loudest 40 ms of a stroke are, in decibels, so that the pieces make a kit.
BALANCE = {
    KICK: -14.0,
    SNARE: -17.0,
    RIM: -23.0,
    CLAP: -19.0,
    CLOSED_HAT: -28.0,
    PEDAL_HAT: -31.0,
    OPEN_HAT: -27.0,
    LOW_TOM: -17.5,
    MID_TOM: -18.0,
    HIGH_TOM: -18.5,
    CRASH: -21.5,
    RIDE: -28.0,
    RIDE_BELL: -26.0,
}
#: A drum dies away within this.
LONGEST_SECONDS = 4.0
#: Of wires in a brush.
BUNDLES = 7


def drum(stroke: Stroke) -> Audio:
    kit, draw = KITS[stroke.instrument], stroke.draw()
    piece = PIECES.get(stroke.pitch)
    if piece is None:
        # Something of the percussion in a kit's track, or a number that no kit has.
        return struck(stroke)
    sound = piece(kit, stroke, draw)
    if kit.tape_hz:
        sound = _taped(sound, kit, stroke.rate)
    return hit(sound, stroke, BALANCE[stroke.pitch], draw)


def kick(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    spec, rate, hard = kit.kick, stroke.rate, stroke.velocity
    count = round(min(LONGEST_SECONDS, 6.5 / spec.decay) * rate)
    seconds = np.arange(count) / rate
    tuned = spec.hertz * (1.0 + 0.006 * draw.standard_normal())
    sweep = spec.sweep * (0.75 + 0.35 * hard) * spec.sweep_seconds
    phase = tuned * (seconds + sweep * (1.0 - np.exp(-seconds / spec.sweep_seconds)))
    sound = sine_of(phase) * decay(count, spec.decay, rate)
    if spec.drive > 1.0:
        drive = np.float32(1.0 + (spec.drive - 1.0) * (0.4 + 0.8 * hard))
        sound = np.tanh(drive * sound)
    short = round(0.03 * rate)
    beater = noise(short, rate, draw, low=300.0, high=spec.click_hz * (0.6 + 0.6 * hard)) * decay(short, 190.0, rate)
    sound[:short] += beater * np.float32(spec.click * (0.3 + 0.8 * hard))
    if spec.air:
        room = min(count, round(0.15 * rate))
        sound[:room] += noise(room, rate, draw, low=60.0, high=420.0) * decay(room, 30.0, rate) * np.float32(spec.air)
    return close(sound, attack=0.0012, release=0.03, rate=rate)


def snare(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    spec, rate, hard = kit.snare, stroke.rate, stroke.velocity
    count = round(min(1.2, 6.5 / spec.slow_decay) * rate)
    seconds = np.arange(count) / rate
    bent_seconds = seconds + spec.bend * hard * 0.012 * (1.0 - np.exp(-seconds / 0.012))
    off_centre = 1.0 + 0.25 * draw.standard_normal(len(spec.hertz))
    skin = np.zeros(count, dtype=np.float32)
    for number, (at, level) in enumerate(zip(spec.hertz, spec.levels, strict=True)):
        part = sine_of(at * bent_seconds) * decay(count, spec.tone_decay * (1.0 + 0.25 * number), rate)
        skin += part * np.float32(level * off_centre[number])
    wires = noise(count, rate, draw, low=spec.low, high=spec.high * (0.55 + 0.5 * hard))
    fade = decay(count, spec.decay, rate)
    fade += np.float32(0.35) * decay(count, spec.slow_decay, rate)
    if spec.bristles:
        fade = _landing(fade, spec.bristles * (1.3 - 0.6 * hard), rate, draw)
    sound = skin * np.float32(0.75) + wires * fade * np.float32(spec.noise * (0.65 + 0.4 * hard))
    if spec.drive:
        sound = np.tanh(sound * np.float32(spec.drive))
    return close(sound, attack=spec.attack, release=0.04, rate=rate)


def _landing(fade: Audio, seconds: float, rate: int, draw: np.random.Generator) -> Audio:
    """The wires of a brush come down one bundle after another."""
    landed = np.zeros_like(fade)
    for at in np.sort(draw.uniform(0.0, seconds, BUNDLES)):
        late = round(float(at) * rate)
        landed[late:] += fade[: len(fade) - late] * np.float32(draw.uniform(0.5, 1.0))
    landed *= np.float32(1.5 / BUNDLES)
    return landed


def clap(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    """Several hands that do not meet at once, and the room."""
    spec, rate = kit.clap, stroke.rate
    count = round(0.45 * rate)
    shape = np.zeros(count, dtype=np.float32)
    hands = np.cumsum(spec.spacing * draw.uniform(0.8, 1.2, 3))
    for at in (0.0, *hands):
        start = round(float(at) * rate)
        shape[start:] = np.maximum(shape[start:], decay(count - start, 150.0, rate))
    tail = round(float(hands[-1]) * rate)
    shape[tail:] += np.float32(0.45) * decay(count - tail, spec.tail_decay, rate)
    high = spec.high * (0.7 + 0.4 * stroke.velocity)
    sides = [noise(count, rate, draw, low=spec.low, high=high) for _ in range(2)]
    both = np.stack([sides[0] + np.float32(0.4) * sides[1], sides[0] - np.float32(0.4) * sides[1]]) * shape
    return close(both, attack=0.0012, release=0.08, rate=rate)


def rim(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
    numbers = np.arange(len(kit.rim_hertz))
    levels = (0.9**numbers) * (1.0 + 0.2 * draw.standard_normal(len(numbers)))
    stick = ring(modes(kit.rim_hertz, levels, kit.rim_decay * (1.0 + 0.3 * numbers)), 0.25, stroke.rate)
    short = min(len(stick), round(0.012 * stroke.rate))
    snap = noise(short, stroke.rate, draw, low=1800.0, high=8000.0) * decay(short, 420.0, stroke.rate)
    stick[:short] += snap * np.float32(0.5 * (0.3 + stroke.velocity))
    return close(stick, attack=0.0004, release=0.02, rate=stroke.rate)


def tom(which: int) -> Callable[[Kit, Stroke, np.random.Generator], Audio]:
    def make(kit: Kit, stroke: Stroke, draw: np.random.Generator) -> Audio:
        spec, rate, hard = kit.toms, stroke.rate, stroke.velocity
        count = round(min(1.4, 6.5 / spec.decay) * rate)
        seconds = np.arange(count) / rate
        tuned = spec.hertz[which] * (1.0 + 0.004 * draw.standard_normal())
        bent_seconds = seconds + spec.bend * (0.4 + 0.7 * hard) * 0.05 * (1.0 - np.exp(-seconds / 0.05))
        sound = sine_of(tuned * bent_seconds) * decay(count, spec.decay, rate)
        for ratio, level in ((1.593, 0.35), (2.135, 0.22), (2.65, 0.12)):
            over = sine_of(tuned * ratio * bent_seconds) * decay(count, spec.decay * 2.2 * ratio, rate)
            sound += over * np.float32(level * (0.5 + 0.6 * hard) * (1.0 + 0.2 * draw.standard_normal()))
        skin = noise(count, rate, draw, low=150.0, high=2400.0) * decay(count, 26.0, rate)
        sound += skin * np.float32(spec.skin)
        short = round(0.015 * rate)
        stick = noise(short, rate, draw, low=900.0, high=5000.0) * decay(short, 260.0, rate)
        sound[:short] += stick * np.float32(spec.click * (0.4 + hard))
        return close(sound, attack=0.001, release=0.06, rate=rate)

    return make


def _taped(sound: Audio, kit: Kit, rate: int) -> Audio:
    """From an old sampler: driven into tape, and dull."""
    dull = butter(2, kit.tape_hz, fs=rate, output="sos").astype(np.float32)
    peak = np.float32(np.abs(sound).max()) + np.float32(1e-9)
    taped: Audio = sosfilt(dull, np.tanh(sound * (np.float32(kit.tape_drive) / peak)), axis=-1)
    return close(taped, attack=0.0006, release=0.01, rate=rate)


PIECES: dict[int, Callable[[Kit, Stroke, np.random.Generator], Audio]] = {
    KICK: kick,
    SNARE: snare,
    RIM: rim,
    CLAP: clap,
    CLOSED_HAT: cymbals.closed_hat,
    PEDAL_HAT: cymbals.pedal_hat,
    OPEN_HAT: cymbals.open_hat,
    LOW_TOM: tom(0),
    MID_TOM: tom(1),
    HIGH_TOM: tom(2),
    CRASH: cymbals.crash,
    RIDE: cymbals.ride,
    RIDE_BELL: cymbals.ride_bell,
}

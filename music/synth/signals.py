"""What every instrument is made of: the stroke that sets it off, clocks, envelopes, sines and noise.

Sound is float32. Phases are whole numbers that wrap around once a turn: they stay exact however long a tone lasts, and
the sine of a large single-precision phase would be audible noise.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import fft

from music import seeds

#: (samples,) for one channel, (channels, samples) for more.
Audio: TypeAlias = npt.NDArray[np.float32]
#: In steps of 2^-32 turns, so that it wraps around by itself.
Phase: TypeAlias = npt.NDArray[np.uint32]
TURN = 2.0**32

#: Nothing sounds above this part of the sample rate: what is bent upwards by a vibrato still does not alias.
HIGHEST = 0.46
#: A second and a half: nothing that is made of noise stands still for so long.
NOISE_SAMPLES = 1 << 16
#: Edges of noise are rounded to steps this fine, so that few colours are made, and most are used again.
COLOURS_PER_OCTAVE = 3
SOUND_SEED = 0
DECAY_ROW = 512
#: More samples than the longest sound has.
_COUNT = np.arange(1 << 21, dtype=np.uint32)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stroke:
    """What a player does: which keys, for how long, how hard. `take` tells repetitions of the same stroke apart."""

    instrument: str
    pitches: tuple[int, ...]
    seconds: float
    #: 0 to 1. It changes the colour; how loud the sound is played is not the instrument's business.
    velocity: float
    take: int
    rate: int
    #: The pitch from which it slides, where it is slurred to the note before.
    source: int | None = None

    @property
    def pitch(self) -> int:
        return self.pitches[0]

    @property
    def hertz(self) -> float:
        return hertz(self.pitch)

    def count(self, release: float) -> int:
        """Samples while the key is held and for `release` seconds after that."""
        return max(8, round((self.seconds + release) * self.rate))

    def draw(self, *, by_take: bool = True) -> np.random.Generator:
        names = [self.instrument, *map(str, self.pitches)]
        return seeds.generator(SOUND_SEED, "sound", *names, *([str(self.take)] if by_take else []))


def hertz(pitch: float) -> float:
    return float(440.0 * 2.0 ** ((pitch - 69) / 12))


def clock(count: int, rate: int) -> Audio:
    """Seconds since the start: fine enough for envelopes, not for phases."""
    seconds: Audio = _COUNT[:count].astype(np.float32)
    seconds *= np.float32(1.0 / rate)
    return seconds


def turns(frequency: float, count: int, rate: int) -> Phase:
    return _COUNT[:count] * _step(frequency, rate)


def bent(frequency: float, cents: Audio, rate: int) -> Phase:
    """The phase of a tone that is `cents` off `frequency`; for bends of up to a semitone or so."""
    off = (cents * np.float32(frequency / rate * TURN * np.log(2.0) / 1200.0)).astype(np.int32).view(np.uint32)
    off += _step(frequency, rate)
    phase: Phase = np.cumsum(off, dtype=np.uint32)
    phase -= off[0]
    return phase


def slid(frequency: float, cents: Audio, rate: int) -> Phase:
    """As `bent`, for bends of any size."""
    turned = np.exp2(cents * np.float32(1.0 / 1200.0))
    turned *= np.float32(frequency / rate * TURN)
    steps = turned.astype(np.uint32)
    phase: Phase = np.cumsum(steps, dtype=np.uint32)
    phase -= steps[0]
    return phase


def slur(stroke: Stroke, count: int, seconds: float) -> Audio:
    """Cents on the way from the note before; slow to leave and slow to arrive."""
    moving = min(count, round(seconds * stroke.rate))
    cents = np.zeros(count, dtype=np.float32)
    if stroke.source is not None:
        cents[:moving] = (np.float32(1.0) - rise(moving)) * np.float32(100.0 * (stroke.source - stroke.pitch))
    return cents


def glided(steps: npt.NDArray[np.float64]) -> Phase:
    """The phase of a tone of so many turns a sample."""
    return np.cumsum((steps * TURN).astype(np.uint32), dtype=np.uint32)


def moved(phase: Phase, by: Audio | float) -> Phase:
    """Turned on by a fraction of a turn, or at each sample by less than half of one."""
    if isinstance(by, float):
        return phase + np.uint32(int((by % 1.0) * TURN) & 0xFFFFFFFF)
    return phase + (by * np.float32(TURN)).astype(np.int32).view(np.uint32)


def sine(phase: Phase) -> Audio:
    angle: Audio = phase.view(np.int32).astype(np.float32)
    angle *= np.float32(2 * np.pi / TURN)
    return np.sin(angle, out=angle)


def sine_of(turned: npt.NDArray[np.float64]) -> Audio:
    """The sine of a phase given as a number of turns."""
    angle: Audio = (turned - turned.astype(np.int32)).astype(np.float32)
    angle *= np.float32(2 * np.pi)
    return np.sin(angle, out=angle)


def _step(frequency: float, rate: int) -> np.uint32:
    return np.uint32(round(frequency / rate * TURN))


def decay(count: int, per_second: float, rate: int) -> Audio:
    """From 1 on exponentially: the powers of a row times those of its first sample."""
    fine = np.exp(np.arange(DECAY_ROW) * (-per_second / rate)).astype(np.float32)
    rows = -(-count // DECAY_ROW)
    coarse = np.exp(np.arange(rows) * (-per_second * DECAY_ROW / rate)).astype(np.float32)
    curve: Audio = np.multiply.outer(coarse, fine).reshape(-1)[:count]
    return curve


@lru_cache(maxsize=64)
def rise(count: int) -> Audio:
    """Half a raised cosine from 0 towards 1: no step in level, and none in its slope."""
    curve: Audio = (0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, count, endpoint=False))).astype(np.float32)
    curve.flags.writeable = False
    return curve


@lru_cache(maxsize=64)
def fall(count: int) -> Audio:
    """From 1 to exactly 0, fast at first as a damped string is."""
    curve: Audio = ((0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, count))) ** 2).astype(np.float32)
    curve[-1:] = 0.0
    curve.flags.writeable = False
    return curve


def close(sound: Audio, *, attack: float, release: float, rate: int) -> Audio:
    """Make both ends zero, in place."""
    count = sound.shape[-1]
    begin = min(max(2, round(attack * rate)), count // 2)
    end = min(max(2, round(release * rate)), count - begin)
    sound[..., :begin] *= rise(begin)
    sound[..., count - end :] *= fall(end)
    return sound


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """Seconds; `decay` is the time constant on the way to `sustain`."""

    attack: float
    release: float
    decay: float = 1.0
    sustain: float = 1.0

    def shape(self, stroke: Stroke) -> Audio:
        count = stroke.count(self.release)
        level = np.ones(count, dtype=np.float32)
        if self.sustain < 1.0:
            level = decay(count, 1.0 / self.decay, stroke.rate)
            level *= np.float32(1.0 - self.sustain)
            level += np.float32(self.sustain)
        return close(level, attack=self.attack, release=self.release, rate=stroke.rate)


def swing(count: int, rate: int, *, per_second: float, delay: float = 0.0, begin: float = 0.0) -> Audio:
    """A low-frequency oscillation between -1 and 1 that sets in over `delay` seconds, as a player's vibrato does."""
    wave = sine(moved(turns(per_second, count, rate), begin))
    if delay > 0.0:
        setting_in = clock(count, rate)
        setting_in *= np.float32(1.0 / delay)
        setting_in -= np.float32(0.6)
        wave *= np.clip(setting_in, 0.0, 1.0, out=setting_in)
    return wave


@lru_cache(maxsize=1)
def _white() -> npt.NDArray[np.complex64]:
    noise = seeds.generator(SOUND_SEED, "noise").standard_normal(NOISE_SAMPLES, dtype=np.float32)
    spectrum: npt.NDArray[np.complex64] = fft.rfft(noise)
    return spectrum


@lru_cache(maxsize=64)
def _coloured(low_step: int, high_step: int, rate: int) -> Audio:
    low, high = 2.0 ** (low_step / COLOURS_PER_OCTAVE), min(2.0 ** (high_step / COLOURS_PER_OCTAVE), HIGHEST * rate)
    frequency = np.linspace(0.0, rate / 2, NOISE_SAMPLES // 2 + 1, dtype=np.float32)
    square = frequency * frequency
    above = square * np.float32(1.0 / high**2)
    shape = square / ((square + np.float32(low**2)) * np.sqrt(1.0 + above * above * above))
    noise: Audio = fft.irfft(_white() * shape)
    noise /= np.sqrt(np.mean(noise**2))
    noise.flags.writeable = False
    return noise


def noise(count: int, rate: int, draw: np.random.Generator, *, low: float, high: float) -> Audio:
    """Noise between two frequencies, with an RMS of 1, never from the same place twice."""
    source = _coloured(*(round(COLOURS_PER_OCTAVE * np.log2(edge)) for edge in (low, high)), rate)
    start = int(draw.integers(NOISE_SAMPLES))
    return looped(source, start, count)


def looped(source: Audio, start: int, count: int) -> Audio:
    """`count` samples of something that repeats, from `start` on. The result may be a view: do not write into it."""
    length = source.shape[-1]
    start %= length
    if start + count <= length:
        return source[start : start + count]
    parts = [source[start:]]
    left = count - len(parts[0])
    parts.extend([source] * (left // length))
    parts.append(source[: left % length])
    return np.concatenate(parts)


def midpoint(frequency: float, *, low: float, high: float) -> float:
    """Where a pitch lies between two others, from 0 to 1, by octaves."""
    return float(np.clip(np.log(frequency / low) / np.log(high / low), 0.0, 1.0))

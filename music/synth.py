"""One note at a time, as sound: each instrument is a function from pitch, length and touch to samples.

All tones are sums of sines that stay under the Nyquist frequency, so nothing aliases, and begin and end at zero.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

#: (samples,) for one channel, (channels, samples) for more.
Audio = npt.NDArray[np.float32]
#: A held note longer than this has died away, or is a mistake in an edited plan.
LONGEST_NOTE_SECONDS = 16.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    attack: float
    release: float


ENVELOPES = {
    "electric_piano": Envelope(attack=0.004, release=0.22),
    "pluck": Envelope(attack=0.003, release=0.30),
    "bass": Envelope(attack=0.010, release=0.09),
    "pad": Envelope(attack=0.35, release=0.60),
}


def tone(instrument: str, pitch: int, seconds: float, velocity: float, rate: int) -> Audio:
    """A note held for `seconds`, and its release after that."""
    envelope = ENVELOPES[instrument]
    held = min(seconds, LONGEST_NOTE_SECONDS)
    count = max(2, round((held + envelope.release) * rate))
    frequency = 440.0 * 2.0 ** ((pitch - 69) / 12)
    sound = VOICES[instrument](frequency, count, velocity, rate)
    return (sound * _shape(count, envelope, rate)).astype(np.float32, copy=False)


def _shape(count: int, envelope: Envelope, rate: int) -> Audio:
    """Raised cosines at both ends: no step in level, and none in its slope."""
    shape = np.ones(count, dtype=np.float32)
    attack = min(round(envelope.attack * rate), count // 2)
    release = min(round(envelope.release * rate), count - attack)
    shape[:attack] = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, attack, endpoint=False))
    shape[count - release :] *= (0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, release))) ** 2
    return shape


def _turns(frequency: float, count: int, rate: int) -> npt.NDArray[np.float64]:
    return np.arange(count) * (frequency / rate)


def _sine(turns: npt.NDArray[np.float64]) -> Audio:
    # Wrapped in double precision first: the sine of a large single-precision phase is audible noise.
    phase: Audio = ((turns - np.floor(turns)) * (2 * np.pi)).astype(np.float32)
    sine: Audio = np.sin(phase)
    return sine


def _decay(count: int, per_second: float, rate: int) -> Audio:
    curve: Audio = np.exp(np.arange(count, dtype=np.float32) * np.float32(-per_second / rate))
    return curve


def _electric_piano(frequency: float, count: int, velocity: float, rate: int) -> Audio:
    """A bar struck near a pickup: a sine bent by its own frequency, brighter when hit harder, and a bell on top."""
    turns = _turns(frequency, count, rate)
    index = (0.25 + 1.1 * velocity) * _decay(count, 2.2, rate)
    bend = index * _sine(turns) / (2 * np.pi)
    body = _sine(turns + bend) * _decay(count, 0.7 + frequency / 700, rate)
    if frequency * 7 < 0.4 * rate:
        body += (0.10 * velocity) * _sine(7 * turns) * _decay(count, 8.0, rate)
    return (0.30 * velocity) * body


def _pluck(frequency: float, count: int, velocity: float, rate: int) -> Audio:
    """A string plucked a fifth of the way along: high partials start softer when played softly, and die first."""
    turns = _turns(frequency, count, rate)
    partials = int(min(10, 0.42 * rate / frequency))
    softness = 1.9 - 0.7 * velocity
    sound = np.zeros(count, dtype=np.float32)
    for k in range(1, partials + 1):
        level = np.sin(np.pi * k / 5.0) / k**softness
        sound += np.float32(level) * _sine(k * turns) * _decay(count, 1.3 + 0.9 * k, rate)
    return (0.52 * velocity) * sound


def _bass(frequency: float, count: int, velocity: float, rate: int) -> Audio:
    """Mostly the fundamental; the octave and the twelfth let small speakers hear which note it is."""
    turns = _turns(frequency, count, rate)
    upper = 0.42 * _sine(2 * turns) * _decay(count, 2.0, rate) + 0.18 * _sine(3 * turns) * _decay(count, 3.5, rate)
    return (0.40 * velocity) * (_sine(turns) * _decay(count, 0.5, rate) + velocity * upper)


def _pad(frequency: float, count: int, velocity: float, rate: int) -> Audio:
    """Soft partials, a little sharp on one side and flat on the other: stereo, and in slow motion."""
    sides = [_pad_side(frequency * 2 ** (cents / 1200), count, rate) for cents in (-4.0, 4.0)]
    return (0.085 * velocity) * np.stack(sides)


def _pad_side(frequency: float, count: int, rate: int) -> Audio:
    turns = _turns(frequency, count, rate)
    partials = int(min(5, 0.42 * rate / frequency))
    sound = np.zeros(count, dtype=np.float32)
    for k in range(1, partials + 1):
        sound += np.float32(1.0 / k**1.7) * _sine(k * turns + 0.37 * k)
    return sound


VOICES: dict[str, Callable[[float, int, float, int], Audio]] = {
    "electric_piano": _electric_piano,
    "pluck": _pluck,
    "bass": _bass,
    "pad": _pad,
}


class Tones:
    """Remembers the latest tones of one render: accompaniments repeat the same few notes at the same few levels."""

    #: Touches are rounded to this many levels, 0.8 dB apart at mezzo forte: finer steps are not heard.
    LEVELS = 24
    #: About 40 MB at most of the tones that music is made of.
    CAPACITY = 64

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._kept: dict[tuple[str, int, int, int], Audio] = {}

    def get(self, instrument: str, pitch: int, seconds: float, velocity: float) -> Audio:
        key = (instrument, pitch, round(seconds * 1000), max(1, round(velocity * self.LEVELS)))
        found = self._kept.pop(key, None)
        if found is None:
            found = self._make(key)
        self._kept[key] = found
        if len(self._kept) > self.CAPACITY:
            del self._kept[next(iter(self._kept))]
        return found

    def _make(self, key: tuple[str, int, int, int]) -> Audio:
        instrument, pitch, milliseconds, level = key
        return tone(instrument, pitch, milliseconds / 1000, level / self.LEVELS, self._rate)

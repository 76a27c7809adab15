"""From a plan to stereo audio, piece by piece: each piece is final when it is yielded, and pieces join without a seam.

A note is made once, when it starts, and added to a buffer that reaches past the current piece; what sounds on is
carried over as it is. So the audio does not depend on where it is cut, and memory does not grow with the duration.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import ceil

import numpy as np
from scipy.signal import oaconvolve

from music import level, seeds
from music.master import Master
from music.plan import Note, Plan, Track
from music.synth import ENVELOPES, LONGEST_NOTE_SECONDS, Audio, Tones

SAMPLE_RATE = 44_100
SAMPLE_RATES = (44_100, 48_000)
LONGEST_PIECE_SECONDS = 2.0
CHANNELS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    index: int
    count: int
    #: Of the first sample, from the start of the track.
    offset: int
    rate: int
    section: str
    #: (channels, samples), float32 within ±1.
    audio: Audio

    @property
    def fraction(self) -> float:
        return (self.index + 1) / self.count


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """How one instrument sits in the mix."""

    gain: float
    #: -1 left to 1 right; `spread` moves notes further from the centre the further they are from middle C.
    pan: float
    spread: float
    reverb: float


STRIPS = {
    "electric_piano": Strip(gain=1.0, pan=-0.08, spread=0.5, reverb=0.22),
    "pluck": Strip(gain=1.0, pan=0.12, spread=0.15, reverb=0.30),
    "bass": Strip(gain=1.0, pan=0.0, spread=0.0, reverb=0.0),
    "pad": Strip(gain=1.0, pan=0.0, spread=0.0, reverb=0.45),
}
#: Players are never exactly on the beat; beyond 8 ms it would sound wrong instead of alive.
TIMING_DEVIATION_SECONDS = 0.004
LATEST_SECONDS = 0.008
TOUCH_DEVIATION = 0.035
REVERB_SECONDS = 1.4


@dataclass(frozen=True, slots=True)
class Strike:
    """A note as it is played: when, in samples, and how hard."""

    sample: int
    seconds: float
    note: Note
    instrument: str
    velocity: float


def render(plan: Plan, *, seed: int | None = None, rate: int = SAMPLE_RATE) -> Generator[Piece, None, None]:
    """Yield pieces of one to two seconds that together are exactly round(duration * rate) samples.

    The work happens between pieces: whoever stops iterating stops it.
    """
    total = round(plan.duration_seconds * rate)
    edges = _edges(total, rate)
    mixer = Mixer(rate, plan.seed if seed is None else seed, longest_piece=max(np.diff(edges)))
    master = Master(rate, total, gain=level.gain(plan))
    strikes = _performance(plan, plan.seed if seed is None else seed, rate)
    by_piece = groupby(strikes, key=lambda strike: int(np.searchsorted(edges, strike.sample, side="right")) - 1)
    waiting = next(by_piece, None)
    for index, (start, end) in enumerate(pairwise(edges)):
        if waiting is not None and waiting[0] == index:
            for strike in waiting[1]:
                mixer.add(strike, strike.sample - start)
            waiting = next(by_piece, None)
        audio = master.process(mixer.take(end - start), start)
        section = plan.section_at(start / rate)
        yield Piece(index=index, count=len(edges) - 1, offset=start, rate=rate, section=section, audio=audio)


def _edges(total: int, rate: int) -> list[int]:
    count = ceil(total / (LONGEST_PIECE_SECONDS * rate))
    return [round(total * i / count) for i in range(count + 1)]


def _performance(plan: Plan, seed: int, rate: int) -> list[Strike]:
    total = round(plan.duration_seconds * rate)
    strikes = [strike for track in plan.tracks for strike in _played(track, plan, seed, rate)]
    return sorted((s for s in strikes if s.sample < total), key=lambda strike: strike.sample)


def _played(track: Track, plan: Plan, seed: int, rate: int) -> Iterator[Strike]:
    draw = seeds.generator(seed, "perform", track.name)
    late = draw.normal(0.0, TIMING_DEVIATION_SECONDS, len(track.notes)).clip(-LATEST_SECONDS, LATEST_SECONDS)
    touch = draw.normal(0.0, TOUCH_DEVIATION, len(track.notes))
    for note, delay, harder in zip(track.notes, late, touch, strict=True):
        second = max(0.0, note.start * plan.seconds_per_beat + float(delay))
        yield Strike(
            sample=round(second * rate),
            seconds=note.beats * plan.seconds_per_beat,
            note=note,
            instrument=track.instrument,
            velocity=float(np.clip(note.velocity + harder, 0.05, 1.0)),
        )


class Mixer:
    """Adds notes to the sound ahead and hands it out in order: the dry mix, and the room that answers it."""

    def __init__(self, rate: int, seed: int, *, longest_piece: int) -> None:
        longest_release = max(envelope.release for envelope in ENVELOPES.values())
        ahead = longest_piece + round((LONGEST_NOTE_SECONDS + longest_release) * rate) + 1
        self._room = _room(rate, seed)
        self._tones = Tones(rate)
        self._dry = np.zeros((CHANNELS, ahead), dtype=np.float32)
        self._send = np.zeros((CHANNELS, ahead), dtype=np.float32)
        self._wet = np.zeros((CHANNELS, longest_piece + self._room.shape[1]), dtype=np.float32)

    def add(self, strike: Strike, position: int) -> None:
        """Put a note `position` samples after what was handed out last."""
        strip = STRIPS[strike.instrument]
        sound = self._tones.get(strike.instrument, strike.note.pitch, strike.seconds, strike.velocity)
        placed = _panned(sound, strip, strike.note.pitch)
        span = slice(position, position + sound.shape[-1])
        self._dry[:, span] += placed
        if strip.reverb:
            self._send[:, span] += np.float32(strip.reverb) * placed

    def take(self, count: int) -> Audio:
        """The next `count` samples of the mix."""
        answer = oaconvolve(self._send[:, :count], self._room, axes=1)
        self._wet[:, : answer.shape[1]] += answer
        mix: Audio = self._dry[:, :count] + self._wet[:, :count]
        for buffer in (self._dry, self._send, self._wet):
            _advance(buffer, count)
        return mix


def _panned(sound: Audio, strip: Strip, pitch: int) -> Audio:
    """Equal power: a note is as loud at the side as in the middle."""
    if sound.ndim == 2:
        return np.float32(strip.gain) * sound
    place = np.clip(strip.pan + strip.spread * (pitch - 62) / 24, -0.8, 0.8)
    angle = (place + 1) * np.pi / 4
    gains = np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32) * np.float32(strip.gain * np.sqrt(2))
    return gains * sound


def _advance(buffer: Audio, count: int) -> None:
    buffer[:, :-count] = buffer[:, count:]
    buffer[:, -count:] = 0.0


def _room(rate: int, seed: int) -> Audio:
    """A small hall: noise that dies away, darker as it goes, different on both sides; silent for the first 12 ms."""
    count = round(REVERB_SECONDS * rate)
    noise = seeds.generator(seed, "room").standard_normal((CHANNELS, count))
    seconds = np.arange(count) / rate
    dull = _smoothed(noise, round(rate / 3000))
    bright = _smoothed(noise, round(rate / 9000))
    room = bright * np.exp(-seconds * 9.0) + 2.0 * dull * np.exp(-seconds * 4.6)
    room *= np.clip((seconds - 0.012) / 0.01, 0.0, 1.0) * np.clip((REVERB_SECONDS - seconds) / 0.2, 0.0, 1.0)
    room -= room.mean(axis=1, keepdims=True)
    result: Audio = (room / np.sqrt((room**2).sum(axis=1, keepdims=True))).astype(np.float32)
    return result


def _smoothed(noise: np.ndarray[tuple[int, ...], np.dtype[np.float64]], width: int) -> Audio:
    window = np.hanning(width + 2)[1:-1]
    smooth: Audio = oaconvolve(noise, (window / np.sqrt((window**2).sum()))[np.newaxis], mode="same", axes=1)
    return smooth

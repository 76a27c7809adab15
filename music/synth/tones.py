"""Remembers the latest sounds of one render: music repeats its notes, chords and hits."""

from math import ceil, log2

from music.synth.catalogue import VOICES, Voice
from music.synth.signals import Audio, Stroke

#: Of what rings to its end by itself: hits are many, and short.
HIT_COLOURS = 4
#: Touches are rounded to so many colours; how loud a note is stays exact.
COLOURS = 6
MOST_BYTES = 40 << 20
#: Longer sounds come back too rarely for the room that they take.
LARGEST_BYTES = 2 << 20
LENGTHS_PER_SECOND = 100

#: Instrument, pitches, length, colour, take, and the pitch from which it slides.
Key = tuple[str, tuple[int, ...], float, int, int, int | None]


def key(
    instrument: str, pitches: tuple[int, ...], seconds: float, velocity: float, take: int, source: int | None = None
) -> Key:
    voice = VOICES[instrument]
    colours = HIT_COLOURS if voice.free else COLOURS
    colour = min(colours - 1, int(velocity * colours))
    return instrument, pitches, _length(voice, seconds), colour, take, source


def _length(voice: Voice, seconds: float) -> float:
    """What rings is made longer than it is needed, so that notes of different lengths share one sound."""
    if voice.stretch:
        return voice.stretch
    if voice.free:
        return voice.longest
    if voice.rings:
        return float(min(voice.longest, 2.0 ** ceil(log2(max(0.5, seconds + voice.release)))))
    return max(0.02, round(min(seconds, voice.longest) * LENGTHS_PER_SECOND) / LENGTHS_PER_SECOND)


class Tones:
    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._kept: dict[Key, Audio] = {}
        self._bytes = 0

    def get(self, wanted: Key) -> Audio:
        found = self._kept.pop(wanted, None)
        if found is None:
            found = make(wanted, self._rate)
            if found.nbytes > LARGEST_BYTES or not VOICES[wanted[0]].kept:
                return found
            self._bytes += found.nbytes
        self._kept[wanted] = found
        while self._bytes > MOST_BYTES:
            self._bytes -= self._kept.pop(next(iter(self._kept))).nbytes
        return found


def make(wanted: Key, rate: int) -> Audio:
    """The sound itself, before its level: see `catalogue.gain`."""
    instrument, pitches, seconds, colour, take, source = wanted
    voice = VOICES[instrument]
    stroke = Stroke(
        instrument=instrument,
        pitches=pitches,
        seconds=seconds,
        velocity=(colour + 0.5) / (HIT_COLOURS if voice.free else COLOURS),
        take=take,
        rate=rate,
        source=source,
    )
    return voice.make(stroke)

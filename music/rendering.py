"""From a plan to stems, section by section: each piece is final when it is yielded, and pieces join without a seam.

The stems are dry: placed in stereo, but without room, echo or equaliser, which are the mix's. A note is made once, when
it begins, and added to a buffer that reaches past the current piece; what sounds on is carried over as it is. So the
audio does not depend on where it is cut, and memory does not grow with the duration. A render that begins at a later
section first plays the notes that still sound there, in the same order, so that every addition is the same.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

import numpy as np

from music.errors import RequestError
from music.plan import STEMS, Plan
from music.synth.performance import Strike, strikes
from music.synth.signals import Audio, fall
from music.synth.tones import Tones

SAMPLE_RATE = 44_100
SAMPLE_RATES = (44_100, 48_000)
LONGEST_PIECE_SECONDS = 2.0
CHANNELS = 2
#: The end of the piece is faded over this, or over a quarter of a short one.
FADE_SECONDS = 1.5
#: A stem stays within ±1: it is left alone below the knee, and never reaches the ceiling.
KNEE, CEILING = 0.85, 0.995


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    #: Counted over the whole render, also where it began later.
    index: int
    count: int
    stem: str
    section: int
    section_name: str
    #: No more of this stem follows in this section.
    last_of_section: bool
    #: Of the first sample, from the start of the track.
    offset: int
    rate: int
    #: (channels, samples), float32 within ±1.
    audio: Audio

    @property
    def fraction(self) -> float:
        return (self.index + 1) / self.count


def render(
    plan: Plan,
    *,
    stems: Sequence[str] | None = None,
    seed: int | None = None,
    rate: int = SAMPLE_RATE,
    first_section: int = 0,
) -> Generator[Piece, None, None]:
    """Yield pieces of at most two seconds: section by section, in each section stem by stem.

    Without `stems`, those of the plan that have something to play. Each comes to exactly round(duration * rate)
    samples. The work happens between pieces: whoever stops iterating stops it.
    """
    edges, section_names = checked_cuts(plan, rate, first_section)
    names = plan.stems if stems is None else tuple(stem for stem in STEMS if stem in stems)
    tones = Tones(rate)
    performance = plan.seed if seed is None else seed
    players = {name: Stem(_performed(plan, name, performance, rate), tones, edges[first_section]) for name in names}
    cuts = [in_pieces(start, end, rate) for start, end in pairwise(edges)]
    count = len(names) * sum(len(cut) for cut in cuts)
    index = len(names) * sum(len(cut) for cut in cuts[:first_section])
    closing = None if loops(plan) else Closing(edges[-1], rate)
    for section in range(first_section, len(cuts)):
        for name in names:
            for start, end in cuts[section]:
                audio = players[name].take(end - start)
                if closing is not None:
                    closing.apply(audio, start)
                yield Piece(
                    index=index,
                    count=count,
                    stem=name,
                    section=section,
                    section_name=section_names[section],
                    last_of_section=end == edges[section + 1],
                    offset=start,
                    rate=rate,
                    audio=audio,
                )
                index += 1


def checked_cuts(plan: Plan, rate: int, first_section: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if any(end <= start for start, end in pairwise(plan.section_edges(rate))):
        raise RequestError("plan.sections", "must follow one another: each start_bar must be above the one before.")
    edges, names = plan.cuts(rate)
    if not 0 <= first_section < len(edges) - 1:
        raise RequestError("first_section", f"must be from 0 to {len(edges) - 2}, got {first_section}.")
    return edges, names


def in_pieces(start: int, end: int, rate: int) -> list[tuple[int, int]]:
    """A section in equal pieces."""
    count = ceil((end - start) / (LONGEST_PIECE_SECONDS * rate))
    return list(pairwise(start + round((end - start) * i / count) for i in range(count + 1)))


def loops(plan: Plan) -> bool:
    return plan.resolved.get("loop", {}).get("value") is True


def _performed(plan: Plan, stem: str, seed: int, rate: int) -> list[Strike]:
    total = round(plan.duration_seconds * rate)
    played = [strike for strike in strikes(plan, stem, seed, rate) if strike.sample < total]
    if not loops(plan):
        return played
    # What sounds beyond the end of a loop is heard at its beginning.
    before = [replace(strike, sample=strike.sample - total) for strike in played if strike.end > total]
    return before + played


class Stem:
    """Adds sounds to what lies ahead and hands it out in order."""

    def __init__(self, strikes: list[Strike], tones: Tones, position: int) -> None:
        self._tones = tones
        self._position = position
        self._waiting: Iterator[Strike] = iter([s for s in strikes if s.end > position])
        self._next = next(self._waiting, None)
        self._ahead = np.zeros((CHANNELS, 0), dtype=np.float32)
        #: So much of what lies ahead has been written to.
        self._written = 0

    def take(self, count: int) -> Audio:
        end = self._position + count
        while self._next is not None and self._next.sample < end:
            self._add(self._next)
            self._next = next(self._waiting, None)
        self._reach(count)
        audio = rounded(self._ahead[:, :count].copy())
        kept = max(0, self._written - count)
        self._ahead[:, :kept] = self._ahead[:, count : count + kept]
        self._ahead[:, kept : max(self._written, count)] = 0.0
        self._written = kept
        self._position = end
        return audio

    def _add(self, strike: Strike) -> None:
        sound = _damped(self._tones.get(strike.sound), strike)
        at = strike.sample - self._position
        heard = sound[..., max(0, -at) :]
        at = max(0, at)
        end = at + heard.shape[-1]
        self._reach(end)
        left, right = (heard, heard) if heard.ndim == 1 else heard
        self._ahead[0, at:end] += np.float32(strike.left) * left
        self._ahead[1, at:end] += np.float32(strike.right) * right

    def _reach(self, end: int) -> None:
        room = self._ahead.shape[1]
        if end > room:
            grown = np.zeros((CHANNELS, max(end, room + room // 2)), dtype=np.float32)
            grown[:, : self._written] = self._ahead[:, : self._written]
            self._ahead = grown
        self._written = max(self._written, end)


def _damped(sound: Audio, strike: Strike) -> Audio:
    if sound.shape[-1] <= strike.held:
        return sound
    damped = sound[..., : strike.held + strike.release].copy()
    damped[..., strike.held :] *= fall(strike.release)[: damped.shape[-1] - strike.held]
    return damped


def rounded(audio: Audio) -> Audio:
    """Peaks bent back under the ceiling, in place. Each sample by itself, so that it does not matter where a piece is
    cut."""
    if max(float(audio.max()), -float(audio.min())) > KNEE:
        room = np.float32(CEILING - KNEE)
        where = np.abs(audio) > np.float32(KNEE)
        peaks = audio[where]
        over = np.abs(peaks) - np.float32(KNEE)
        audio[where] = np.sign(peaks) * (np.float32(KNEE) + room * np.tanh(over / room))
    return audio


class Closing:
    """The fade over the end of the piece."""

    def __init__(self, total: int, rate: int) -> None:
        self._total = total
        self._samples = min(round(FADE_SECONDS * rate), total // 4)

    def apply(self, audio: Audio, offset: int) -> None:
        begin = max(0, self._total - self._samples - offset)
        if begin < audio.shape[1]:
            left = self._total - 1 - np.arange(offset + begin, offset + audio.shape[1])
            audio[:, begin:] *= (np.sin(0.5 * np.pi * left / self._samples) ** 2).astype(np.float32)

"""From a plan to a whole mix by a sampled model, in the same pieces and to the same sample as the procedural engine."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import soxr

from music.neural.wanted import Wanted, wanted
from music.neural.windows import Audio
from music.plan import Plan
from music.rendering import CHANNELS, Closing, checked_cuts, in_pieces, loops, rounded

#: The ramp at the beginning of what goes on from something else: no click, and no pause.
OPENING_SECONDS = 0.005
#: Of the whole, the share that is generating; the rest is cutting up what was generated.
GENERATED = 0.95


class Model(Protocol):
    sample_rate: int

    def generate(self, wanted: Wanted, on_step: Callable[[float], None]) -> Iterator[Audio]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A piece of the mix."""

    #: Counted from the start of the track.
    index: int
    section: int
    section_name: str
    last_of_section: bool
    offset: int
    fraction: float
    audio: Audio


def render(
    plan: Plan,
    model: Model,
    *,
    seed: int | None,
    rate: int,
    first_section: int,
    on_step: Callable[[float], None],
    excerpt: Audio | None = None,
) -> Generator[Cut, None, None]:
    """Yield the mix from `first_section` on. What comes before it is generated all the same: the model goes on from
    what it has made, and at first from an excerpt of something else, if there is one, which has the same rate.
    `on_step` is told the share that is finished, never less than before, and may raise."""
    edges, names = checked_cuts(plan, rate, first_section)
    total = edges[-1]
    closing = None if loops(plan) else Closing(total, rate)
    fraction = 0.0

    def step(generated: float) -> None:
        nonlocal fraction
        fraction = max(fraction, GENERATED * generated)
        on_step(fraction)

    asked = wanted(plan, seed=seed, excerpt=excerpt, rate=rate, model_rate=model.sample_rate)
    sound = _Tape(model.generate(asked, step), model.sample_rate, rate)
    for index, (section, start, end) in enumerate(_places(edges, rate)):
        audio = sound.take(end - start)
        if section < first_section:
            continue
        if asked.prompt is not None:
            _open(audio, start, rate)
        if closing is not None:
            closing.apply(audio, start)
        fraction = 1.0 if end == total else max(fraction, GENERATED * end / total)
        yield Cut(
            index=index,
            section=section,
            section_name=names[section],
            last_of_section=end == edges[section + 1],
            offset=start,
            fraction=fraction,
            audio=audio,
        )


def _open(audio: Audio, offset: int, rate: int) -> None:
    """What goes on from something else begins in the middle of a tone."""
    count = round(OPENING_SECONDS * rate)
    if offset < count:
        audio[:, : count - offset] *= np.arange(offset, count, dtype=np.float32)[: audio.shape[1]] / count


def _places(edges: tuple[int, ...], rate: int) -> Iterator[tuple[int, int, int]]:
    """Section, first sample and the one after the last of every piece."""
    for section, (first, after) in enumerate(pairwise(edges)):
        for start, end in in_pieces(first, after, rate):
            yield section, start, end


class _Tape:
    """What the model makes, at the rate that was asked for, in stereo, in the lengths that are asked for."""

    def __init__(self, made: Iterator[Audio], source_rate: int, rate: int) -> None:
        self._made = made
        self._rates = (source_rate, rate)
        self._channels = 1
        self._resampler: soxr.ResampleStream | None = None
        self._ahead = np.zeros((CHANNELS, 0), dtype=np.float32)
        self._over = False

    def take(self, count: int) -> Audio:
        while self._ahead.shape[1] < count and not self._over:
            self._fill()
        # The model is asked for at least the whole duration; rounding may still leave it a sample short.
        audio = np.zeros((CHANNELS, count), dtype=np.float32)
        found = self._ahead[:, :count]
        audio[:, : found.shape[1]] = found
        self._ahead = self._ahead[:, count:]
        return rounded(audio)

    def _fill(self) -> None:
        window = next(self._made, None)
        self._over = window is None
        if window is None:
            window = np.zeros((self._channels, 0), dtype=np.float32)
        if self._resampler is None:
            self._channels = window.shape[0]
            self._resampler = soxr.ResampleStream(*self._rates, self._channels, dtype="float32", quality="HQ")
        frames = self._resampler.resample_chunk(np.ascontiguousarray(window.T), last=self._over)
        stereo = np.broadcast_to(frames.reshape(-1, self._channels).T, (CHANNELS, len(frames)))
        self._ahead = np.concatenate([self._ahead, stereo], axis=1)

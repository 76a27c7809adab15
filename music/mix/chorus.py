"""A chorus: each side hears itself again through a delay that wanders, a quarter of a turn apart.

The delay moves so slowly that over a hop it stays near one sample position: a hop is copied as a row from two
neighbouring positions, and the blend between them follows the exact delay.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from music.mix.blocks import BLOCK, HOP, HOPS, Audio, Curve

Row = npt.NDArray[np.float32]

CENTRE_SECONDS = 0.014
DEPTH_SECONDS = 0.0022
TURNS_PER_SECOND = 0.43
#: What is left of the dry sound at full amount, and how much of the other is added.
DRY, WET = 0.78, 0.62


class Chorus:
    def __init__(self, rate: int, amount: float, *, period_seconds: float | None = None) -> None:
        """`period_seconds` is after how long a loop starts again: the delay is then back where it was."""
        self._rate = rate
        self._turns = TURNS_PER_SECOND
        if period_seconds is not None:
            self._turns = max(round(TURNS_PER_SECOND * period_seconds), 1) / period_seconds
        self._wet = np.float32(WET * amount)
        self._dry = np.float32(1.0 - (1.0 - DRY) * amount)
        self._room = int((CENTRE_SECONDS + DEPTH_SECONDS) * rate) + 3
        self._line = np.zeros((2, self._room + BLOCK), dtype=np.float32)

    def process(self, block: Audio, offset: int) -> Audio:
        line = self._line
        line[:, : self._room] = line[:, BLOCK:]
        line[:, self._room :] = block
        block *= self._dry
        for channel, phase in enumerate((0.0, 0.25)):
            block[channel] += self._wandering(line[channel], offset, phase)
        return block

    def _wandering(self, line: Row, offset: int, phase: float) -> Row:
        times = (offset + np.arange(HOPS + 1) * HOP) / self._rate
        delays = self._rate * (CENTRE_SECONDS + DEPTH_SECONDS * np.sin(2 * np.pi * (self._turns * times + phase)))
        whole = np.floor(np.minimum(delays[:-1], delays[1:])).astype(np.intp)
        starts = self._room + np.arange(HOPS) * HOP - whole
        rows = sliding_window_view(line, HOP + 1)[starts - 1]
        blend = _between(delays, whole)
        later, earlier = rows[:, 1:], rows[:, :-1]
        wet: Row = (later + blend * (earlier - later)).reshape(-1)
        wet *= self._wet
        return wet


def _between(delays: Curve, whole: npt.NDArray[np.intp]) -> Row:
    first = delays[:-1] - whole
    step = np.diff(delays)
    blend: Row = (first[:, None] + step[:, None] * (np.arange(HOP) / HOP)).astype(np.float32)
    return blend

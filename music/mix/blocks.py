"""Audio by the block: what every stage of the mix agrees on.

Sound goes through the mix in blocks of `BLOCK` samples. What changes slowly, such as the gain of a compressor, is
worked out once per hop and drawn as a line in between: thirty-two times less to compute, and no steps to be heard.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

#: Float32 of the shape (2, samples).
Audio = npt.NDArray[np.float32]
Curve = npt.NDArray[np.float64]
#: So many samples of a stem from a place on: (start, count). Called with what lies within the piece only.
Reader = Callable[[int, int], Audio]

BLOCK = 32_768
HOP = 32
HOPS = BLOCK // HOP

_RAMP = (np.arange(1, HOP + 1) / HOP).astype(np.float32)
_MEAN = np.full(HOP, 0.5 / HOP, dtype=np.float32)


def hold(audio: Audio) -> Reader:
    """A reader of what is in memory."""

    def read(start: int, count: int) -> Audio:
        return audio[:, start : start + count]

    return read


def read_block(read: Reader, start: int, total: int) -> Audio:
    """A whole block as a copy, with silence after the end of the piece."""
    block = np.zeros((2, BLOCK), dtype=np.float32)
    count = min(BLOCK, total - start)
    block[:, :count] = read(start, count)
    return block


def hop_power(block: Audio) -> Curve:
    """The mean square of both channels, hop by hop."""
    squares = (block * block).reshape(2, -1, HOP) @ _MEAN
    power: Curve = (squares[0] + squares[1]).astype(np.float64)
    return power


def drawn(points: Curve) -> npt.NDArray[np.float32]:
    """Lines through the values at the edges of hops; one value more than there are hops."""
    edges = points.astype(np.float32)
    steps = np.diff(edges)
    lines: npt.NDArray[np.float32] = (edges[:-1, None] + steps[:, None] * _RAMP).reshape(-1)
    return lines


def decibels(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 1e-12)))


def amplitude(decibel: float) -> float:
    return float(10 ** (decibel / 20))

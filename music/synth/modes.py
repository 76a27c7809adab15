"""Things that are struck or plucked: sums of sines that die away, each at its own pace.

A decaying sine is a power of a complex number, and the powers of a block are those of its first sample times those
within a block. So a sum over all partials is one product of two small matrices, which costs next to nothing: strings
with sixty partials, cymbals with two hundred.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music.synth.signals import HIGHEST, Audio

#: A partial this far below the sum of all is not computed any further.
INAUDIBLE = 3e-5

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Modes:
    frequencies: Numbers
    levels: Numbers
    #: Per second: after 1 / decay the level has fallen to 37 %.
    decays: Numbers

    def power(self, seconds: float = 0.0) -> float:
        """The RMS at the very start, or that of the first so many seconds."""
        lasting = 1.0 if not seconds else -np.expm1(-2 * seconds * self.decays) / (2 * seconds * self.decays)
        return float(np.sqrt(np.sum(self.levels**2 * lasting) / 2.0)) or 1.0

    def scaled(self, factor: float) -> "Modes":
        return Modes(self.frequencies, self.levels * factor, self.decays)


def modes(frequencies: npt.ArrayLike, levels: npt.ArrayLike, decays: npt.ArrayLike) -> Modes:
    shape = np.broadcast_shapes(np.shape(frequencies), np.shape(levels), np.shape(decays))
    return Modes(*(np.broadcast_to(np.asarray(a, dtype=np.float64), shape) for a in (frequencies, levels, decays)))


def joined(*parts: Modes) -> Modes:
    return Modes(
        np.concatenate([part.frequencies for part in parts]),
        np.concatenate([part.levels for part in parts]),
        np.concatenate([part.decays for part in parts]),
    )


def ring(sounding: Modes, seconds: float, rate: int, phases: Numbers | None = None) -> Audio:
    """Let them ring for up to `seconds`; the result is shorter when all have died away before. Sines begin at zero;
    `phases` in turns move them."""
    heard = (sounding.frequencies < HIGHEST * rate) & (sounding.levels != 0.0)
    if not heard.any():
        return np.zeros(8, dtype=np.float32)
    levels, decays = sounding.levels[heard], sounding.decays[heard]
    begin = np.zeros(len(levels)) if phases is None else phases[heard]
    loudest = float(np.abs(levels).sum())
    lasting = np.log(np.maximum(np.abs(levels) / (INAUDIBLE * loudest), 1.0)) / decays
    order = np.argsort(-lasting, kind="stable")
    pole = (-decays + 2j * np.pi * sounding.frequencies[heard])[order] / rate
    start = (levels * np.exp(2j * np.pi * begin))[order] * -1j
    return _summed(pole, start, lasting[order] * rate, round(seconds * rate))


def _summed(pole: npt.NDArray[np.complex128], start: npt.NDArray[np.complex128], lasting: Numbers, most: int) -> Audio:
    """`lasting` in samples, longest first."""
    count = min(most, int(lasting[0]) + 1)
    # Near the square root, where both factors are smallest.
    block = 1 << int(np.clip(np.log2(count) / 2, 5, 8))
    rows = -(-count // block)
    within = _powers(pole, block)
    inner = np.concatenate([within.real, -within.imag])
    sound = np.empty((rows, block), dtype=np.float32)
    row = 0
    while row < rows:
        end = min(rows, max(8, 3 * row))
        alive = max(1, int(np.count_nonzero(lasting > row * block)))
        first = (start[:alive] * np.exp(block * row * pole[:alive])).astype(np.complex64)
        across = _powers(block * pole[:alive], end - row) * first[:, np.newaxis]
        outer = np.concatenate([across.real, across.imag]).T
        both = np.concatenate([inner[:alive], inner[len(pole) : len(pole) + alive]])
        np.matmul(outer, both, out=sound[row:end])
        row = end
    return sound.reshape(-1)[:most]


def _powers(pole: npt.NDArray[np.complex128], count: int) -> npt.NDArray[np.complex64]:
    """exp(pole * 0), exp(pole * 1), … in rows: doubled rather than computed one by one."""
    powers = np.empty((len(pole), count), dtype=np.complex64)
    powers[:, 0] = 1.0
    done = 1
    while done < count:
        more = min(done, count - done)
        np.multiply(
            powers[:, :more], np.exp(pole * done).astype(np.complex64)[:, np.newaxis], out=powers[:, done : done + more]
        )
        done += more
    return powers

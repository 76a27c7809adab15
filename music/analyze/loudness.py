"""Loudness as ITU-R BS.1770-4 and EBU R 128 define it: integrated with both gates, momentary, short-term, and range.

A meter is fed block by block and keeps one number per tenth of a second, so that the length of a piece costs nothing.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import sosfilt

OFFSET = -0.691
ABSOLUTE_GATE = -70.0
SILENCE = -120.0

Powers = npt.NDArray[np.float64]


@lru_cache(maxsize=8)
def _filters(rate: int) -> Powers:
    """The two stages of the K weighting. The standard lists them for 48 kHz; these are the analogue filters behind
    that list, so that every rate gets the same curve."""
    shelf_hz, shelf_db, shelf_q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
    k = np.tan(np.pi * shelf_hz / rate)
    high = 10 ** (shelf_db / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / shelf_q + k * k
    shelf = [
        (high + band * k / shelf_q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / shelf_q + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / shelf_q + k * k) / a0,
    ]
    pass_hz, pass_q = 38.13547087602444, 0.5003270373238773
    k = np.tan(np.pi * pass_hz / rate)
    a0 = 1 + k / pass_q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / pass_q + k * k) / a0]
    return np.array([shelf, high_pass])


def weighting(frequencies: Powers, rate: int) -> Powers:
    """By what the K weighting multiplies the power at each frequency."""
    z = np.exp(-2j * np.pi * frequencies / rate)
    power = np.ones(len(frequencies))
    for b0, b1, b2, a0, a1, a2 in _filters(rate):
        power *= np.abs((b0 + b1 * z + b2 * z * z) / (a0 + a1 * z + a2 * z * z)) ** 2
    return power


@dataclass(frozen=True, kw_only=True, slots=True)
class Loudness:
    #: All in LUFS but the range, which is in LU.
    integrated: float
    loudest_momentary: float
    loudest_short_term: float
    range: float


class Meter:
    """Feed it audio of shape (channels, samples) in blocks of any length, then ask."""

    def __init__(self, rate: int) -> None:
        self._step = rate / 10
        self._sos = _filters(rate).astype(np.float32)
        self._state: npt.NDArray[np.float32] | None = None
        self._count = 0
        self._tenths: list[float] = []
        self._open = 0.0

    def feed(self, audio: npt.NDArray[np.float32]) -> None:
        if audio.shape[1] > 0:
            self._gather(self.weighted_power(audio))

    def weighted_power(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The squares of the weighted samples, added over the channels. Carries the filter on; does not count."""
        if self._state is None:
            self._state = np.zeros((2, len(audio), 2), dtype=np.float32)
        weighted, self._state = sosfilt(self._sos, audio, axis=1, zi=self._state)
        np.multiply(weighted, weighted, out=weighted)
        power: npt.NDArray[np.float32] = weighted.sum(axis=0, dtype=np.float32) if len(audio) > 1 else weighted[0]
        return power

    def _gather(self, power: npt.NDArray[np.float32]) -> None:
        """Sum the power of each tenth of a second; the last one may go on in the next block."""
        first, end = self._count, self._count + len(power)
        edges = np.ceil(np.arange(len(self._tenths) + 1, end / self._step + 1) * self._step).astype(np.int64) - first
        inner = edges[edges < len(power)]
        sums = np.add.reduceat(power.astype(np.float64), np.concatenate(([0], inner)).astype(np.intp))
        sums[0] += self._open
        self._tenths.extend(sums[:-1])
        self._open = float(sums[-1])
        self._count = end

    def powers(self, seconds: float) -> Powers:
        """The mean power over windows of that length, one every tenth of a second. A piece that is shorter than one
        window is one window."""
        tenths = np.array([*self._tenths, self._open])
        wide = round(seconds * 10)
        whole = np.array(self._tenths)
        if self._count >= round(len(tenths) * self._step):
            whole = tenths
        if len(whole) < wide:
            return np.array([tenths.sum() / max(self._count, 1)])
        total = np.concatenate(([0.0], np.cumsum(whole)))
        means: Powers = (total[wide:] - total[:-wide]) / (wide * self._step)
        return means

    def integrated(self) -> float:
        return gated_loudness(self.powers(0.4))

    def short_term(self) -> Powers:
        """LUFS over three seconds, one value every tenth of a second."""
        return _levels(self.powers(3.0))

    def result(self) -> Loudness:
        return Loudness(
            integrated=self.integrated(),
            loudest_momentary=float(_levels(self.powers(0.4)).max()),
            loudest_short_term=float(self.short_term().max()),
            range=self._range(),
        )

    def _range(self) -> float:
        levels = _levels(_gated(self.powers(3.0), -20.0))
        if len(levels) < 2:
            return 0.0
        low, high = np.percentile(levels, (10, 95))
        return float(high - low)


def integrated(audio: npt.NDArray[np.float32], rate: int) -> float:
    """LUFS of a whole piece in memory."""
    meter = Meter(rate)
    for start in range(0, audio.shape[1], rate):
        meter.feed(audio[:, start : start + rate])
    return meter.integrated()


def _gated(powers: Powers, relative_db: float) -> Powers:
    heard = powers[powers > 10 ** ((ABSOLUTE_GATE - OFFSET) / 10)]
    if heard.size == 0:
        return heard
    kept: Powers = heard[heard > heard.mean() * 10 ** (relative_db / 10)]
    return kept


def gated_loudness(powers: Powers) -> float:
    """LUFS from the mean powers of overlapping windows of 0.4 s."""
    heard = _gated(powers, -10.0)
    return float(_levels(np.array([heard.mean()]))[0]) if heard.size else SILENCE


def _levels(powers: Powers) -> Powers:
    levels: Powers = np.maximum(OFFSET + 10 * np.log10(np.maximum(powers, 1e-14)), SILENCE)
    return levels

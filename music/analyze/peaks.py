"""True peaks: what a converter makes of the samples, four times oversampled as BS.1770 asks.

The oversampling is one matrix product: short rows of samples against the filter's phases. It is spent only on rows that
are loud enough to matter.
"""

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

HOP = 32
#: Samples that the filter reaches to either side.
REACH = 12
#: A peak between samples was never seen this many times above its neighbours, short of test signals made for it.
HEADROOM = 2.0


def _phases() -> npt.NDArray[np.float32]:
    """A row of HOP samples with its surroundings times this matrix is the three values after each sample."""
    taps = np.arange(-REACH + 1, REACH + 1)
    window = np.kaiser(8 * REACH + 1, 7.0)
    matrix = np.zeros((HOP + 2 * REACH, 3 * HOP))
    for phase in (1, 2, 3):
        distance = taps - phase / 4
        kernel = np.sinc(distance) * np.interp(distance, np.linspace(-REACH, REACH, len(window)), window)
        kernel = kernel / kernel.sum()
        for sample in range(HOP):
            matrix[sample + taps + REACH, 3 * sample + phase - 1] = kernel
    return matrix.astype(np.float32)


_MATRIX = np.ascontiguousarray(_phases().T)


def hop_peaks(audio: npt.NDArray[np.float32], floor: float = 0.0) -> npt.NDArray[np.float32]:
    """The true peak of each hop of the inner samples of `audio`, which holds REACH more on either side. Hops that stay
    below `floor` between the samples too may be given as their sample peak."""
    inner = audio[:, REACH:-REACH]
    peaks = sample_peaks(inner)
    hot = np.flatnonzero(peaks * HEADROOM > floor)
    if hot.size:
        for channel in audio:
            rows = sliding_window_view(channel, HOP + 2 * REACH)[::HOP][hot]
            between = _MATRIX @ rows.T
            peaks[hot] = np.maximum(peaks[hot], np.maximum(between.max(axis=0), -between.min(axis=0)))
    return peaks


def sample_peaks(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The largest sample of each hop, over all channels."""
    loudest = np.abs(audio[0])
    for channel in audio[1:]:
        np.maximum(loudest, np.abs(channel), out=loudest)
    # Halving is what numpy does fast: a maximum along a short axis is not.
    rows = loudest.reshape(-1, HOP)
    while rows.shape[1] > 1:
        half = rows.shape[1] // 2
        rows = np.maximum(rows[:, :half], rows[:, half:])
    peaks: npt.NDArray[np.float32] = rows[:, 0].copy()
    return peaks


class PeakMeter:
    """The true peak of what is fed to it, in blocks of any length."""

    def __init__(self) -> None:
        self._kept: npt.NDArray[np.float32] | None = None
        self._highest = 0.0

    def feed(self, audio: npt.NDArray[np.float32]) -> None:
        if self._kept is None:
            self._kept = np.zeros((len(audio), 2 * REACH), dtype=np.float32)
        joined = np.concatenate((self._kept, audio), axis=1)
        whole = (joined.shape[1] - 2 * REACH) // HOP * HOP
        if whole:
            self._measure(joined[:, : whole + 2 * REACH])
        self._kept = joined[:, whole:]

    def _measure(self, audio: npt.NDArray[np.float32]) -> None:
        peaks = hop_peaks(audio, floor=max(self._highest, float(np.abs(audio).max())))
        self._highest = max(self._highest, float(peaks.max(initial=0.0)))

    def dbtp(self) -> float:
        if self._kept is not None:
            rest = self._kept
            silence = -(rest.shape[1] - 2 * REACH) % HOP + 2 * HOP
            self._measure(np.pad(rest, ((0, 0), (0, silence))))
        return float(20 * np.log10(max(self._highest, 1e-6)))


def true_peak(audio: npt.NDArray[np.float32]) -> float:
    """dBTP of a whole piece in memory."""
    meter = PeakMeter()
    for start in range(0, audio.shape[1], 65_536):
        meter.feed(audio[:, start : start + 65_536])
    return meter.dbtp()

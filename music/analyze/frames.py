"""What tempo, key and form are read from: the piece in mono at a quarter of the work, and its short spectra."""

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.signal import decimate

Values = npt.NDArray[np.float32]

#: Analysis needs nothing above 10 kHz.
ENOUGH_HZ = 30_000
FRAMES_AT_ONCE = 512


def mono(audio: Values, rate: int) -> tuple[Values, int]:
    """One channel at half the rate, where that is rate enough."""
    middle = audio.mean(axis=0, dtype=np.float32)
    if rate < ENOUGH_HZ:
        return middle, rate
    return decimate(middle, 2, ftype="fir").astype(np.float32), rate // 2


def spectra(signal: Values, *, window: int, hop: int) -> Values:
    """Magnitudes, one row per hop; frames are centred on their times."""
    padded = np.pad(signal, (window // 2, window // 2 + hop))
    shape = np.hanning(window).astype(np.float32)
    count = max(1 + len(signal) // hop, 1)
    rows = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop][:count]
    parts = [np.abs(fft.rfft(rows[i : i + FRAMES_AT_ONCE] * shape)) for i in range(0, len(rows), FRAMES_AT_ONCE)]
    return np.concatenate(parts)


def bands(low: float, high: float, count: int, *, window: int, rate: int) -> Values:
    """A matrix that gathers bins into triangular bands, evenly spaced in pitch."""
    edges = np.geomspace(low, high, count + 2)
    frequencies = fft.rfftfreq(window, 1 / rate)[:, None]
    rising = (frequencies - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequencies) / np.diff(edges)[1:]
    matrix: Values = np.maximum(np.minimum(rising, falling), 0.0).astype(np.float32)
    # Low bands are narrower than a bin: such a band takes the nearest one.
    empty = np.flatnonzero(matrix.sum(axis=0) == 0.0)
    matrix[np.round(edges[1:-1][empty] * window / rate).astype(int), empty] = 1.0
    return matrix

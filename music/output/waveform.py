"""The outline of a piece for a player to draw: lowest and highest sample of each pixel, as JSON in the form of BBC's
audiowaveform, version 2, which peaks.js and wavesurfer read."""

from typing import Any

import numpy as np
import numpy.typing as npt

PIXELS = 1_800
BITS = 8


class Waveform:
    """Fed with a piece of `total` samples in blocks of any length."""

    def __init__(self, total: int, rate: int, pixels: int = PIXELS) -> None:
        self._rate = rate
        self.samples_per_pixel = max(-(-total // pixels), 1)
        self._rest = np.zeros((2, 0), dtype=np.float32)
        self._lows: list[npt.NDArray[np.float32]] = []
        self._highs: list[npt.NDArray[np.float32]] = []

    def feed(self, audio: npt.NDArray[np.float32]) -> None:
        joined = np.concatenate((self._rest, audio), axis=1)
        whole = joined.shape[1] // self.samples_per_pixel * self.samples_per_pixel
        self._add(joined[:, :whole])
        self._rest = joined[:, whole:].copy()

    def result(self) -> dict[str, Any]:
        if self._rest.shape[1]:
            missing = self.samples_per_pixel - self._rest.shape[1]
            self._add(np.pad(self._rest, ((0, 0), (0, missing))))
            self._rest = self._rest[:, :0]
        lows, highs = self.outline()
        scale = 2 ** (BITS - 1)
        data = np.rint(np.stack((lows, highs), axis=1) * scale).clip(-scale, scale - 1).astype(int)
        return {
            "version": 2,
            "channels": 1,
            "sample_rate": self._rate,
            "samples_per_pixel": self.samples_per_pixel,
            "bits": BITS,
            "length": len(data),
            "data": data.reshape(-1).tolist(),
        }

    def outline(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Lowest and highest of the pixels so far."""
        nothing = np.zeros(0, dtype=np.float32)
        return np.concatenate((nothing, *self._lows)), np.concatenate((nothing, *self._highs))

    def _add(self, audio: npt.NDArray[np.float32]) -> None:
        if audio.shape[1]:
            rows = audio.reshape(2, -1, self.samples_per_pixel)
            self._lows.append(rows.min(axis=(0, 2)))
            self._highs.append(rows.max(axis=(0, 2)))

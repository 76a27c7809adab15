"""Tone: how a piece's power is spread over octaves, and how fast it falls towards the highs."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

Values = npt.NDArray[np.float64]

CENTRES_HZ = (31.5, 63.0, 125.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0)
#: Between these the tilt is taken; the ends of the spectrum say more about filters than about tone.
TILT_LOW_HZ, TILT_HIGH_HZ = 60.0, 12_000.0
WINDOW = 8192
QUIETEST_DB = -90.0


class Spectrum:
    """The mean power spectrum of what is fed to it, of both channels together."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._power = np.zeros(WINDOW // 2 + 1)
        self._rest: npt.NDArray[np.float32] | None = None

    def feed(self, audio: npt.NDArray[np.float32]) -> None:
        joined = audio if self._rest is None else np.concatenate((self._rest, audio), axis=1)
        whole = joined.shape[1] // WINDOW * WINDOW
        if whole:
            self._add(joined[:, :whole])
        self._rest = joined[:, whole:].copy()

    def power(self) -> Values:
        if self._rest is not None and self._rest.shape[1]:
            missing = WINDOW - self._rest.shape[1]
            self._add(np.pad(self._rest, ((0, 0), (0, missing))))
            self._rest = None
        return self._power

    def bands_db(self) -> list[float]:
        """Each octave against the whole."""
        return bands_db(self.power(), self._rate)

    def tilt_db(self) -> float:
        """How much louder an octave is at 10 kHz than at 100 Hz, on the straight line through the octaves. Music falls:
        from about -10 dB for a bright record to -25 dB for a dull one."""
        return tilt_db(self.bands_db())

    def _add(self, audio: npt.NDArray[np.float32]) -> None:
        frames = audio.reshape(-1, WINDOW) * _window()
        parts = fft.rfft(frames).view(np.float32)
        self._power += np.einsum("ij,ij->j", parts, parts, dtype=np.float64).reshape(-1, 2).sum(axis=1)


@lru_cache(maxsize=1)
def _window() -> npt.NDArray[np.float32]:
    return np.hanning(WINDOW).astype(np.float32)


def bands_db(power: Values, rate: int) -> list[float]:
    frequencies = fft.rfftfreq(WINDOW, 1 / rate)
    total = float(power[1:].sum())
    if total <= 0.0:
        return [QUIETEST_DB] * len(CENTRES_HZ)
    shares = [
        power[(frequencies >= centre / np.sqrt(2)) & (frequencies < centre * np.sqrt(2))].sum() / total
        for centre in CENTRES_HZ
    ]
    return [round(float(10 * np.log10(max(share, 10 ** (QUIETEST_DB / 10)))), 2) for share in shares]


def tilt_db(bands: list[float]) -> float:
    centres = np.array(CENTRES_HZ)
    inside = (centres >= TILT_LOW_HZ) & (centres <= TILT_HIGH_HZ)
    octaves, levels = np.log2(centres[inside]), np.array(bands)[inside]
    slope = np.polyfit(octaves, levels, 1)[0]
    return round(float(slope * np.log2(100.0)), 2)

"""Tone: filters as they act on spectra, so that a strip's whole equaliser costs one multiplication in the convolver."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import butter

Response = npt.NDArray[np.complex128]


@lru_cache(maxsize=8)
def _delays(size: int) -> tuple[Response, Response]:
    """Delays of one and two samples, at the frequencies of a real FFT of that size."""
    once = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    return once, once * once


class Equaliser:
    """The product of the filters asked for, at the frequencies of a real FFT of the given size."""

    def __init__(self, size: int, rate: int) -> None:
        self._rate = rate
        self._z, self._z2 = _delays(size)
        self.response: Response = np.ones(size // 2 + 1, dtype=np.complex128)

    def low_cut(self, hertz: float, order: int = 2) -> "Equaliser":
        return self._sections(butter(order, hertz, "highpass", fs=self._rate, output="sos"))

    def high_cut(self, hertz: float, order: int = 2) -> "Equaliser":
        if hertz < 0.45 * self._rate:
            self._sections(butter(order, hertz, "lowpass", fs=self._rate, output="sos"))
        return self

    def bell(self, hertz: float, gain_db: float, q: float = 1.0) -> "Equaliser":
        if gain_db == 0.0 or hertz >= 0.45 * self._rate:
            return self
        root, turn, alpha = self._cookbook(hertz, gain_db, q)
        return self._biquad(
            (1 + alpha * root, -2 * np.cos(turn), 1 - alpha * root),
            (1 + alpha / root, -2 * np.cos(turn), 1 - alpha / root),
        )

    def low_shelf(self, hertz: float, gain_db: float, q: float = 0.5) -> "Equaliser":
        return self._shelf(hertz, gain_db, q, side=1.0)

    def high_shelf(self, hertz: float, gain_db: float, q: float = 0.5) -> "Equaliser":
        return self._shelf(hertz, gain_db, q, side=-1.0)

    def tilt(self, gain_db: float) -> "Equaliser":
        """So many dB more at the top than at the bottom, level around 1 kHz."""
        self.low_shelf(250.0, -gain_db / 2, q=0.4)
        return self.high_shelf(3_200.0, gain_db / 2, q=0.4)

    def _shelf(self, hertz: float, gain_db: float, q: float, *, side: float) -> "Equaliser":
        if gain_db == 0.0:
            return self
        root, turn, alpha = self._cookbook(hertz, gain_db, q)
        cosine, slope = side * np.cos(turn), 2 * np.sqrt(root) * alpha
        more, less = root + 1, root - 1
        return self._biquad(
            (
                root * (more - less * cosine + slope),
                side * 2 * root * (less - more * cosine),
                root * (more - less * cosine - slope),
            ),
            (more + less * cosine + slope, side * -2 * (less + more * cosine), more + less * cosine - slope),
        )

    def _cookbook(self, hertz: float, gain_db: float, q: float) -> tuple[float, float, float]:
        """Robert Bristow-Johnson's names: A, omega, alpha."""
        turn = 2 * np.pi * hertz / self._rate
        return 10 ** (gain_db / 40), turn, float(np.sin(turn) / (2 * q))

    def _sections(self, sections: npt.NDArray[np.float64]) -> "Equaliser":
        for section in sections:
            self._biquad(tuple(section[:3]), tuple(section[3:]))
        return self

    def _biquad(self, over: tuple[float, ...], under: tuple[float, ...]) -> "Equaliser":
        above = over[0] + over[1] * self._z + over[2] * self._z2
        self.response *= above / (under[0] + under[1] * self._z + under[2] * self._z2)
        return self


#: What each stem is usually given and spared: (hertz, dB, q) of its bells.
VOICING = {
    "drums": ((380.0, -2.0, 0.9), (4_500.0, 1.0, 0.7), (10_000.0, 1.5, 0.7)),
    "percussion": ((500.0, -1.5, 0.8), (9_000.0, 1.0, 0.7)),
    "bass": ((75.0, 1.0, 0.8), (260.0, -2.0, 0.9), (1_100.0, 1.5, 0.8)),
    "chords": ((300.0, -2.0, 0.8), (2_600.0, -1.0, 0.9)),
    "lead": ((350.0, -1.0, 0.9), (2_800.0, 1.5, 0.8)),
    "pad": ((320.0, -2.0, 0.7), (2_500.0, -1.5, 0.7)),
    "voice": ((300.0, -1.5, 0.9), (3_500.0, 1.5, 0.8)),
    "fx": (),
}
#: Below this nothing is music; it also takes out whatever offset a stem may have.
LOWEST_HZ = 20.0


def strip_response(size: int, rate: int, *, stem: str, low_cut_hz: float, high_cut_hz: float) -> Response:
    equaliser = Equaliser(size, rate).low_cut(max(low_cut_hz, LOWEST_HZ))
    for hertz, gain_db, q in VOICING[stem]:
        equaliser.bell(hertz, gain_db, q)
    if high_cut_hz > 0.0:
        equaliser.high_cut(high_cut_hz)
    return equaliser.response

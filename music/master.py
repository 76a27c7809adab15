"""The last stage of a render: no rumble, a steady level, rounded peaks, and an end that fades to silence.

It works on a stream: the gain is given beforehand, and a soft knee keeps the ceiling.
"""

import numpy as np
from scipy.signal import butter, sosfilt

from music.synth import Audio

#: Samples stay below -1.2 dBFS, which leaves room for what happens between them.
CEILING = 10 ** (-1.2 / 20)
#: Below this the limiter changes nothing.
KNEE = 0.5
LOWEST_FREQUENCY = 28.0
FADE_SECONDS = 2.0


class Master:
    def __init__(self, rate: int, total: int, *, gain: float) -> None:
        self._filter = butter(2, LOWEST_FREQUENCY, "highpass", fs=rate, output="sos")
        self._state = np.zeros((len(self._filter), 2, 2))
        self._gain = gain
        self._total = total
        self._fade = min(round(FADE_SECONDS * rate), total // 4)

    def process(self, mix: Audio, offset: int) -> Audio:
        """Finish the samples that start at `offset`; calls follow one another without gaps."""
        clean, self._state = sosfilt(self._filter, mix, axis=1, zi=self._state)
        audio: Audio = (_rounded(self._gain * clean) * self._closing(offset, mix.shape[1])).astype(np.float32)
        return audio

    def _closing(self, offset: int, count: int) -> Audio:
        left = self._total - 1 - np.arange(offset, offset + count)
        curve: Audio = np.sin(0.5 * np.pi * np.clip(left / self._fade, 0.0, 1.0)) ** 2
        return curve


def _rounded(signal: Audio) -> Audio:
    room = CEILING - KNEE
    over = np.maximum(np.abs(signal) - KNEE, 0.0)
    limited: Audio = np.where(over > 0.0, np.sign(signal) * (KNEE + room * np.tanh(over / room)), signal)
    return limited

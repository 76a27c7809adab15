"""What bends a stem: its compressor and its saturation. Both are set for the levels that `staging` gives.

A follower per sample would have to be written as a loop. Here the attack is a filter over hops, and the release, which
falls so many decibels a second, is a running maximum under a slope.
"""

import numpy as np
from scipy.signal import lfilter

from music.mix.blocks import HOP, Audio, Curve, drawn, hop_power


class Compressor:
    """Carries its state from block to block. Both channels move together, so that nothing wanders."""

    def __init__(
        self,
        rate: int,
        *,
        threshold_db: float,
        ratio: float,
        attack_seconds: float,
        release_db_per_second: float,
        knee_db: float = 8.0,
        makeup_db: float = 0.0,
    ) -> None:
        hop_seconds = HOP / rate
        self._threshold, self._knee = threshold_db, knee_db
        self._slope = 1.0 - 1.0 / ratio
        self._fall = release_db_per_second * hop_seconds
        self._attack = _pole(attack_seconds, hop_seconds)
        self._smooth = _pole(0.003, hop_seconds)
        self._makeup = makeup_db
        self._power_state, self._gain_state = np.zeros(1), np.zeros(1)
        self._held = 0.0
        self._last = 10 ** (makeup_db / 20)

    def process(self, block: Audio) -> Audio:
        reduction = self._reduction(hop_power(block))
        gain = 10 ** ((self._makeup - reduction) / 20)
        curve = drawn(np.concatenate(([self._last], gain)))
        self._last = float(gain[-1])
        block *= curve
        return block

    def _reduction(self, power: Curve) -> Curve:
        power, self._power_state = lfilter(*self._smooth, power, zi=self._power_state)
        over = 10 * np.log10(np.maximum(power, 1e-12)) - self._threshold
        knee = self._knee
        wanted = self._slope * np.where(
            np.abs(over) < knee / 2, (over + knee / 2) ** 2 / (2 * knee), np.maximum(over, 0.0)
        )
        slope = self._fall * np.arange(1, len(wanted) + 1)
        released = np.maximum(np.maximum.accumulate(wanted + slope), self._held) - slope
        self._held = float(released[-1])
        smoothed: Curve
        smoothed, self._gain_state = lfilter(*self._attack, released, zi=self._gain_state)
        return smoothed


def _pole(seconds: float, hop_seconds: float) -> tuple[list[float], list[float]]:
    kept = float(np.exp(-hop_seconds / seconds))
    return [1.0 - kept], [1.0, -kept]


#: The stems whose hits must come through before the compressor closes.
PUNCHY = frozenset({"drums", "percussion"})


def strip_compressor(stem: str, amount: float, level: float, rate: int) -> Compressor | None:
    """The compressor of a strip; `level` is the stem's usual loudness."""
    if amount <= 0.0:
        return None
    threshold = level + 3.0 - 7.0 * amount
    ratio = 1.5 + 3.5 * amount
    # Half of what is taken away at the usual level is given back: the passages below gain what the loud ones lose.
    makeup = 0.5 * (1 - 1 / ratio) * max(level + 3.0 - threshold, 0.0)
    return Compressor(
        rate,
        threshold_db=threshold,
        ratio=ratio,
        attack_seconds=0.018 if stem in PUNCHY else 0.008,
        release_db_per_second=90.0 if stem in PUNCHY else 45.0,
        makeup_db=makeup,
    )


def saturate(block: Audio, drive: float) -> Audio:
    """Tape and valves: rounds what is loud, a little more on one side, which adds even harmonics too.

    What is quiet passes unchanged. The curve is soft enough to need no oversampling at these levels; the offset that a
    lopsided curve leaves is taken out by the low cut behind it.
    """
    if drive <= 0.0:
        return block
    push = np.float32(0.8 + 8.0 * drive * drive + 4.0 * drive)
    bias = np.float32(0.12 * drive)
    block *= push
    block += bias
    np.tanh(block, out=block)
    block -= np.tanh(bias)
    block *= np.float32(1.0 / (push * (1.0 - np.tanh(bias) ** 2)))
    return block

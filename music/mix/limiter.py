"""The last gain of a master: how loud, and how far down before every peak.

Everything is decided from the true peak of each hop, which costs a thirty-second of the audio. So the loudness that a
gain would lead to can be tried out many times before a sample is touched.
"""

import numpy as np
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from music.analyze.loudness import SILENCE, gated_loudness
from music.mix.blocks import HOP, Curve, decibels

LOOK_AHEAD_SECONDS = 0.0045
#: The slow one is not heard at work. A loud target needs quicker ones, or every kick would hold down what follows it.
RELEASES_DB_PER_SECOND = (32.0, 70.0, 150.0, 320.0)
SLOW_DB, QUICK_DB_PER_SECOND = 3.0, 250.0
MOST_GAIN_DB, LEAST_GAIN_DB = 48.0, -48.0
#: A target that would cost more than this is missed: it would be loud, and no longer music.
MOST_LIMITING_DB = 14.0
REACHED_LU = 0.05
#: How far peaks stand above the loudness: an orchestra's are left alone, those of a club are held down as its records
#: have them, and what is turned down to the same loudness is denser for it.
OPEN_CREST_DB, GLUED_CREST_DB = 14.0, 8.8


def limiting(peaks: Curve, *, gain: float, ceiling: float, release: float, rate: int) -> Curve:
    """Gains at the edges of hops: `gain`, and less around the peaks that would go over the ceiling.

    The gain falls in a straight line that starts so early that it has arrived when the peak comes: it is the mean of
    minima, each of which covers the peak.
    """
    allowed = np.minimum(ceiling / np.maximum(gain * peaks, 1e-9), 1.0)
    # An edge belongs to the hops on both sides.
    allowed = np.minimum(np.append(allowed, 1.0), np.insert(allowed, 0, 1.0))
    if allowed.min() >= 1.0:
        return np.full(len(allowed), gain)
    reach = 2 * max(round(LOOK_AHEAD_SECONDS * rate / HOP / 2), 1) + 1
    ahead = minimum_filter1d(allowed, reach, mode="nearest", origin=-(reach // 2))
    wanted = -20 * np.log10(ahead)
    # A little goes down and comes back slowly, unheard; what a single hit asks for beyond that is over with the hit.
    slow = _released(np.minimum(wanted, SLOW_DB), release * HOP / rate)
    quick = _released(np.maximum(wanted - slow, 0.0), max(release, QUICK_DB_PER_SECOND) * HOP / rate)
    released = np.minimum(10 ** (-(slow + quick) / 20), 1.0)
    smoothed: Curve = gain * uniform_filter1d(released, reach, mode="nearest", origin=reach // 2)
    return smoothed


def _released(reduction: Curve, fall: float) -> Curve:
    """As high as the reduction, and falling so many dB a hop from where it was."""
    slope = fall * np.arange(len(reduction))
    held: Curve = np.maximum.accumulate(reduction + slope) - slope
    return held


class Trial:
    """Foretells the loudness of a master from the weighted power and the true peak of each hop."""

    def __init__(self, powers: Curve, peaks: Curve, *, ceiling: float, rate: int) -> None:
        self._powers, self._peaks, self._ceiling, self._rate = powers, peaks, ceiling, rate
        self.gain_db, self.release = 0.0, RELEASES_DB_PER_SECOND[0]
        self._step = max(round(0.1 * rate / HOP), 1)

    def aim(self, target: float) -> Curve:
        """Settle on the slowest release with which the target can be met, and on the gain. The result is what to
        multiply the piece by."""
        for self.release in RELEASES_DB_PER_SECOND:
            self.gain_db = self._gain_db_for(target)
            edges = self._edges(self.gain_db)
            if self._loudness(edges) > target - REACHED_LU:
                break
        return edges

    def _edges(self, gain_db: float) -> Curve:
        gain = 10 ** (gain_db / 20)
        return limiting(self._peaks, gain=gain, ceiling=self._ceiling, release=self.release, rate=self._rate)

    def _loudness(self, edges: Curve) -> float:
        power = self._powers * (0.5 * (edges[:-1] + edges[1:])) ** 2
        whole = len(power) // self._step * self._step
        tenths = power[:whole].reshape(-1, self._step).mean(axis=1)
        if len(tenths) < 4:
            return gated_loudness(np.array([power.mean()]))
        total = np.concatenate(([0.0], np.cumsum(tenths)))
        return gated_loudness((total[4:] - total[:-4]) / 4)

    def _gain_db_for(self, target: float) -> float:
        """The gain that leads to the target; 0 for silence. By halving, as every further dB is worth less."""
        untouched = self._loudness(np.ones(len(self._powers) + 1))
        if untouched <= SILENCE:
            return 0.0
        low = target - untouched - 1.0
        high = low + 1.0 + MOST_LIMITING_DB
        while high - low > 0.01:
            middle = 0.5 * (low + high)
            if self._loudness(self._edges(middle)) < target:
                low = middle
            else:
                high = middle
        return min(max(0.5 * (low + high), LEAST_GAIN_DB), MOST_GAIN_DB)


def ceiling_of(true_peak_db: float) -> float:
    """A little below what is asked for: a gain that moves adds a hundredth or two, and meters differ by as much."""
    return float(10 ** ((true_peak_db - 0.12) / 20))


def crest_db(glue: float) -> float:
    return OPEN_CREST_DB + glue * (GLUED_CREST_DB - OPEN_CREST_DB)


def deepest_reduction_db(edges: Curve, gain: float) -> float:
    return round(decibels(gain) - decibels(float(edges.min())), 2)

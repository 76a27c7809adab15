"""What moves during a piece: stems that make way for the kick, sections that are ridden up and down, and the end."""

import numpy as np

from music.instruments import KICK
from music.mix.blocks import HOP, HOPS, Curve
from music.plan import Plan

#: A stem is out of the way when the kick begins, not after.
DUCK_ATTACK_SECONDS = 0.005
DUCK_HOLD_SECONDS = 0.015
#: By how many dB a section is moved for all its energy above the average, and at most; half of that where the whole is
#: glued together. Arrangements make most of the difference themselves.
RIDE_DB = 7.0
MOST_RIDE_DB = 2.1
#: What gets louder grows over the last beat before; what gets softer is let go at once.
RIDE_UP_BEATS, RIDE_DOWN_SECONDS = 1.0, 0.08
CLOSING_SECONDS = 1.5


class Automation:
    def __init__(self, plan: Plan, rate: int, total: int, *, loop: bool) -> None:
        self._rate, self._total = rate, total
        beat = plan.seconds_per_beat
        kicks = [
            note.start * beat
            for track in plan.tracks
            if track.stem == "drums"
            for note in track.notes
            if note.pitch == KICK
        ]
        self._kicks = np.unique(np.array([-1e9, *kicks, 1e9]))
        self._recovery = float(np.clip(0.7 * beat, 0.12, 0.40))
        self._ride_times, self._ride_gains = _rides(plan, rate, loop=loop)
        self._closing = 0 if loop else max(1, min(round(CLOSING_SECONDS * rate), total // 4))

    def gains(self, offset: int) -> Curve:
        """What every stem is multiplied by, at the edges of the hops of a block."""
        samples = offset + np.arange(HOPS + 1) * HOP
        gains: Curve = np.interp(samples, self._ride_times, self._ride_gains)
        if self._closing and samples[-1] > self._total - self._closing:
            left = np.clip((self._total - samples) / self._closing, 0.0, 1.0)
            gains = gains * np.sin(0.5 * np.pi * left) ** 2
        return gains

    def dips(self, offset: int) -> Curve:
        """How far the kick pushes things down, from 0 to 1, at the same edges."""
        times = (offset + np.arange(HOPS + 1) * HOP) / self._rate
        following = np.searchsorted(self._kicks, times, side="right")
        since = times - self._kicks[following - 1] - DUCK_HOLD_SECONDS
        until = self._kicks[np.minimum(following, len(self._kicks) - 1)] - times
        recovering = 0.5 + 0.5 * np.cos(np.pi * np.clip(since / self._recovery, 0.0, 1.0))
        dips: Curve = np.maximum(recovering, np.clip(1.0 - until / DUCK_ATTACK_SECONDS, 0.0, 1.0))
        return dips


def _rides(plan: Plan, rate: int, *, loop: bool) -> tuple[Curve, Curve]:
    """Edges of a line in samples, and its gains: each section a little further from the average than it was played."""
    edges = plan.section_edges(rate)
    sections = plan.sections[: len(edges) - 1]
    if not sections:
        return np.array([0.0]), np.array([1.0])
    energies = np.array([section.energy for section in sections])
    lengths = np.diff(edges[: len(sections)] + edges[-1:])
    moves = RIDE_DB * (energies - np.average(energies, weights=np.maximum(lengths, 1)))
    moves = (1.0 - 0.5 * plan.mix.glue) * np.clip(moves, -MOST_RIDE_DB, MOST_RIDE_DB)
    gains = 10 ** (moves / 20)
    up, down = RIDE_UP_BEATS * plan.seconds_per_beat * rate, RIDE_DOWN_SECONDS * rate
    nexts = [*gains[1:], gains[0]]
    ramps = [up if after > gain else down for gain, after in zip(gains, nexts, strict=True)]
    times = [float(edges[0])]
    for edge, ramp in zip(edges[1 : len(sections)], ramps, strict=False):
        times += [max(edge - ramp, times[-1]), float(edge)]
    curve = np.repeat(gains, 2)[: len(times)]
    if loop:  # the end leads to the beginning
        times += [max(edges[-1] - ramps[-1], times[-1]), float(edges[-1])]
        curve = np.append(curve, (curve[-1], curve[0]))
    return np.array(times), curve

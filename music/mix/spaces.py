"""The rooms that stems are sent to: impulse responses made of early reflections and noise that dies away, the highs
sooner than the lows. Each is drawn once from a seed of its own and kept.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from music import seeds
from music.mix.blocks import Audio

Curves = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class Space:
    #: Until the middle of the spectrum has fallen by 60 dB.
    seconds: float
    predelay: float
    #: How long the lows and the highs last, as shares of that.
    low: float = 1.1
    high: float = 0.5
    low_cut_hz: float = 180.0
    high_cut_hz: float = 9_000.0
    #: How much of it is single reflections, and within how many seconds they come.
    early: float = 0.5
    early_seconds: float = 0.05
    #: Cut off after so many seconds; 0 lets it ring.
    gate: float = 0.0


SPACES = {
    "booth": Space(seconds=0.45, predelay=0.002, high=0.6, early=0.8, early_seconds=0.03, high_cut_hz=8_000),
    "bedroom": Space(seconds=0.8, predelay=0.006, high=0.4, early=0.6, early_seconds=0.04, high_cut_hz=5_000),
    "studio": Space(seconds=0.9, predelay=0.008, high=0.6, early=0.7, early_seconds=0.05, high_cut_hz=10_000),
    "club": Space(seconds=1.1, predelay=0.012, high=0.5, early=0.7, early_seconds=0.06, high_cut_hz=7_500, low=1.2),
    "plate": Space(seconds=1.5, predelay=0.018, high=0.75, low=0.9, early=0.15, low_cut_hz=250, high_cut_hz=12_000),
    "long plate": Space(seconds=2.2, predelay=0.028, high=0.7, early=0.15, low_cut_hz=280, high_cut_hz=11_000),
    "spring": Space(seconds=1.6, predelay=0.03, high=0.35, early=0.4, low_cut_hz=350, high_cut_hz=4_500),
    "gated": Space(seconds=2.5, predelay=0.004, high=0.9, early=0.3, high_cut_hz=9_000, gate=0.28),
    "warehouse": Space(seconds=2.3, predelay=0.03, high=0.3, low=1.1, early=0.4, early_seconds=0.09, high_cut_hz=5_500),
    "hall": Space(seconds=2.3, predelay=0.025, high=0.45, low=1.15, early=0.35, early_seconds=0.08, low_cut_hz=120),
    "scoring stage": Space(seconds=2.7, predelay=0.032, high=0.45, early=0.3, early_seconds=0.1, low_cut_hz=120),
    "cathedral": Space(
        seconds=4.2, predelay=0.04, high=0.4, early=0.15, early_seconds=0.12, low_cut_hz=160, high_cut_hz=7_000
    ),
}
#: The space of each genre, and the one in which its drums and bass stand.
GENRE_SPACES = {
    "lo-fi": ("bedroom", "booth"),
    "boom bap": ("bedroom", "booth"),
    "trap": ("long plate", "booth"),
    "house": ("plate", "booth"),
    "techno": ("warehouse", "club"),
    "drum and bass": ("long plate", "studio"),
    "synthwave": ("long plate", "gated"),
    "pop": ("plate", "studio"),
    "rock": ("studio", "studio"),
    "funk": ("studio", "booth"),
    "reggae": ("spring", "studio"),
    "jazz": ("club", "club"),
    "folk": ("studio", "studio"),
    "classical": ("hall", "hall"),
    "cinematic": ("scoring stage", "hall"),
    "ambient": ("cathedral", "hall"),
}
GROUNDED = frozenset({"drums", "percussion", "bass"})


def space_of(genre: str, stem: str) -> str:
    far, near = GENRE_SPACES[genre]
    return near if stem in GROUNDED else far


@lru_cache(maxsize=16)
def impulse(name: str, rate: int) -> Audio:
    """The response of a space to one sample, left and right, with as much energy as that sample."""
    space = SPACES[name]
    lasting = space.gate or 0.85 * space.seconds
    count = round((lasting + space.predelay) * rate)
    draw = seeds.generator(0, "space", name)
    late = _late(space, count, rate, draw)
    late *= (1.0 - space.early) / _size(late)
    early = _early(space, count, rate, draw)
    response = late + space.early * early / _size(early)
    response = sosfilt(butter(2, space.low_cut_hz, "highpass", fs=rate, output="sos"), response, axis=1)
    response = sosfilt(butter(1, min(space.high_cut_hz, 0.45 * rate), fs=rate, output="sos"), response, axis=1)
    closing = min(round(0.03 * rate), count) if space.gate else count // 4
    response[:, -closing:] *= np.cos(np.linspace(0.0, np.pi / 2, closing)) ** 2
    result: Audio = (response / _size(response)).astype(np.float32)
    result.setflags(write=False)
    return result


def _late(space: Space, count: int, rate: int, draw: np.random.Generator) -> Curves:
    noise = draw.standard_normal((2, count))
    low = sosfilt(butter(1, 350.0, fs=rate, output="sos"), noise, axis=1)
    not_high = sosfilt(butter(1, 3_000.0, fs=rate, output="sos"), noise, axis=1)
    times = np.arange(count) / rate - space.predelay
    # It takes a while until the echoes are dense.
    onset = -np.expm1(-np.maximum(times, 0.0) / (0.01 + 0.15 * space.predelay))
    if space.gate:
        late: Curves = noise * onset * np.exp(-1.2 * times)
        return late
    late = np.zeros((2, count))
    for band, share in ((low, space.low), (not_high - low, 1.0), (noise - not_high, space.high)):
        late += band * np.exp(-6.91 * times / (space.seconds * share))
    late *= onset
    return late


def _early(space: Space, count: int, rate: int, draw: np.random.Generator) -> Curves:
    early = np.zeros((2, count))
    reflections = 18
    times = space.predelay + space.early_seconds * np.sort(draw.uniform(0.04, 1.0, reflections))
    sides = draw.uniform(0.15, 0.85, reflections)
    signs = draw.choice((-1.0, 1.0), reflections)
    strengths = signs * np.exp(-2.5 * (times - space.predelay) / space.early_seconds)
    for channel, share in ((0, 1.0 - sides), (1, sides)):
        np.add.at(early[channel], np.minimum((times * rate).astype(int), count - 1), strengths * share)
    return early


def _size(response: Curves) -> float:
    """The amplitude of noise after this response, when noise of amplitude 1 goes in."""
    return float(np.sqrt((response**2).sum() / 2))

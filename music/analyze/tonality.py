"""Chroma and key: how strong each of the twelve tones is, and which scale that looks most like."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import maximum_filter1d

from music.analyze.frames import mono, spectra
from music.theory import Key

Values = npt.NDArray[np.float64]

WINDOW, HOP = 8192, 4096
LOW_HZ, HIGH_HZ = 62.0, 2_100.0
#: How well each degree fits its key, from the tonic up, to listeners (Krumhansl's probe tones, sharpened by Temperley)
#: and in a corpus (Albrecht and Shanahan). The first alone takes many a key for that of its fifth; the second, loops
#: without a cadence for that of their fourth.
HEARD = {
    "major": (5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0),
    "minor": (5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 2.6, 3.0),
}
COUNTED = {
    "major": (0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081),
    "minor": (0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052),
}


def _profile(mode: str) -> Values:
    """A chroma is made of square roots, and what was counted is compared as such."""
    heard, counted = np.array(HEARD[mode]), np.sqrt(COUNTED[mode])
    profile: Values = heard / heard.sum() + counted / counted.sum()
    return profile


PROFILES = {mode: _profile(mode) for mode in HEARD}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tonality:
    key: Key
    #: Of the chroma with the profile of that key.
    correlation: float
    #: 0 to 1: how clearly it wins over the next key that is not its relative.
    confidence: float


def chromagram(audio: npt.NDArray[np.float32], rate: int) -> Values:
    """Twelve strengths per frame, C first."""
    signal, slow = mono(audio, rate)
    magnitude = spectra(signal, window=WINDOW, hop=HOP)
    frequencies = fft.rfftfreq(WINDOW, 1 / slow)
    inside = (frequencies >= LOW_HZ) & (frequencies <= HIGH_HZ)
    magnitude, frequencies = magnitude[:, inside], frequencies[inside]
    # Only partials count: what stands out from its neighbours. The rest is drums and breath.
    magnitude = np.where(magnitude >= maximum_filter1d(magnitude, 5, axis=1), magnitude, 0.0)
    pitches = 69 + 12 * np.log2(frequencies / 440.0)
    nearest = np.round(pitches)
    fit = np.cos(np.pi * (pitches - nearest)) ** 2 / np.sqrt(frequencies / LOW_HZ)
    gather = np.zeros((len(frequencies), 12))
    gather[np.arange(len(frequencies)), nearest.astype(int) % 12] = fit
    strengths: Values = np.sqrt(magnitude) @ gather
    return strengths


def estimate(audio: npt.NDArray[np.float32], rate: int) -> Tonality:
    return key_of(chromagram(audio, rate).sum(axis=0))


def key_of(chroma: Values) -> Tonality:
    scored = sorted(
        (
            (_correlation(np.roll(profile, tonic), chroma), Key(tonic=tonic, mode=mode))
            for mode, profile in PROFILES.items()
            for tonic in range(12)
        ),
        key=lambda pair: -pair[0],
    )
    best, key = scored[0]
    rival = next(
        score for score, other in scored[1:] if other.scale != key.scale and set(other.scale) != set(key.scale)
    )
    confidence = float(np.clip(2.5 * (best - rival) + 0.5 * best, 0.0, 1.0))
    return Tonality(key=key, correlation=round(best, 3), confidence=round(confidence, 3))


def _correlation(profile: Values, chroma: Values) -> float:
    spread = chroma.std()
    if spread <= 1e-9:
        return 0.0
    return float(((profile - profile.mean()) * (chroma - chroma.mean())).mean() / (profile.std() * spread))

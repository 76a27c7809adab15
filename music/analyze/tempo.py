"""Onsets and tempo. An onset is a sudden rise in many bands at once; the tempo is the spacing at which rises return,
and go on returning many beats later, which is what makes it exact."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from music.analyze.frames import bands, mono, spectra

Values = npt.NDArray[np.float64]

WINDOW, HOP = 1024, 220
BANDS = 26
SLOWEST, FASTEST = 48.0, 208.0
#: Where listeners tap when they have the choice, and how wide the choice is, in octaves.
LIKELY_BPM, LIKELY_OCTAVES = 112.0, 0.85
MOST_BEATS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Tempo:
    bpm: float
    #: 0 to 1: how much of the pulse returns after a beat.
    confidence: float
    onsets_per_second: float
    #: How much rises at an average moment. Depends on the level of what is given.
    flux: float


def onset_strength(audio: npt.NDArray[np.float32], rate: int) -> tuple[Values, float]:
    """How much rises at each moment, and how many moments there are in a second."""
    signal, slow = mono(audio, rate)
    level = np.log1p(
        300.0 * spectra(signal, window=WINDOW, hop=HOP) @ bands(40, 9_000, BANDS, window=WINDOW, rate=slow) / WINDOW
    )
    rises = np.maximum(level[2:] - level[:-2], 0.0).mean(axis=1).astype(np.float64)
    strength = np.concatenate(([0.0], rises, [0.0]))
    return strength, slow / HOP


def estimate(audio: npt.NDArray[np.float32], rate: int) -> Tempo:
    strength, per_second = onset_strength(audio, rate)
    flux = round(float(strength.mean()), 4)
    flat = strength - uniform_filter1d(strength, max(int(per_second * 0.8), 3))
    flat = np.maximum(flat, 0.0)
    seconds = max(audio.shape[1] / rate, 1e-9)
    onsets = _count(flat, per_second) / seconds
    returning = _autocorrelation(flat)
    if returning is None or seconds < 2.0:
        return Tempo(bpm=0.0, confidence=0.0, onsets_per_second=round(onsets, 2), flux=flux)
    candidates = np.geomspace(SLOWEST, FASTEST, 1200)
    scores = _scores(returning, candidates, per_second)
    weight = np.exp(-0.5 * (np.log2(candidates / LIKELY_BPM) / LIKELY_OCTAVES) ** 2)
    best = float(candidates[np.argmax(scores * weight)])
    fine = best * np.linspace(0.985, 1.015, 601)
    bpm = float(fine[np.argmax(_scores(returning, fine, per_second))])
    confidence = float(np.clip(_scores(returning, np.array([bpm]), per_second)[0], 0.0, 1.0))
    return Tempo(bpm=round(bpm, 2), confidence=round(confidence, 3), onsets_per_second=round(onsets, 2), flux=flux)


def _autocorrelation(strength: Values) -> Values | None:
    """From 1 at no distance; corrected for how little is left to compare at long ones."""
    centred = strength - strength.mean()
    size = fft.next_fast_len(2 * len(centred), real=True)
    spectrum = fft.rfft(centred, size)
    raw = fft.irfft(spectrum * np.conj(spectrum), size)[: len(centred)]
    if raw[0] <= 1e-12:
        return None
    compared = len(centred) - np.arange(len(centred))
    result: Values = raw / raw[0] * len(centred) / np.maximum(compared, len(centred) // 4)
    return result


def _scores(returning: Values, bpms: Values, per_second: float) -> Values:
    """How much returns after one, two, three … beats, on average; half beats count a little too."""
    spacing = 60.0 * per_second / bpms
    beats = np.arange(1, MOST_BEATS + 1)
    places = np.arange(len(returning))
    lags = spacing[:, None] * beats
    values = np.interp(lags, places, returning)
    values[lags > 0.75 * len(returning)] = np.nan
    known = np.isfinite(values)
    mean = np.where(known, values, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    half: Values = np.interp(0.5 * spacing, places, returning)
    scores: Values = mean + 0.15 * half
    return scores


def _count(flat: Values, per_second: float) -> int:
    peak = maximum_filter1d(flat, 2 * max(int(0.04 * per_second), 1) + 1)
    loud = max(0.12 * float(np.percentile(flat, 99.5)), 1e-4)
    return int(((flat == peak) & (flat > loud)).sum())

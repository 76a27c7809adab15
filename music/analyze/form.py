"""Where a piece changes: novelty along its self-similarity, after Foote. It finds boundaries, not their names."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from music.analyze.frames import bands, mono, spectra
from music.analyze.tonality import chromagram

Values = npt.NDArray[np.float64]

SECONDS_PER_STEP = 0.5
REACH_STEPS = 12
WINDOW, HOP = 4096, 4096
LEAST_NOVELTY = 0.25


def boundaries(audio: npt.NDArray[np.float32], rate: int) -> list[float]:
    """Seconds at which something new begins, the start and the end not among them."""
    if audio.shape[1] < (2 * REACH_STEPS + 1) * SECONDS_PER_STEP * rate:
        return []
    features = _features(audio, rate)
    curve = novelty(features)
    highest = maximum_filter1d(curve, REACH_STEPS)
    places = np.flatnonzero((curve == highest) & (curve > LEAST_NOVELTY * max(curve.max(), 1e-9)) & (curve > 0.02))
    inner = places[(places >= REACH_STEPS // 2) & (places <= len(curve) - REACH_STEPS // 2)]
    return [round(float(place) * SECONDS_PER_STEP, 1) for place in inner]


def novelty(features: Values) -> Values:
    """How different what comes is from what was, at each step."""
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    alike = np.pad(unit @ unit.T, REACH_STEPS, mode="edge")
    side = np.concatenate((-np.ones(REACH_STEPS), np.ones(REACH_STEPS)))
    fade = np.exp(-(((np.arange(2 * REACH_STEPS) - REACH_STEPS + 0.5) / (0.6 * REACH_STEPS)) ** 2))
    kernel = np.outer(side * fade, side * fade)
    curve = [
        float((alike[i : i + 2 * REACH_STEPS, i : i + 2 * REACH_STEPS] * kernel).sum()) for i in range(len(features))
    ]
    novel: Values = np.maximum(np.array(curve), 0.0) / np.abs(kernel).sum()
    return novel


def _features(audio: npt.NDArray[np.float32], rate: int) -> Values:
    """Tone colour and harmony of each step, as distances from the average of the piece."""
    signal, slow = mono(audio, rate)
    level = np.log1p(
        100.0 * spectra(signal, window=WINDOW, hop=HOP) @ bands(50, 9_000, 14, window=WINDOW, rate=slow) / WINDOW
    )
    chroma = np.log1p(chromagram(audio, rate))
    colour = _stepped(level.astype(np.float64), slow / HOP)
    harmony = _stepped(chroma, slow / 4096)
    count = min(len(colour), len(harmony))
    parts = [_even(part[:count]) for part in (colour, harmony)]
    return np.concatenate((parts[0], 0.5 * parts[1]), axis=1)


def _stepped(rows: Values, per_second: float) -> Values:
    steps = int(len(rows) / per_second / SECONDS_PER_STEP)
    edges = np.round(np.arange(steps) * SECONDS_PER_STEP * per_second).astype(int)
    if steps == 0:
        return np.zeros((0, rows.shape[1]))
    sums: Values = np.add.reduceat(rows, edges, axis=0)
    means: Values = sums / np.diff(np.append(edges, len(rows)))[:, None]
    return means


def _even(rows: Values) -> Values:
    centred: Values = rows - rows.mean(axis=0)
    return centred / max(float(np.sqrt((centred**2).mean())), 1e-9)

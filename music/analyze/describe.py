"""The style of a finished piece as a few values: what a reference is followed by, and what a catalogue would list."""

from typing import Any

import numpy as np
import numpy.typing as npt

from music.analyze import form, stereo, tempo, tonality
from music.analyze.loudness import Meter
from music.analyze.peaks import PeakMeter
from music.analyze.spectrum import Spectrum

BLOCK = 65_536
#: Tempo and key of a long piece are those of its middle.
LONGEST_LISTENED_SECONDS = 120
#: Rises are compared at one loudness; what is all but silent is not blown up.
COMPARED_LUFS, QUIETEST_LUFS = -14.0, -60.0


def describe(audio: npt.NDArray[np.float32], rate: int) -> dict[str, Any]:
    """`audio` has the shape (channels, samples), one channel or two."""
    both = np.repeat(audio, 2, axis=0) if len(audio) == 1 else audio[:2]
    meter, peak, tone = Meter(rate), PeakMeter(), Spectrum(rate)
    for start in range(0, both.shape[1], BLOCK):
        block = both[:, start : start + BLOCK]
        for listener in (meter, peak, tone):
            listener.feed(block)
    loudness, true_peak = meter.result(), peak.dbtp()
    heard = _middle(both, rate) * np.float32(10 ** ((COMPARED_LUFS - max(loudness.integrated, QUIETEST_LUFS)) / 20))
    pulse, harmony = tempo.estimate(heard, rate), tonality.estimate(heard, rate)
    bands = tone.bands_db()
    return {
        "duration": round(both.shape[1] / rate, 3),
        "bpm": pulse.bpm,
        "key": harmony.key.name,
        "loudness": round(loudness.integrated, 2),
        "loudness_range": round(loudness.range, 2),
        "true_peak": round(true_peak, 2),
        "tilt_db": tone.tilt_db(),
        "bands_db": bands,
        "energy": _energy(pulse, tone.tilt_db()),
        "width": round(1.0 - stereo.correlation(heard), 3),
        "boundaries": form.boundaries(both, rate),
        "confidence": {"bpm": pulse.confidence, "key": harmony.confidence},
    }


def _middle(audio: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float32]:
    most = LONGEST_LISTENED_SECONDS * rate
    start = max((audio.shape[1] - most) // 2, 0)
    return audio[:, start : start + most]


def _energy(pulse: tempo.Tempo, tilt_db: float) -> float:
    """From 0 to 1: how much rises, how often, and how bright it is. The weights put finished tracks of each genre about
    where `music.genres` has them."""
    rising = np.clip((pulse.flux - 0.02) / 0.1, 0.0, 1.0)
    busy = np.clip(pulse.onsets_per_second / 6.5, 0.0, 1.0)
    bright = np.clip((tilt_db + 24.0) / 20.0, 0.0, 1.0)
    return round(float(0.55 * rising + 0.25 * busy + 0.2 * bright), 3)

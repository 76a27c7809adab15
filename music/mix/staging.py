"""Brings every stem to its usual level before anything else is done to it, so that the balance of a mix, and how hard
its compressors work, do not hang on how loud an instrument happens to be rendered.

The level is that of the passages where the stem plays, weighted as BS.1770 weights it. It is taken from spectra of
alternating channels: a tenth of a decibel is all that is asked for, at a tenth of the cost of the filters.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import fft

from music.analyze.loudness import weighting
from music.mix.blocks import BLOCK, Curve, Reader, amplitude, read_block

#: LUFS of each stem while it plays, with a strip at 0 dB. Together they leave a mix some 8 dB below full scale.
LEVELS = {
    "drums": -24.0,
    "percussion": -31.0,
    "bass": -24.5,
    "chords": -27.0,
    "lead": -26.5,
    "pad": -29.5,
    "voice": -26.0,
    "fx": -31.5,
}
#: What is all but silent is not dragged up with its noise.
MOST_GAIN_DB = 30.0
WINDOW = 4096
SILENCE_LUFS = -70.0


def trim(stem: str, loudness: float) -> float:
    """What to multiply a dry stem by."""
    if loudness <= SILENCE_LUFS:
        return 1.0
    return amplitude(min(LEVELS[stem] - loudness, MOST_GAIN_DB))


def playing_loudness(read: Reader, total: int, rate: int) -> float:
    """LUFS of the passages where something plays; `SILENCE_LUFS` if nothing does."""
    weights = _weights(rate)
    powers = [_powers(read, start, total, weights) for start in range(0, total, BLOCK)]
    power = np.concatenate(powers)
    playing = power[power > 10 ** ((SILENCE_LUFS + 0.691) / 10)]
    if playing.size == 0:
        return SILENCE_LUFS
    return float(-0.691 + 10 * np.log10(playing[playing >= 0.1 * playing.mean()].mean()))


def _powers(read: Reader, start: int, total: int, weights: npt.NDArray[np.float32]) -> Curve:
    frames = read_block(read, start, total).reshape(2, -1, WINDOW)
    chosen = np.where(np.arange(frames.shape[1])[:, None] % 2 == 0, frames[0], frames[1])
    parts = fft.rfft(chosen).view(np.float32)
    np.multiply(parts, parts, out=parts)
    powers: Curve = (parts @ weights).astype(np.float64)
    return powers


@lru_cache(maxsize=4)
def _weights(rate: int) -> npt.NDArray[np.float32]:
    # Twice for the half of the spectrum that is not there, and twice for the channel that was passed over.
    response = weighting(fft.rfftfreq(WINDOW, 1 / rate), rate)
    return np.repeat(4 * response / WINDOW**2, 2).astype(np.float32)

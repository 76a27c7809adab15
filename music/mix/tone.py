"""The tone of the whole: nothing below hearing, the tilt of the mix, and what a reference has more or less of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft

from music.analyze.spectrum import CENTRES_HZ
from music.mix.blocks import BLOCK, Audio
from music.mix.equalise import Equaliser, Response
from music.mix.scratch import Scratch

SIZE = 2 * BLOCK
#: How long a response may ring; the lowest cut has died away long before.
TAIL = 8_192
STEP = SIZE - TAIL
LOW_CUT_HZ = 25.0
MOST_MATCH_DB = 6.0


def tone_response(
    rate: int,
    tilt_db: float,
    reference: Mapping[str, Any] | None = None,
    bands_db: Sequence[float] | None = None,
    strength: float = 0.0,
) -> Response:
    """`bands_db` are the octaves of the mix; the tilt gives way to the reference as far as that is followed."""
    equaliser = Equaliser(SIZE, rate).low_cut(LOW_CUT_HZ)
    wanted = reference.get("bands_db") if reference is not None else None
    if wanted is None or bands_db is None or len(wanted) != len(CENTRES_HZ):
        return equaliser.tilt(tilt_db).response
    equaliser.tilt((1.0 - strength) * tilt_db)
    for hertz, gain_db in zip(CENTRES_HZ, _match(wanted, bands_db, strength), strict=True):
        equaliser.bell(hertz, gain_db, q=1.3)
    return equaliser.response


def _match(wanted: Sequence[float], present: Sequence[float], strength: float) -> list[float]:
    """By how much to raise each octave. The outermost are left alone: there is nothing to raise, only noise."""
    difference = np.clip(np.array(wanted, dtype=np.float64) - np.array(present), -18.0, 18.0)
    # Neighbours share: a comb of bells would be heard, a slope is not.
    smooth = np.convolve(np.pad(difference, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
    smooth -= smooth[1:-1].mean()
    gains = np.clip(strength * smooth, -MOST_MATCH_DB, MOST_MATCH_DB)
    gains[0] = gains[-1] = 0.0
    return [float(gain) for gain in gains]


class Tone:
    """Overlap-add over a whole scratch file, two steps at once: FFTs of four rows cost little more than of two."""

    def __init__(self, response: Response) -> None:
        self._response = response.astype(np.complex64)

    def process(self, source: Scratch) -> Iterator[Audio]:
        rows = np.zeros((4, SIZE), dtype=np.float32)
        carry = np.zeros((2, TAIL), dtype=np.float32)
        for pair in source.blocks(2 * STEP):
            count = pair.shape[1]
            first = min(count, STEP)
            rows[:] = 0.0
            rows[:2, :first] = pair[:, :first]
            rows[2:, : count - first] = pair[:, first:]
            sound: npt.NDArray[np.float32] = fft.irfft(fft.rfft(rows) * self._response, SIZE)
            sound[:2, :TAIL] += carry
            sound[2:, :TAIL] += sound[:2, STEP:]
            carry = sound[2:, STEP:].copy()
            yield np.concatenate((sound[:2, :STEP], sound[2:, :STEP]), axis=1)[:, :count]

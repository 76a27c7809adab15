"""Sound that waits for its next stage: what was put in comes out, from memory or from a file."""

from itertools import pairwise

import numpy as np
import pytest

from music.mix import scratch
from music.mix.scratch import Scratch


@pytest.mark.parametrize("in_memory", [0, 10_000, 10**9])
def test_what_is_put_in_comes_out_from_anywhere(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "IN_MEMORY_BYTES", in_memory)
    draw = np.random.default_rng(1)
    sound = draw.standard_normal((2, 5_000)).astype(np.float32)
    cuts = [0, 1, 700, 700, 2_048, 4_999, 5_000]
    with Scratch() as waiting:
        for start, end in pairwise(cuts):
            piece = sound[:, start:end].copy()
            waiting.append(piece)
            # What was put in stays, whatever becomes of it outside.
            piece[:] = 0.0
        assert waiting.frames == 5_000
        for count in (1_000, 4_096, 9_999):
            assert np.array_equal(np.concatenate(list(waiting.blocks(count)), axis=1), sound)
        for start, count in ((0, 1), (690, 20), (3_000, 9_000), (4_999, 1), (5_000, 10)):
            assert np.array_equal(waiting.read(start, count), sound[:, start : start + count])
        block = waiting.read(0, 100)
        block[:] = 0.0
        assert np.array_equal(waiting.read(0, 100), sound[:, :100])

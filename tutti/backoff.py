"""Pauses between tries: capped, jittered and pure."""

import random
from collections.abc import Iterator


def delays(first: float = 0.1, longest: float = 2.0, *, draw: random.Random | None = None) -> Iterator[float]:
    """Seconds to wait before the second try, the third, and so on without end. Each lies between half of a doubling
    pause and all of it, so that many clients who lost the same server do not come back at the same moment."""
    uniform = (draw or random).uniform
    pause = first
    while True:
        yield uniform(pause / 2, pause)
        pause = min(longest, pause * 2)

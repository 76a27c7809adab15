"""Randomness that repeats: every generator is derived from a seed and a path of names.

Each part of the engine draws from its own generator, so that leaving one part out never changes another.
"""

import hashlib
import secrets

import numpy as np

SEED_LIMIT = 2**64 - 1


def generator(seed: int, *path: str) -> np.random.Generator:
    digest = hashlib.sha256("/".join((str(seed), *path)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def fresh() -> int:
    """A new seed below 2^53, so that it survives every JSON reader, JavaScript's included."""
    return secrets.randbelow(2**53)

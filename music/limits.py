"""The limits that requests and plans share, and the readers of the two values whose spelling both accept."""

from typing import Any

from music import fields, seeds

SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = 600.0
SLOWEST_BPM = 30.0
FASTEST_BPM = 300.0
STRAIGHTEST_SWING = 0.5
HARDEST_SWING = 0.75
#: LUFS, integrated.
QUIETEST_LOUDNESS = -40.0
LOUDEST_LOUDNESS = -6.0
#: dBTP.
LOWEST_TRUE_PEAK = -12.0
HIGHEST_TRUE_PEAK = 0.0
SIGNATURES = {"2": 2, "3": 3, "4": 4, "6": 6, "2/4": 2, "3/4": 3, "4/4": 4, "6/8": 6}
COMPOSITION_MODES = ("full", "lyrics-first", "melody-only")


def read_signature(value: Any) -> int:
    """Reads 3, 3.0 and 3/4."""
    written = f"{value:g}" if isinstance(value, int | float) else str(value)
    return SIGNATURES[fields.choice(written, "time_signature", tuple(SIGNATURES))]


def read_seed(value: Any) -> int:
    """Reads whole numbers and their digits as text: JSON readers round numbers beyond 2^53."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    return fields.integer(value, "seed", low=0, high=seeds.SEED_LIMIT)

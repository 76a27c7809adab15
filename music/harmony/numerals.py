"""Chords as musicians write them when the key is open: `ii7`, `bVII`, `V7/vi`, `IV@1` (over a pedal on the tonic).

Degrees are those of the key's own scale, so `VI` in a minor key is the major chord on its lowered sixth. Capitals are
major, small letters minor; `°`, `ø` and `+` say the rest.
"""

import re
from functools import lru_cache

from music.theory import LETTERS, MODES, QUALITIES, SUFFIXES, ChordTones, Key

ROMAN = {"I": 0, "II": 1, "III": 2, "IV": 3, "V": 4, "VI": 5, "VII": 6}
NUMERAL = re.compile(r"([b#]?)([ivIV]+)([^/@]*)(?:/([b#]?)([ivIV]+))?(?:@(\d))?")
MINOR_SUFFIXES = {"": "m", "maj7": "mMaj7", "add9": "m(add9)", "°": "dim", "°7": "dim7", "ø": "m7b5", "ø7": "m7b5"}
MAJOR_SUFFIXES = {"+": "aug"}


@lru_cache(maxsize=4096)
def chord(numeral: str, key: Key, voices: int = 3) -> ChordTones:
    """`voices` says how far an unqualified numeral is stacked: 3 a triad, 4 a seventh, 5 a ninth."""
    found = NUMERAL.fullmatch(numeral)
    if found is None:
        raise ValueError(f"{numeral!r} is not a numeral")
    accidental, roman, suffix, of_accidental, of_roman, pedal = found.groups()
    home, home_degree, scale = key.tonic, 0, MODES[key.mode]
    if of_roman is not None:
        home_degree = ROMAN[of_roman.upper()]
        home, scale = key.tonic + scale[home_degree] + _shift(of_accidental), MODES["major"]
    degree = ROMAN[roman.upper()]
    root = (home + scale[degree] + _shift(accidental)) % 12
    name = (MINOR_SUFFIXES.get(suffix, f"m{suffix}") if roman.islower() else MAJOR_SUFFIXES.get(suffix, suffix)).strip()
    if name.startswith("msus"):
        name = name[1:]
    intervals = SUFFIXES[name]
    if not suffix:
        intervals = _stacked(intervals, root, key, 4 if of_roman and degree == 4 else voices, dominant=bool(of_roman))
    elif suffix == "7" and voices == 5 and (root + 2) % 12 in key.scale:
        intervals = _known((*intervals, 2), intervals)
    bass = key.scale[int(pedal) - 1] if pedal else root
    symbol = _spelled(key, root, degree + home_degree) + QUALITIES.get(intervals, name)
    return ChordTones(
        symbol=symbol if bass == root else f"{symbol}/{key.spell(bass)}",
        root=root,
        classes=tuple((root + interval) % 12 for interval in intervals),
        bass=None if bass == root else bass,
    )


def _shift(accidental: str) -> int:
    return {"b": -1, "#": 1}.get(accidental, 0)


def _stacked(triad: tuple[int, ...], root: int, key: Key, voices: int, *, dominant: bool) -> tuple[int, ...]:
    """Sevenths and ninths from the key, where they make a chord that has a name."""
    if voices < 4:
        return triad
    minor_seventh = dominant or triad[1] == 3 or ((root + 10) % 12 in key.scale and (root + 11) % 12 not in key.scale)
    seventh = _known((*triad, 10 if minor_seventh else 11), triad)
    if voices < 5 or len(seventh) < 4 or (root + 2) % 12 not in key.scale:
        return seventh
    return _known((*seventh, 2), seventh)


def _known(intervals: tuple[int, ...], otherwise: tuple[int, ...]) -> tuple[int, ...]:
    return intervals if intervals in QUALITIES else otherwise


def _spelled(key: Key, pitch: int, degree: int) -> str:
    """By the letter of the degree, so that the flat sixth of C is an A flat."""
    letters = "CDEFGAB"
    letter = letters[(letters.index(key.name[0]) + degree) % 7]
    accidental = (pitch - LETTERS[letter.lower()] + 6) % 12 - 6
    return letter + {-1: "b", 0: "", 1: "#"}[accidental] if abs(accidental) <= 1 else key.spell(pitch)

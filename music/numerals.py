"""The numbers and names that a prompt gives exactly: `100 bpm`, `in D minor`, `3/4`, `16 bars`, `two minutes`."""

import re
from dataclasses import dataclass

from music.limits import FASTEST_BPM, LONGEST_SECONDS, SHORTEST_SECONDS, SLOWEST_BPM
from music.theory import Key, parse_key

BPM = re.compile(
    r"\b(?P<low>\d{2,3}(?:\.\d+)?)\s*(?:(?:-|–|to)\s*(?P<high>\d{2,3}(?:\.\d+)?)\s*)?-?"
    r"(?:bpm|beats per minute|beats a minute)\b"
    r"|\b(?:bpm|tempo)\s*(?:of|is|at|:|=)?\s*(?P<after>\d{2,3}(?:\.\d+)?)\b(?!\s*(?:bars?|seconds?|minutes?))",
    re.I,
)
MODE = r"major|minor|maj|min|aeolian|dorian|phrygian|ionian|lydian|mixolydian"
#: A bare lower-case `a` is an article and never a key; a letter alone needs `in` or `key of` before it.
KEY_WITH_MODE = re.compile(rf"\b(?!a\s)([A-Ga-g](?:#|♯|b|♭|[ -]sharp|[ -]flat)?)\s*-?\s*({MODE})\b")
#: `in a minor` at the end of what is said is a key after all; `in a minor mood` is not.
KEY_OF_A = re.compile(r"\b(?:in|key of) (a) (minor|major)(?=$|[.,;!?)]| key\b)", re.I)
KEY_ALONE = re.compile(r"\b(?:in|key of|key:|key) ([A-G](?:#|♯|b|♭)?)(m?)(?=$|[\s,.;!])(?! (?:major|minor))")
MODES = {"aeolian": "minor", "dorian": "minor", "phrygian": "minor"}
CHURCH = ("aeolian", "dorian", "phrygian", "ionian", "lydian", "mixolydian")
METER = re.compile(r"\b([2346])/(4|8)\b")
WORDS = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "sixteen": 16,
    "thirty two": 32,
    "thirty": 30,
    "forty five": 45,
    "sixty": 60,
    "ninety": 90,
}
COUNT = r"(?P<{0}>\d+(?:\.\d+)?|" + "|".join(sorted(WORDS, key=len, reverse=True)) + ")"
#: Not the length of the piece but a place in it.
NOT_A_PLACE = r"(?<!every )(?<!each )(?<!for )(?<!last )(?<!first )(?<!after )(?<!than )(?<!within )(?<![\w:.])"
BARS = re.compile(
    rf"{NOT_A_PLACE}{COUNT.format('bars')}[ -]?(?:bars?|measures?)\b"
    r"(?![ -](?:intro|outro|verse|chorus|bridge|break|breakdown|build|drop|fill|solo|blues|phrase|section|hook))",
    re.I,
)
MINUTES = re.compile(
    rf"{NOT_A_PLACE}(?:{COUNT.format('minutes')}|(?P<half>half )?an?)[ -]?(?:minutes?|mins?|m)\b(?! apart)"
    r"(?:\s*(?:and\s*)?(?P<more>\d{1,2})\s*-?(?:seconds?|secs?|s)\b)?",
    re.I,
)
#: `20s jazz` is a decade, `20s of jazz` a length.
SECONDS = re.compile(
    rf"{NOT_A_PLACE}{COUNT.format('seconds')}"
    r"(?:[ -]?(?:seconds?|secs?)\b|(?:(?<![2-9]0)|(?=s(?: of| long|[ -]loop| clip|\s*[,.;)]|\s*$)))s\b)",
    re.I,
)
CLOCK = re.compile(r"(?<![\w:])(?P<minutes>\d{1,2}):(?P<seconds>[0-5]\d)(?![\w:])")


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """None wherever the prompt gives none."""

    bpm: float | None = None
    #: A range was given, and this is its middle.
    bpm_roughly: bool = False
    key: Key | None = None
    #: A church mode was given, and this is the nearer of major and minor.
    key_roughly: bool = False
    time_signature: int | None = None
    bars: int | None = None
    seconds: float | None = None


def read_numbers(prompt: str) -> Numbers:
    bpm, roughly = _bpm(prompt)
    key, key_roughly = _key(prompt)
    return Numbers(
        bpm=bpm,
        bpm_roughly=roughly,
        key=key,
        key_roughly=key_roughly,
        time_signature=_meter(prompt),
        bars=_bars(prompt),
        seconds=_seconds(prompt),
    )


def _count(written: str) -> float:
    return float(WORDS.get(written.lower(), written))


def _bpm(prompt: str) -> tuple[float | None, bool]:
    found = BPM.search(prompt)
    if found is None:
        return None, False
    value = float(found["low"] or found["after"])
    if found["high"]:
        value = (value + float(found["high"])) / 2
    if not SLOWEST_BPM <= value <= FASTEST_BPM:
        return None, False
    return value, bool(found["high"])


def _key(prompt: str) -> tuple[Key | None, bool]:
    if found := KEY_OF_A.search(prompt):
        return parse_key(f"A {found.group(2).lower()}"), False
    if found := KEY_WITH_MODE.search(prompt):
        letter, mode = found.group(1).replace("-", " "), found.group(2)
        name = MODES.get(mode, "major") if mode in CHURCH else mode
        return parse_key(f"{letter} {name}"), mode in CHURCH
    if found := KEY_ALONE.search(prompt):
        return parse_key(found.group(1) + found.group(2)), False
    return None, False


def _meter(prompt: str) -> int | None:
    found = METER.search(prompt)
    if found is None:
        return None
    numerator, unit = found.groups()
    return int(numerator) if (numerator == "6") == (unit == "8") else None


def _bars(prompt: str) -> int | None:
    found = BARS.search(prompt)
    value = _count(found["bars"]) if found else 0.0
    return int(value) if 1 <= value <= 2000 and value.is_integer() else None


def _seconds(prompt: str) -> float | None:
    value = 0.0
    if found := MINUTES.search(prompt):
        whole = _count(found["minutes"]) if found["minutes"] else 0.5 if found["half"] else 1.0
        value = 60 * whole + float(found["more"] or 0)
    elif found := SECONDS.search(prompt):
        value = _count(found["seconds"])
    elif found := CLOCK.search(prompt):
        value = 60 * float(found["minutes"]) + float(found["seconds"])
    return value if SHORTEST_SECONDS <= value <= LONGEST_SECONDS else None

"""Keys, scales, meters and chords as numbers: pitches are MIDI notes, degrees count from 0."""

import re
from dataclasses import dataclass

from music.errors import RequestError

MODES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
SHARPS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
FLATS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
#: Tonics whose signatures are written with flats, by mode.
FLAT_TONICS = {"major": {1, 3, 5, 8, 10}, "minor": {0, 2, 3, 5, 7, 10}}
LETTERS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
ACCIDENTALS = {"": 0, "#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}
QUALITIES = {
    (0, 4, 7): "",
    (0, 3, 7): "m",
    (0, 3, 6): "dim",
    (0, 4, 8): "aug",
    (0, 4, 7, 11): "maj7",
    (0, 4, 7, 10): "7",
    (0, 3, 7, 10): "m7",
    (0, 3, 6, 10): "m7b5",
    (0, 3, 7, 11): "mMaj7",
}
KEY_PATTERN = re.compile(r"([A-Ga-g])\s*(#|♯|b|♭|sharp|flat|)\s*(major|minor|maj|min|m|M|)", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    tonic: int
    mode: str

    @property
    def name(self) -> str:
        return f"{self.spell(self.tonic)} {self.mode}"

    @property
    def scale(self) -> tuple[int, ...]:
        """Pitch classes, from the tonic up."""
        return tuple((self.tonic + step) % 12 for step in MODES[self.mode])

    def spell(self, pitch: int) -> str:
        names = FLATS if self.tonic in FLAT_TONICS[self.mode] else SHARPS
        return names[pitch % 12]


def parse_key(written: str) -> Key:
    """Reads `F# minor`, `Bb`, `Dm`, `c sharp major`."""
    found = KEY_PATTERN.fullmatch(written.strip())
    if found is None:
        raise RequestError("key", f"{written[:40]!r} is not a key. Write one like 'C major', 'F# minor' or 'Bb'.")
    letter, accidental, mode = found.groups()
    tonic = (LETTERS[letter.lower()] + ACCIDENTALS[accidental]) % 12
    return Key(tonic=tonic, mode="minor" if mode in {"minor", "min", "m"} else "major")


@dataclass(frozen=True, kw_only=True, slots=True)
class Meter:
    """`signature` 6 means six eighths felt as two beats of three; the others are so many quarters."""

    signature: int

    @property
    def beats(self) -> int:
        return 2 if self.signature == 6 else self.signature

    @property
    def divisions(self) -> int:
        """Into how many equal parts a beat falls."""
        return 3 if self.signature == 6 else 2


@dataclass(frozen=True, kw_only=True, slots=True)
class ChordTones:
    symbol: str
    root: int
    #: Pitch classes, root first.
    classes: tuple[int, ...]


def chord_on(key: Key, degree: int, *, voices: int, dominant: bool = False) -> ChordTones:
    """Stack thirds on a degree of the scale. `dominant` raises the leading tone, as a cadence in minor wants."""
    scale = key.scale
    classes = [scale[(degree + 2 * i) % 7] for i in range(voices)]
    if dominant:
        classes[1] = (classes[0] + 4) % 12
    root = classes[0]
    quality = QUALITIES[tuple((c - root) % 12 for c in classes)]
    return ChordTones(symbol=key.spell(root) + quality, root=root, classes=tuple(classes))


def nearest(target: float, classes: tuple[int, ...], *, low: int, high: int) -> int:
    """The pitch of one of `classes` closest to `target`; `low` to `high` must span an octave."""
    candidates = [pitch for pitch in range(low, high + 1) if pitch % 12 in classes]
    return min(candidates, key=lambda pitch: (abs(pitch - target), pitch))


def passing_tones(key: Key, chord: ChordTones) -> tuple[int, ...]:
    """The scale while `chord` sounds: where the chord raises a tone, the unraised one would rub against it."""
    altered = {c for c in chord.classes if c not in key.scale}
    return tuple(sorted({*(c for c in key.scale if (c + 1) % 12 not in altered), *chord.classes}))

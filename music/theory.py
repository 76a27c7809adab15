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
    (0, 3, 6, 9): "dim7",
    (0, 4, 7, 9): "6",
    (0, 3, 7, 9): "m6",
    (0, 2, 7): "sus2",
    (0, 5, 7): "sus4",
    (0, 7): "5",
    (0, 4, 7, 2): "add9",
    (0, 3, 7, 2): "m(add9)",
    (0, 4, 7, 11, 2): "maj9",
    (0, 4, 7, 10, 2): "9",
    (0, 3, 7, 10, 2): "m9",
    (0, 4, 7, 9, 2): "6/9",
    (0, 4, 7, 10, 1): "7b9",
    (0, 4, 7, 10, 3): "7#9",
    (0, 5, 7, 10): "7sus4",
}
#: What chords are called elsewhere, beside the names in QUALITIES.
SUFFIXES = {
    **{name: intervals for intervals, name in QUALITIES.items()},
    **dict.fromkeys(("maj", "M"), (0, 4, 7)),
    **dict.fromkeys(("min", "-"), (0, 3, 7)),
    **dict.fromkeys(("°", "o"), (0, 3, 6)),
    "+": (0, 4, 8),
    **dict.fromkeys(("M7", "Maj7", "Δ", "Δ7", "^7"), (0, 4, 7, 11)),
    **dict.fromkeys(("min7", "-7"), (0, 3, 7, 10)),
    **dict.fromkeys(("ø", "ø7", "min7b5", "-7b5", "m7-5"), (0, 3, 6, 10)),
    **dict.fromkeys(("°7", "o7"), (0, 3, 6, 9)),
    **dict.fromkeys(("mM7", "m(maj7)", "minMaj7", "-Δ"), (0, 3, 7, 11)),
    **dict.fromkeys(("min6", "-6"), (0, 3, 7, 9)),
    "sus": (0, 5, 7),
    **dict.fromkeys(("7sus", "9sus4"), (0, 5, 7, 10)),
    **dict.fromkeys(("2", "(add9)", "add2"), (0, 4, 7, 2)),
    "madd9": (0, 3, 7, 2),
    **dict.fromkeys(("M9", "Maj9"), (0, 4, 7, 11, 2)),
    **dict.fromkeys(("min9", "-9"), (0, 3, 7, 10, 2)),
    **dict.fromkeys(("69", "6add9"), (0, 4, 7, 9, 2)),
    **dict.fromkeys(("7(b9)", "dom7b9"), (0, 4, 7, 10, 1)),
    "7b5": (0, 4, 6, 10),
    **dict.fromkeys(("7#5", "+7", "aug7", "7alt"), (0, 4, 8, 10)),
    "maj7#11": (0, 4, 7, 11, 6),
    "11": (0, 7, 10, 2, 5),
    "m11": (0, 3, 10, 2, 5),
    "13": (0, 4, 10, 2, 9),
    "m13": (0, 3, 10, 2, 9),
    "maj13": (0, 4, 11, 2, 9),
}
CHORD_PATTERN = re.compile(r"([A-G])(#|♯|b|♭|)((?:6/9|[^/])*)(?:/([A-G])(#|♯|b|♭|))?")
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
    #: The pitch class in the bass where it is not the root.
    bass: int | None = None

    @property
    def lowest(self) -> int:
        return self.root if self.bass is None else self.bass


def parse_chord(written: str) -> ChordTones:
    """Reads `Am7`, `F#m7b5`, `Bbmaj7`, `G/B`, `C6/9`. The symbol is kept as it was written."""
    found = CHORD_PATTERN.fullmatch(written.strip())
    suffix = found.group(3).strip() if found else ""
    if found is None or suffix not in SUFFIXES:
        raise RequestError("chords", f"{written[:40]!r} is not a chord. Write one like 'C', 'Am7', 'F#m7b5' or 'G/B'.")
    letter, accidental, _, bass_letter, bass_accidental = found.groups()
    root = (LETTERS[letter.lower()] + ACCIDENTALS[accidental]) % 12
    bass = None if bass_letter is None else (LETTERS[bass_letter.lower()] + ACCIDENTALS[bass_accidental]) % 12
    return ChordTones(
        symbol=written.strip(),
        root=root,
        classes=tuple((root + interval) % 12 for interval in SUFFIXES[suffix]),
        bass=None if bass == root else bass,
    )


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
    """The scale while `chord` sounds: where the chord alters a tone, the unaltered one would rub against it."""
    replaced = {_unaltered(chord, c) for c in chord.classes if c not in key.scale}
    return tuple(sorted({*(c for c in key.scale if c not in replaced), *chord.classes}))


def _unaltered(chord: ChordTones, altered: int) -> int:
    """Major thirds, augmented fifths and the roots of diminished chords were raised; everything else was lowered."""
    interval = (altered - chord.root) % 12
    raised = interval in {4, 8} or (interval == 0 and (chord.root + 6) % 12 in chord.classes)
    return (altered - 1) % 12 if raised else (altered + 1) % 12

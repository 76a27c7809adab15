"""Readers of what a caller gives in detail: structure, chords, melody, lyrics, stems, instruments, reference. They
check it and put it into one form; what becomes of it is decided elsewhere."""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from music import fields
from music.errors import RequestError
from music.lexicon import PHRASE, PHRASES, normalise
from music.limits import HARDEST_SWING, STRAIGHTEST_SWING
from music.plan import LONGEST_BEATS, MOST_NOTES, SECTION_KINDS, STEMS, Note
from music.theory import LETTERS, MODES, Key, parse_chord, parse_key

MOST_SECTIONS = 64
MOST_BARS = 1024
#: Of a section that says none.
USUAL_BARS = 8
MOST_CHORDS = 1024
MOST_NAMES = 32
LONGEST_LYRICS = 4000
#: Base64 of a MIDI file of about 190 kB.
LONGEST_SOURCE = 256 * 1024
USUAL_VELOCITY = 0.8
SECTION_WORDS = {
    **{kind: kind for kind in SECTION_KINDS},
    **dict.fromkeys(("refrain", "hook", "main", "peak", "climax"), "chorus"),
    **dict.fromkeys(("theme", "head", "strophe", "groove", "a"), "verse"),
    **dict.fromkeys(("pre chorus", "build", "buildup", "build up", "rise", "riser", "lift"), "prechorus"),
    **dict.fromkeys(("break", "calm", "quiet"), "breakdown"),
    **dict.fromkeys(("solo", "interlude", "instrumental", "middle eight", "middle 8", "development", "c"), "bridge"),
    **dict.fromkeys(("opening", "introduction", "start"), "intro"),
    **dict.fromkeys(("ending", "end", "coda", "finale"), "outro"),
    "b": "chorus",
}
#: What a group of stems is called.
GROUPS = {
    "all": STEMS,
    "rhythm": ("drums", "percussion", "bass"),
    "beat": ("drums", "percussion"),
    "rhythm section": ("drums", "percussion", "bass"),
    "harmony": ("chords", "pad"),
    "accompaniment": ("drums", "percussion", "bass", "chords", "pad", "fx"),
    "instrumental": tuple(stem for stem in STEMS if stem != "voice"),
    "melody": ("lead",),
    "vocals": ("voice",),
    "vocal": ("voice",),
    "effects": ("fx",),
    "keys": ("chords",),
    "pads": ("pad",),
}
ROMAN = re.compile(r"([b#]?)(VII|VI|IV|V|III|II|I|vii|vi|iv|v|iii|ii|i)(.*)")
NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII")
NOTE_NAME = re.compile(r"([A-Ga-g])(#|♯|b|♭|)(-?\d)")
DENIED = re.compile(r"\s*(?:-|–|!|no\s|not\s|without\s)\s*", re.I)

Slot = tuple[str, int | None, float | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Players:
    """Instruments that a caller asks for and refuses."""

    wanted: tuple[tuple[str, ...], ...] = ()
    stand_ins: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()
    denied_stems: frozenset[str] = frozenset()


def read_structure(value: Any) -> tuple[Slot, ...]:
    """`[{"section": "verse", "bars": 8, "energy": 0.5}]`, or `"intro 4, verse 8, chorus 8"`."""
    listed: Sequence[Any] = (
        [part for part in re.split(r"[,;\n]+", value) if part.strip()] if isinstance(value, str) else value
    )
    slots = [_slot(entry, f"structure[{i}]") for i, entry in enumerate(_items(listed, "structure", most=MOST_SECTIONS))]
    if sum(bars or 1 for _, bars, _ in slots) > MOST_BARS:
        raise RequestError("structure", f"must have at most {MOST_BARS} bars in all. Shorten its sections.")
    return tuple(slots)


def _slot(entry: Any, path: str) -> Slot:
    if isinstance(entry, str):
        words = re.fullmatch(r"\s*(.+?)\s*[: ]?\s*(\d+)?\s*(?:bars?)?\s*", entry)
        entry = (
            {"section": words.group(1), "bars": int(words.group(2)) if words and words.group(2) else None}
            if words
            else {}
        )
    source = fields.mapping(entry, path)
    fields.only(source, ("section", "bars", "energy"), path)
    written = fields.text(fields.required(source, "section", path), f"{path}.section", longest=100)
    kind = SECTION_WORDS.get(re.sub(r"\s*\d+$", "", normalise(written)).strip())
    if kind is None:
        raise RequestError(f"{path}.section", f"{written[:40]!r} is unknown. Known: {', '.join(SECTION_KINDS)}.")
    bars, energy = source.get("bars"), source.get("energy")
    return (
        kind,
        None if bars is None else fields.integer(bars, f"{path}.bars", low=1, high=MOST_BARS),
        None if energy is None else fields.number(energy, f"{path}.energy", low=0, high=1),
    )


def read_chords(value: Any, key: Key) -> tuple[str, ...]:
    """`["Am", "F"]`, `"Am F C G"`, `"| Am | F |"`, or numerals in the key: `"i VI III VII"`. `%` repeats."""
    written = re.split(r"[\s,;|]+|\s*[-–→>]+\s*(?=[A-Giv])", value, flags=re.I) if isinstance(value, str) else value
    symbols: list[str] = []
    for i, entry in enumerate(_items(written, "chords", most=MOST_CHORDS)):
        path = f"chords[{i}]"
        symbol = fields.text(entry, path, longest=40).strip()
        if symbol in {"", "-", "–"}:
            continue
        if symbol == "%" and symbols:
            symbol = symbols[-1]
        symbol = _from_numeral(symbol, key)
        try:
            parse_chord(symbol)
        except RequestError as error:
            raise RequestError(path, error.message) from error
        symbols.append(symbol)
    if not symbols:
        raise RequestError("chords", "is empty. Leave it out and the planner chooses.")
    return tuple(symbols)


def _from_numeral(symbol: str, key: Key) -> str:
    found = ROMAN.fullmatch(symbol)
    if found is None:
        return symbol
    accidental, numeral, suffix = found.groups()
    degree = NUMERALS.index(numeral.upper())
    # An accidental counts from the major scale, as usual: in A minor VII and bVII are both G.
    altered = key.tonic + MODES["major"][degree] + (1 if accidental == "#" else -1)
    root = altered if accidental else key.scale[degree]
    minor = "m" if numeral.islower() and not suffix.startswith(("°", "o", "ø", "dim", "m")) else ""
    return f"{key.spell(root)}{minor}{suffix}"


def read_melody(value: Any) -> tuple[tuple[Note, ...], str]:
    """Notes, or the text of ABC or of a MIDI file in base64; of the two, one is empty."""
    if isinstance(value, Mapping):
        fields.only(value, ("notes", "abc", "midi"), "melody")
        if len(value) != 1:
            raise RequestError("melody", "must have one of notes, abc, midi.")
        value = next(iter(value.values()))
    if isinstance(value, str):
        return (), _source(value)
    notes: list[Note] = []
    end = 0.0
    for i, entry in enumerate(_items(value, "melody", most=MOST_NOTES)):
        notes.append(_note(fields.mapping(entry, f"melody[{i}]"), f"melody[{i}]", end))
        end = notes[-1].start + notes[-1].beats
    if not notes:
        raise RequestError("melody", "is empty. Leave it out and a tune is composed.")
    return tuple(sorted(notes, key=lambda note: note.start)), ""


def _note(source: Mapping[str, Any], path: str, end: float) -> Note:
    fields.only(source, ("start", "beats", "pitch", "velocity"), path)
    pitch = fields.required(source, "pitch", path)
    named = NOTE_NAME.fullmatch(pitch.strip()) if isinstance(pitch, str) else None
    if named:
        letter, accidental, octave = named.groups()
        shift = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}[accidental]
        pitch = LETTERS[letter.lower()] + shift + 12 * (int(octave) + 1)
    return Note(
        start=fields.number(source.get("start", end), f"{path}.start", low=0, high=LONGEST_BEATS),
        beats=fields.number(source.get("beats", 1.0), f"{path}.beats", low=0.01, high=LONGEST_BEATS),
        pitch=fields.integer(pitch, f"{path}.pitch", low=0, high=127),
        velocity=fields.number(source.get("velocity", USUAL_VELOCITY), f"{path}.velocity", low=0, high=1),
    )


def _source(text: str) -> str:
    remedy = "Give notes, ABC text with a K: line, or a MIDI file in base64."
    text = fields.text(text, "melody", longest=LONGEST_SOURCE).strip()
    if re.search(r"^\s*K:", text, re.M):
        return text
    packed = re.sub(r"\s+", "", text.split("base64,", 1)[-1])
    try:
        midi = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError("melody", f"is neither ABC nor base64. {remedy}") from None
    if not midi.startswith(b"MThd"):
        raise RequestError("melody", f"is not a MIDI file. {remedy}")
    return packed


def read_lyrics(value: Any) -> tuple[str, ...]:
    """Lines as given; `[chorus]` stands for itself, and an empty line parts stanzas."""
    text = value if isinstance(value, str) else None
    if text is None:
        listed = _items(value, "lyrics", most=LONGEST_LYRICS)
        text = "\n".join(fields.text(line, f"lyrics[{i}]", longest=LONGEST_LYRICS) for i, line in enumerate(listed))
    lines = [" ".join(line.split()) for line in fields.text(text, "lyrics", longest=LONGEST_LYRICS).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    for i, line in enumerate(lines):
        fields.text(line, f"lyrics[{i}]", longest=500)
    return tuple(lines)


def read_stems(value: Any) -> frozenset[str]:
    """Names and groups; with a leading `-` they are left out, of all where only such are given."""
    wanted: set[str] = set()
    refused: set[str] = set()
    for path, name, denied in _names(value, "stems"):
        plain = normalise(name).strip()
        stems = (plain,) if plain in STEMS else GROUPS.get(plain)
        if stems is None:
            known = ", ".join([*STEMS, *(group for group in GROUPS)])
            raise RequestError(path, f"{name[:40]!r} is unknown. Known: {known}.")
        (refused if denied else wanted).update(stems)
    kept = (wanted or set(STEMS) - {"voice"}) - refused
    if not kept:
        raise RequestError("stems", "leaves nothing to play. Name at least one stem.")
    return frozenset(kept)


def read_instruments(value: Any) -> Players:
    """Words for instruments and stems; with a leading `-` or `no` they are refused."""
    wanted: list[tuple[str, ...]] = []
    stand_ins: set[str] = set()
    stems: set[str] = set()
    avoided: set[str] = set()
    denied_stems: set[str] = set()
    for path, name, denied in _names(value, "instruments"):
        meanings = [PHRASES[found.group()] for found in PHRASE.finditer(normalise(name))]
        meanings = [meaning for meaning in meanings if meaning.sounds]
        if not meanings:
            remedy = "Name one such as piano, electric guitar, strings, 808, warm pad or vocals."
            raise RequestError(path, f"{name[:40]!r} is unknown. {remedy}")
        for meaning in meanings:
            if denied:
                avoided.update(meaning.instruments)
                denied_stems.update(meaning.silences)
                continue
            stems.update(meaning.stems)
            wanted += meaning.choices
            if meaning.stand_in:
                stand_ins.update(meaning.instruments)
    return Players(
        wanted=tuple(dict.fromkeys(wanted)),
        stand_ins=frozenset(stand_ins),
        stems=frozenset(stems),
        avoided=frozenset(avoided),
        denied_stems=frozenset(denied_stems),
    )


def _names(value: Any, field: str) -> list[tuple[str, str, bool]]:
    listed = [part for part in re.split(r"[,;\n]+", value) if part.strip()] if isinstance(value, str) else value
    names = []
    for i, entry in enumerate(_items(listed, field, most=MOST_NAMES)):
        path = f"{field}[{i}]"
        name = fields.text(entry, path, longest=100)
        denial = DENIED.match(name)
        names.append((path, name[denial.end() :] if denial else name, bool(denial)))
    return names


def _items(value: Any, field: str, *, most: int) -> Sequence[Any]:
    return fields.items(value, field, most=most)


def read_swing(value: Any) -> float:
    """A share of the beat, 0.5 to 0.75, or the same in percent."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(?:\.\d+)?\s*%?\s*", value):
        value = float(value.strip().rstrip("%"))
    remedy = "0.5 is straight, 0.67 a triplet."
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1:
        return round(fields.number(value, "swing", low=100 * STRAIGHTEST_SWING, high=100 * HARDEST_SWING) / 100, 4)
    return fields.number(value, "swing", low=STRAIGHTEST_SWING, high=HARDEST_SWING, remedy=remedy)


def read_reference(value: Any) -> Mapping[str, Any]:
    """A style analysis. What it does not know may be missing or null; what else it holds is kept for later stages."""
    source = dict(fields.mapping(value, "reference"))
    limits = {"bpm": (20.0, 400.0), "energy": (0.0, 1.0), "tilt_db": (-60.0, 60.0), "loudness": (-100.0, 20.0)}
    for name, (low, high) in limits.items():
        if source.get(name) is not None:
            source[name] = fields.number(source[name], f"reference.{name}", low=low, high=high)
    if source.get("key") is not None:
        try:
            source["key"] = parse_key(fields.text(source["key"], "reference.key", longest=40)).name
        except RequestError as error:
            raise RequestError("reference.key", error.message) from error
    return source

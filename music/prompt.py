"""What a prompt says about music, found by a small lexicon: exact words (`90 bpm`, `in D minor`) and hints (`slow`)."""

import re
from dataclasses import dataclass

from music.theory import Key, parse_key

BPM = re.compile(r"\b(\d{2,3}(?:\.\d+)?)\s*(?:bpm|beats per minute)\b|\bbpm\s*(?:of|:|=)?\s*(\d{2,3})\b", re.I)
#: A bare lower-case `a` is an article and never a key; a letter alone needs `in` or `key of` before it.
KEY_WITH_MODE = re.compile(r"\b(?!a\s)([A-Ga-g](?:#|♯|b|♭|[ -]sharp|[ -]flat)?)\s*-?\s*(major|minor|maj|min)\b")
KEY_ALONE = re.compile(r"\b(?:in|key of) ([A-G](?:#|♯|b|♭)?)(m?)(?=$|[\s,.;!])(?! (?:major|minor))")
METER = re.compile(r"\b([2346])/(4|8)\b")

GENRES = {
    "lo-fi": ("lo-fi", "lofi", "lo fi", "chillhop", "study beats"),
    "ambient": ("ambient", "drone", "meditation", "sleep", "spa"),
    "cinematic": ("cinematic", "film score", "soundtrack", "orchestral", "epic", "trailer"),
    "classical": ("classical", "baroque", "chamber", "sonata", "minuet", "waltz"),
    "folk": ("folk", "acoustic", "country", "singer-songwriter", "campfire"),
    "hip-hop": ("hip-hop", "hip hop", "hiphop", "rap", "trap", "boom bap"),
    "jazz": ("jazz", "swing", "bebop", "bossa", "blues"),
    "pop": ("pop", "indie", "radio"),
    "rock": ("rock", "punk", "metal", "grunge"),
    "house": ("house", "disco", "dance", "edm", "garage"),
    "synthwave": ("synthwave", "retrowave", "80s", "eighties", "vaporwave"),
    "techno": ("techno", "trance", "rave", "industrial"),
}
#: Mood words with the mode and energy that they suggest; an empty mode suggests none.
MOODS = {
    "sad": ("minor", 0.3),
    "melancholic": ("minor", 0.35),
    "melancholy": ("minor", 0.35),
    "nostalgic": ("minor", 0.4),
    "dark": ("minor", 0.55),
    "tense": ("minor", 0.65),
    "mysterious": ("minor", 0.45),
    "angry": ("minor", 0.85),
    "calm": ("", 0.25),
    "peaceful": ("major", 0.25),
    "relaxing": ("", 0.3),
    "chill": ("", 0.35),
    "dreamy": ("major", 0.35),
    "warm": ("major", 0.4),
    "romantic": ("major", 0.4),
    "hopeful": ("major", 0.55),
    "happy": ("major", 0.7),
    "cheerful": ("major", 0.7),
    "uplifting": ("major", 0.75),
    "bright": ("major", 0.65),
    "playful": ("major", 0.65),
    "triumphant": ("major", 0.85),
    "energetic": ("", 0.85),
    "powerful": ("", 0.85),
    "intense": ("", 0.9),
}
#: Where a pace word lies between a style's slow (0) and fast (1) tempo; beyond either end is allowed.
PACES = {
    "very slow": -0.6,
    "very fast": 1.6,
    "slow": -0.15,
    "slowly": -0.15,
    "downtempo": -0.1,
    "laid-back": 0.1,
    "relaxed": 0.15,
    "moderate": 0.5,
    "mid-tempo": 0.5,
    "upbeat": 0.9,
    "lively": 0.95,
    "driving": 1.0,
    "quick": 1.1,
    "fast": 1.2,
    "adagio": -0.2,
    "andante": 0.25,
    "allegro": 1.1,
    "presto": 1.5,
}
NEGATIONS = re.compile(r"\b(?:no|not|without|never|isn't|non)\W+(?:too |very |any |a )?$")


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptHints:
    """None wherever the prompt says nothing."""

    bpm: float | None = None
    key: Key | None = None
    time_signature: int | None = None
    genre: str | None = None
    mood: str | None = None
    mode: str | None = None
    energy: float | None = None
    pace: float | None = None


def read_prompt(prompt: str) -> PromptHints:
    lowered = prompt.lower()
    mood = _first(lowered, {word: (word,) for word in MOODS})
    mode, energy = MOODS[mood] if mood else ("", None)
    pace = _first(lowered, {word: (word,) for word in PACES})
    return PromptHints(
        bpm=_bpm(prompt),
        key=_key(prompt),
        time_signature=_meter(lowered),
        genre=_first(lowered, GENRES),
        mood=mood,
        mode=_bare_mode(lowered) or mode or None,
        energy=energy,
        pace=PACES[pace] if pace else None,
    )


def _bpm(prompt: str) -> float | None:
    found = BPM.search(prompt)
    if found is None:
        return None
    value = float(found.group(1) or found.group(2))
    return value if 30 <= value <= 300 else None


def _key(prompt: str) -> Key | None:
    if found := KEY_WITH_MODE.search(prompt):
        return parse_key(f"{found.group(1).replace('-', ' ')} {found.group(2)}")
    if found := KEY_ALONE.search(prompt):
        return parse_key(found.group(1) + found.group(2))
    return None


def _meter(lowered: str) -> int | None:
    if found := METER.search(lowered):
        numerator, unit = found.groups()
        return int(numerator) if (numerator == "6") == (unit == "8") else None
    return 3 if re.search(r"\b(?:waltz|minuet)\b", lowered) else None


def _bare_mode(lowered: str) -> str | None:
    found = re.search(r"\b(major|minor)\b", lowered)
    return found.group(1) if found else None


def _first(lowered: str, lexicon: dict[str, tuple[str, ...]]) -> str | None:
    """The entry whose word comes first and is not denied; of two at one place, the longer."""
    hits = [
        (found.start(), -len(word), name)
        for name, words in lexicon.items()
        for word in words
        for found in re.finditer(rf"(?<![\w-]){re.escape(word)}(?![\w-])", lowered)
        if not NEGATIONS.search(lowered[: found.start()])
    ]
    return min(hits)[2] if hits else None

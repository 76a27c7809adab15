"""What a prompt says about music: exact words (`90 bpm`, `in D minor`, `16 bars`), hints (`slow`), and what it denies.

The words are those of `music.lexicon`. A denial reaches as far as its list does: `no drums, bass or vocals` leaves none
of the three, `no jazz, calm folk` is calm folk. All that a negative prompt names counts as denied.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from music.instruments import INSTRUMENTS
from music.lexicon import ALONE, NOUN, PHRASE, PHRASES, TINT, Meaning, normalise
from music.numerals import Numbers, read_numbers
from music.theory import Key

FILLER = (
    r"(?:an?|any|the|too|very|overly|so|really|super|of|use|using|add|adding|have|having|with|include|including|more|"
    r"much|other|kind|some|live|real|be|it|to|sound|sounding|please|want|need|like)"
)
DENIAL = re.compile(
    r"(?:^|(?<=\W))(?:no|not(?! only)|without|never|isn t|aren t|non|nothing|avoid|avoiding|exclude|excluding|minus|"
    r"skip|omit|don t|do not|dont|zero|sans|lacking|free of|devoid of|except|except for|anything but|instead of|"
    r"rather than)"
    rf"(?P<fillers>\W+(?:{FILLER}\W+)*)$"
)
SOFTENED = re.compile(r"\b(?:too|very|overly|so|really|super)\b")
LISTED = re.compile(rf"\s*(?:,\s*)?(?P<link>,|or|nor|and)\s+(?:{FILLER}\s+)*")
FREED = re.compile(r"\s+free\b")
#: Between two genres these make the first a colour of the second.
COLOURING = re.compile(
    r"^\s*(?:influenced|inspired|infused|tinged|flavou?red|style|styled|ish|leaning|influences?|elements?)\b"
)
COLOURED = re.compile(
    r"\b(?:touch|touches|hint|hints|elements?|dash|bit|influences?|flavou?r|shades?|traces?) of (?:an? |the )?$"
)
SOLITARY = re.compile(r"\b(?:solo|only|just|nothing but|lone|unaccompanied|single)\s+(?:an? |one )?$")
STRONGER = re.compile(r"\b(?:very|extremely|super|really|so|incredibly|insanely|ultra)\s+$")
WEAKER = re.compile(r"\b(?:slightly|a bit|a little|somewhat|moderately|fairly|rather|mildly|kind of)\s+$")


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptHints:
    """None and empty wherever the prompt says nothing."""

    numbers: Numbers = field(default_factory=Numbers)
    time_signature: int | None = None
    genre: str | None = None
    mood: str | None = None
    mode: str | None = None
    energy: float | None = None
    pace: float | None = None
    swing: float | None = None
    loop: bool = False
    #: In the order of the prompt; each is a choice among instruments that its word may mean.
    instruments: tuple[tuple[str, ...], ...] = ()
    #: Those for which another one stands in, because nothing sounds like what was asked for.
    stand_ins: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()
    avoided: frozenset[str] = frozenset()
    denied_stems: frozenset[str] = frozenset()
    denied_genres: frozenset[str] = frozenset()
    #: How sure each field is, 0 to 1, by its name.
    confidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def bpm(self) -> float | None:
        return self.numbers.bpm

    @property
    def key(self) -> Key | None:
        return self.numbers.key


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A phrase found."""

    start: int
    end: int
    meaning: Meaning
    #: 1 for a plain word, less for `slightly`, more for `very`.
    degree: float = 1.0
    denied: bool = False
    #: Denied with `too`: a little of it is welcome.
    softly: bool = False
    #: Named as the only one to play.
    alone: bool = False

    @property
    def silences(self) -> tuple[str, ...]:
        """The stems that play no more where the phrase is meant as it is said."""
        tune_only = all(INSTRUMENTS[name].stem == "lead" for name in self.meaning.instruments)
        others = (*ALONE, "chords") if tune_only else ALONE
        return self.meaning.denied_stems + (others if self.alone else ())


def read_prompt(prompt: str, negative: str = "") -> PromptHints:
    plain = normalise(prompt)
    numbers = read_numbers(prompt)
    wanted, denied = _split(_hits(plain))
    denied += [replace(hit, denied=True) for hit in _hits(normalise(negative))]
    sure: dict[str, float] = {}
    genre = _genre(wanted, plain, sure)
    mood = next((hit.meaning.mood for hit in wanted if hit.meaning.mood), None)
    _sure(sure, "mood", 0.85 if mood else None)
    felt = next((hit.meaning.meter for hit in wanted if hit.meaning.meter), None)
    _sure(sure, "time_signature", 1.0 if numbers.time_signature else 0.8 if felt else None)
    swing = next((hit.meaning.swing for hit in wanted if hit.meaning.swing), None)
    _sure(sure, "swing", 0.8 if swing else None)
    sounds = [hit.meaning for hit in wanted if hit.meaning.instruments]
    silent = [hit.meaning for hit in denied]
    return PromptHints(
        numbers=numbers,
        time_signature=numbers.time_signature or felt,
        genre=genre,
        mood=mood,
        mode=_mode(wanted, denied, sure),
        energy=_energy(wanted, denied, sure),
        pace=_pace(wanted, denied, sure),
        swing=swing,
        loop=any(hit.meaning.loop for hit in wanted),
        instruments=tuple(dict.fromkeys(choice for meaning in sounds for choice in meaning.choices)),
        stand_ins=frozenset(name for meaning in sounds if meaning.stand_in for name in meaning.instruments),
        stems=frozenset(stem for hit in wanted for stem in hit.meaning.stems),
        avoided=frozenset(name for meaning in silent for name in meaning.instruments),
        denied_stems=frozenset(
            [stem for meaning in silent for stem in meaning.silences]
            + [stem for hit in wanted for stem in hit.silences]
        ),
        denied_genres=frozenset(m.genre for m in silent if m.genre and m.weight >= TINT and not m.sounds),
        confidence=sure,
    )


def _sure(sure: dict[str, float], name: str, confidence: float | None) -> None:
    if confidence is not None:
        sure[name] = round(confidence, 2)


def _split(hits: Sequence[Hit]) -> tuple[list[Hit], list[Hit]]:
    return [hit for hit in hits if not hit.denied], [hit for hit in hits if hit.denied]


def _hits(plain: str) -> list[Hit]:
    found = [(match.start(), match.end(), PHRASES[match.group()]) for match in PHRASE.finditer(plain)]
    hits: list[Hit] = []
    for i, (start, end, meaning) in enumerate(found):
        before = plain[found[i - 1][1] if i else 0 : start]
        denial = DENIAL.search(before)
        previous = hits[-1] if hits else None
        denied = bool(denial) or bool(FREED.match(plain, end) and meaning.sounds)
        softly = bool(denial and SOFTENED.search(denial.group("fillers")))
        if not denied and previous is not None and previous.denied:
            denied = _continues(plain, found, i)
            softly = denied and previous.softly
        degree = 1.6 if STRONGER.search(before) else 0.6 if WEAKER.search(before) else 1.0
        listed = re.match(r"\s*(?:,|and|with|plus|over)\s", plain[end:])
        alone = bool(meaning.instruments and not listed and SOLITARY.search(before))
        hits.append(
            Hit(start=start, end=end, meaning=meaning, degree=degree, denied=denied, softly=softly, alone=alone)
        )
    return hits


def _continues(plain: str, found: Sequence[tuple[int, int, Meaning]], i: int) -> bool:
    """Whether the denial of the phrase before `i` reaches `i`: a comma alone needs an `or` or `and` later on."""
    link = LISTED.fullmatch(plain, found[i - 1][1], found[i][0])
    if link is None:
        return False
    alike = found[i - 1][2].sounds == found[i][2].sounds
    if link.group("link") in {"or", "nor"}:
        return True
    if link.group("link") == "and":
        return alike and found[i][2].sounds
    return alike and i + 1 < len(found) and _continues(plain, found, i + 1)


def _genre(wanted: Sequence[Hit], plain: str, sure: dict[str, float]) -> str | None:
    """The surest genre; of equals the first, but of neighbours (`jazz house`) the last, as English puts its nouns."""
    best: Hit | None = None
    best_weight = 0.0
    for hit in wanted:
        if not hit.meaning.genre:
            continue
        weight = hit.meaning.weight
        coloured = COLOURING.match(plain[hit.end :]) or COLOURED.search(plain[: hit.start])
        if weight == NOUN and coloured:
            weight = TINT + 0.1
        heads = best is not None and weight == best_weight == NOUN and not plain[best.end : hit.start].strip()
        if weight > best_weight or heads:
            best, best_weight = hit, weight
    _sure(sure, "genre", best_weight if best else None)
    return best.meaning.genre if best else None


def _mode(wanted: Sequence[Hit], denied: Sequence[Hit], sure: dict[str, float]) -> str | None:
    bare = next((hit.meaning for hit in wanted if hit.meaning.mode and not hit.meaning.mood), None)
    moody = next((hit.meaning for hit in wanted if hit.meaning.mode), None)
    if bare or moody:
        _sure(sure, "mode", 0.95 if bare else 0.7)
        return (bare or moody or Meaning()).mode
    for hit in denied:
        if hit.meaning.mode:
            _sure(sure, "mode", 0.5)
            return "major" if hit.meaning.mode == "minor" else "minor"
    return None


def _energy(wanted: Sequence[Hit], denied: Sequence[Hit], sure: dict[str, float]) -> float | None:
    """The mean of what the words suggest; a denied word asks for the other side of the middle."""
    said = [0.5 + (hit.meaning.energy - 0.5) * hit.degree for hit in wanted if hit.meaning.energy is not None]
    if said:
        _sure(sure, "energy", 0.75)
        return round(min(max(sum(said) / len(said), 0.0), 1.0), 3)
    for hit in denied:
        if hit.meaning.energy is not None:
            _sure(sure, "energy", 0.5)
            away = 0.05 if hit.softly else 0.15
            return 0.5 - away if hit.meaning.energy > 0.5 else 0.5 + away
    return None


def _pace(wanted: Sequence[Hit], denied: Sequence[Hit], sure: dict[str, float]) -> float | None:
    said = next((hit for hit in wanted if hit.meaning.pace is not None), None)
    if said is not None and said.meaning.pace is not None:
        _sure(sure, "bpm", 0.8)
        return round(0.5 + (said.meaning.pace - 0.5) * said.degree, 3)
    for hit in denied:
        if hit.meaning.pace is not None:
            _sure(sure, "bpm", 0.5)
            away = 0.15 if hit.softly else 0.35
            return 0.5 - away if hit.meaning.pace > 0.5 else 0.5 + away
    return None

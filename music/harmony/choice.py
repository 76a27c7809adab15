"""Chooses the chords of a piece: a phrase for each kind of section, what colours it, where it leads, how it ends."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from music import refrain, seeds
from music.harmony.numerals import chord
from music.harmony.progressions import HABITS, Habits
from music.plan import Note, Section
from music.request import Composition
from music.theory import ChordTones, Key

#: The chords of one bar, which share it evenly.
Bar = tuple[ChordTones, ...]
#: Which phrase a kind of section takes: an intro announces the verse, a drop is the chorus of those who dance.
PHRASE_OF = {"intro": "verse", "breakdown": "bridge", "drop": "chorus", "outro": "chorus"}
DOMINANT = 7
#: Bars by which phrases are told apart.
BEGINNING = 4
PERFECT_FOURTH = 5
#: Bars after which a phrase may be coloured: the ear should know it first.
SETTLED = 3


def bars(wanted: Composition, sections: Sequence[Section]) -> list[Bar]:
    habits = HABITS[wanted.genre]
    longest: dict[str, int] = {}
    for section in sections:
        kind = PHRASE_OF.get(section.kind, section.kind)
        longest[kind] = max(longest.get(kind, 0), section.bars)
    phrases = {kind: _phrase(kind, length, wanted, habits) for kind, length in longest.items()}
    filled = [bar for section in sections for bar in _of_section(section, phrases, wanted, habits)]
    if wanted.melody:
        heard = refrain.placed(wanted, sections)
        filled = [_fitted(bar, i, heard, wanted) for i, bar in enumerate(filled)]
    return filled if wanted.loop else _ended(filled, wanted, habits)


def _of_section(section: Section, phrases: dict[str, list[Bar]], wanted: Composition, habits: Habits) -> list[Bar]:
    """A phrase of the kind's, as long as the section; where harmony has a function its last bar leads on."""
    found = phrases[PHRASE_OF.get(section.kind, section.kind)][: section.bars]
    leads = habits.functional and section.bars >= 4 and section.kind in {"verse", "prechorus", "bridge", "breakdown"}
    if leads and section.start_bar + section.bars < wanted.bars and _rests(found[-1], wanted.key):
        dominant = chord("V", wanted.key, min(wanted.genre_facts.voices, 4))
        found = [*found[:-1], (found[-1][0], dominant)]
    return found


def _rests(bar: Bar, key: Key) -> bool:
    return bar[-1].root == key.tonic


def _phrase(kind: str, length: int, wanted: Composition, habits: Habits) -> list[Bar]:
    """Of one kind of section: drawn once, so that it returns unchanged."""
    draw = seeds.generator(wanted.seed, "compose", "harmony", kind)
    numerals = _written_out(_written(kind, wanted, habits))
    rich = draw.random(len(numerals)) < habits.ninths * min(wanted.variation, 1.5)
    usual = wanted.genre_facts.voices
    # By numeral, so that a chord that stays over several bars does not change its colour on the way.
    ninths = dict(zip(reversed(numerals), reversed(rich.tolist()), strict=True))
    once = [
        tuple(chord(each, wanted.key, 5 if ninths[bar] and usual > 3 else usual) for each in bar) for bar in numerals
    ]
    filled = [once[bar % len(once)] for bar in range(length)]
    if habits.functional:
        filled = _pulled_home(filled, wanted.key, min(usual, 4))
    return _coloured(filled, wanted, habits.chromatic * wanted.variation, draw)


def _written(kind: str, wanted: Composition, habits: Habits) -> str:
    """Any of the genre's, but nothing that begins like the verse: the ear should know where it is."""
    table = habits.minor if wanted.minor else habits.major
    options = table.get(kind, table["verse"])
    if kind != "verse":
        verse = set(_written("verse", wanted, habits).split()[:BEGINNING])
        options = tuple(phrase for phrase in options if set(phrase.split()[:BEGINNING]) != verse) or options
    # Drawn even where it is not used, so that `variation` changes as little as it can.
    place = int(seeds.generator(wanted.seed, "compose", "harmony", "phrase", kind).integers(len(options)))
    return options[place if wanted.variation > 0.05 else 0]


def _written_out(phrase: str) -> list[tuple[str, ...]]:
    written: list[tuple[str, ...]] = []
    for bar in phrase.split():
        written.append(written[-1] if bar == "%" else tuple(bar.split(":")))
    return written


def _pulled_home(filled: list[Bar], key: Key, voices: int) -> list[Bar]:
    """A minor key's own v has no leading tone; where it goes home it borrows one."""
    if key.mode == "major":
        return filled
    natural = {chord("v", key, stacked).classes for stacked in (3, 4, 5)}
    following = [*filled[1:], filled[0]]
    pulled = [
        (*bar[:-1], chord("V", key, voices)) if bar[-1].classes in natural and after[0].root == key.tonic else bar
        for bar, after in zip(filled, following, strict=True)
    ]
    # Of two bars of v, the first prepares what the second has become.
    for i, (bar, after) in enumerate(pairwise(pulled)):
        if len(bar) == 1 and bar[0].classes in natural and after != filled[i + 1]:
            pulled[i] = (chord("iv", key, voices),)
    return pulled


def _coloured(filled: list[Bar], wanted: Composition, chance: float, draw: np.random.Generator) -> list[Bar]:
    """Now and then the second half of a bar leans on what follows: its own dominant, or a borrowed subdominant."""
    draws = draw.random(len(filled))
    coloured = list(filled)
    for i in range(SETTLED, len(filled) - 1):
        bar, after = filled[i], filled[i + 1][0]
        if draws[i] < chance and len(bar) == 1 and wanted.meter.beats % 2 == 0 and bar[0] != after:
            colour = _leaning(bar[0], after, wanted)
            coloured[i] = bar if colour is None else (bar[0], colour)
    return coloured


def _leaning(before: ChordTones, after: ChordTones, wanted: Composition) -> ChordTones | None:
    key = wanted.key
    diatonic = set(after.classes[:3]) <= set(key.scale)
    stable = (after.root + DOMINANT) % 12 in after.classes
    if after.root == key.tonic and before.root == (key.tonic + PERFECT_FOURTH) % 12 and key.mode == "major":
        return chord("iv", key, wanted.genre_facts.voices)
    if not diatonic or not stable or after.root == key.tonic or (before.root - after.root) % 12 == DOMINANT:
        return None
    degree = key.scale.index(after.root)
    roman = ("I", "II", "III", "IV", "V", "VI", "VII")[degree]
    return chord(f"V7/{roman}", key)


def _ended(filled: list[Bar], wanted: Composition, habits: Habits) -> list[Bar]:
    """The last bar is home; what comes before it leads there."""
    tonic = "i" if wanted.minor else "I"
    ended = [*filled[:-1], (chord(tonic, wanted.key, wanted.genre_facts.voices),)]
    if len(ended) > 2 and habits.cadence and not wanted.melody:
        cadence = habits.cadence if habits.cadence.startswith("V") or not wanted.minor else habits.cadence.lower()
        before = chord(cadence, wanted.key, min(wanted.genre_facts.voices, 4))
        keeps_first = len(ended[-2]) > 1 and ended[-2][0].root != wanted.key.tonic
        ended[-2] = (ended[-2][0], before) if keeps_first else (before,)
        if len(ended) > 3 and {each.root for bar in ended[-3:-1] for each in bar} == {_dominant(wanted.key)}:
            # Two bars of the dominant before the end would be heard as another home.
            subdominant = "iv" if wanted.minor else "IV"
            ended[-3] = (chord(subdominant, wanted.key, wanted.genre_facts.voices),)
    return ended


def _dominant(key: Key) -> int:
    return (key.tonic + DOMINANT) % 12


def _fitted(bar: Bar, index: int, tune: Sequence[Note], wanted: Composition) -> Bar:
    """Under a given tune a chord gives way to one of the key's that holds more of the tune's notes."""
    start, beats = index * wanted.meter.beats, wanted.meter.beats
    weights = _heard(tune, float(start), float(beats))
    if sum(weights) == 0:
        return bar
    options = [bar[0], *(chord(numeral, wanted.key, wanted.genre_facts.voices) for numeral in _diatonic(wanted.key))]
    scores = [sum(weights[c] for c in option.classes[:3]) / sum(weights) for option in options]
    best = int(np.argmax(scores))
    # The written chord stays unless another is clearly better: the phrase has a sense of its own.
    return bar if scores[0] >= scores[best] - 0.25 else (options[best],)


def _diatonic(key: Key) -> tuple[str, ...]:
    return ("I", "IV", "V", "vi", "ii", "iii") if key.mode == "major" else ("i", "iv", "V", "VI", "III", "VII", "v")


def _heard(melody: Sequence[Note], start: float, beats: float) -> list[float]:
    """How long each pitch class sounds within a bar."""
    weights = [0.0] * 12
    for note in melody:
        overlap = min(note.start + note.beats, start + beats) - max(note.start, start)
        weights[note.pitch % 12] += max(overlap, 0.0)
    return weights

"""Writes rhymed lines to measure: so many syllables each, about what the prompt is about.

Knows words and nothing of music; `music.lyrics` puts the lines to a tune.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from music.lexicon import normalise
from music.lyrics_words import ENDS, THEMES, Theme

#: What the song is about where the prompt does not say.
GENRE_THEMES = {
    "lo-fi": ("rain", "dream"),
    "boom bap": ("city",),
    "trap": ("city", "night"),
    "house": ("dance",),
    "techno": ("dance", "night"),
    "drum and bass": ("night", "dance"),
    "synthwave": ("night",),
    "pop": ("love", "hope", "summer"),
    "rock": ("fight", "journey"),
    "funk": ("dance",),
    "reggae": ("summer", "hope"),
    "jazz": ("love", "night"),
    "folk": ("journey", "nature"),
    "classical": ("nature", "love"),
    "cinematic": ("journey", "hope"),
    "ambient": ("dream", "sea"),
}
#: What may stand before a line to make it a syllable longer.
OPENINGS = ("", "and ", "so ", "oh, ")
FEWEST_SYLLABLES, MOST_SYLLABLES = 6, 12
#: Words that the rule of thumb in `syllables` counts wrongly.
COUNTED = {
    "every": 2, "higher": 2, "fire": 2, "wire": 2, "choir": 2, "hours": 2, "the": 1, "engine": 2, "somewhere": 2,
    "wherever": 3, "forevermore": 4, "something": 2, "sometimes": 2, "barefoot": 2, "countryside": 3, "being": 2,
    "doing": 2, "going": 2, "radio": 3, "lion": 2, "quiet": 2, "poem": 2, "people": 2, "neon": 2,
    "candlelight": 3, "idea": 3,
}  # fmt: skip


@dataclass(kw_only=True, slots=True)
class Poet:
    """Writes one song; remembers what it has said, so as not to say it twice while there is something else to say."""

    themes: tuple[Theme, ...]
    draw: np.random.Generator
    said: dict[str, int] = field(default_factory=dict)

    def hook(self) -> tuple[str, str]:
        """The line that the chorus comes back to, and its rhyme."""
        hooks = self.themes[0].hooks
        hook, rhyme = hooks[int(self.draw.integers(len(hooks)))]
        self._say(hook, last_word(hook))
        return hook, rhyme

    def stanza(self, measures: Sequence[int], avoid: str = "") -> list[str]:
        """A line for each number of syllables: four rhyme crosswise, two as a couplet; an odd one rhymes with those
        before it. `avoid` is the chorus's rhyme, which is kept for it."""
        rhymes = self._rhymes(avoid)
        lines: list[str] = []
        for i in range(0, len(measures), 4):
            four = measures[i : i + 4]
            first, second = rhymes[(i // 2) % len(rhymes)], rhymes[(i // 2 + 1) % len(rhymes)]
            order = (first, second, first, second) if len(four) == 4 else (first, first, first)
            lines += [self.line(rhyme, measure) for rhyme, measure in zip(order, four, strict=False)]
        return lines

    def refrain(self, measures: Sequence[int], hook: str, rhyme: str) -> list[str]:
        """The hook on every other line, answered by lines that rhyme with it."""
        return [hook if i % 2 == 0 else self.line(rhyme, measure) for i, measure in enumerate(measures)]

    def line(self, rhyme: str, measure: int) -> str:
        heads = [head for theme in self.themes for head in theme.heads]
        ends = self._ends(rhyme)
        candidates = [
            (opening, head, end) for opening, head, end in product(OPENINGS, ["", *heads], ends) if head or not opening
        ]
        own = {end for theme in self.themes for end in theme.ends.get(rhyme, ())}
        whims = self.draw.random(len(candidates))
        costs = [
            self._cost(*parts, measure) + whim + (0.0 if parts[2] in own else 0.8)
            for parts, whim in zip(candidates, whims, strict=True)
        ]
        opening, head, end = candidates[int(np.argmin(costs))]
        self._say(head, end, last_word(end))
        return f"{opening}{head} {end}".strip()

    def _cost(self, opening: str, head: str, end: str, measure: int) -> float:
        """In syllables off the measure, more or less."""
        off = abs(syllables(f"{opening}{head} {end}") - measure)
        # The same word again is no rhyme.
        again = 2.5 * self.said.get(head, 0) + 3.0 * self.said.get(end, 0) + 4.0 * self.said.get(last_word(end), 0)
        stutter = 8.0 if head and _clash(head, end) else 0.0
        return off + again + stutter + (0.6 if opening else 0.0) + (2.5 if not head else 0.0)

    def _ends(self, rhyme: str) -> list[str]:
        own = [end for theme in self.themes for end in theme.ends.get(rhyme, ())]
        return list(dict.fromkeys([*own, *ENDS[rhyme]]))

    def _rhymes(self, avoid: str) -> list[str]:
        """The themes' own first."""
        known = [rhyme for rhyme in ENDS if rhyme != avoid]
        own = {rhyme for theme in self.themes for rhyme in theme.ends}
        return sorted((known[i] for i in self.draw.permutation(len(known))), key=lambda rhyme: rhyme not in own)

    def _say(self, *parts: str) -> None:
        for part in parts:
            if part:
                self.said[part] = self.said.get(part, 0) + 1


def themes(prompt: str, mood: str, genre: str, draw: np.random.Generator) -> tuple[Theme, ...]:
    """The themes that the prompt speaks of, first mentioned first, two at most; else one that suits the genre."""
    plain = normalise(f"{prompt} {mood}")
    places: Mapping[str, int] = {theme.words[0]: _place(theme, plain) for theme in THEMES}
    named = sorted((theme for theme in THEMES if places[theme.words[0]] >= 0), key=lambda t: places[t.words[0]])
    if named:
        return tuple(named[:2])
    usual = GENRE_THEMES.get(genre, ("love",))
    name = usual[int(draw.integers(len(usual)))]
    return tuple(theme for theme in THEMES if theme.words[0] == name)


def _place(theme: Theme, plain: str) -> int:
    found = re.search(r"\b(?:" + "|".join(theme.words) + r")s?\b", plain)
    return found.start() if found else -1


def syllables(text: str) -> int:
    """A rule of thumb for English: groups of vowels, less a silent `e`."""
    return sum(_counted(word) for word in re.findall(r"[a-z']+", text.lower().replace("’", "'")))


def _counted(word: str) -> int:
    word = word.strip("'")
    if word in COUNTED:
        return COUNTED[word]
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = re.search(r"[^aeiouyl]e$|[^aeiouytd]ed$|[^aeiouyscxz]es$|[aeiouy]le$", word)
    return max(1, groups - (1 if silent and groups > 1 else 0))


def last_word(line: str) -> str:
    words = re.findall(r"[\w']+", line.lower())
    return words[-1] if words else ""


def _clash(head: str, end: str) -> bool:
    """`goes on | on solid ground`, or a telling word in both."""
    first, second = head.split(), end.split()
    told = {word for word in first if len(word) > 3}
    return first[-1] == second[0] or bool(told & set(second))

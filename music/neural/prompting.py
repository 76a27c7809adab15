"""What a model that listens to words is told about a plan.

The caller's own words come first. What the plan has settled besides, genre, mood, tempo, key and players, follows as
short phrases, each only where the words do not hold it already: such a model takes hints, and takes the first best.
"""

import re
from collections.abc import Iterator

from music.lexicon import normalise
from music.neural.resolved import value_of
from music.plan import Plan

#: Players that are named; more than these blur.
MOST_PLAYERS = 5
LONGEST_WORDS = 1_000
METERS = {2: "2/4", 3: "3/4 waltz time", 6: "6/8"}
#: (below this energy, word); what lies between goes unsaid.
QUIET, LOUD = 0.3, 0.75
#: What is heard but is no instrument to anybody.
UNNAMED_STEMS = frozenset({"fx"})
UNNAMED = frozenset({"percussion", "stab", "bell", "pluck"})


def prompt_text(plan: Plan) -> str:
    words = _words(plan, "prompt")
    told = normalise(words)
    hints = [hint for hint in _hints(plan) if not _holds(told, hint)]
    return ", ".join(part for part in (words.rstrip(" .,;"), *hints) if part)


def avoided_text(plan: Plan) -> str:
    """What the caller wants to be kept away from."""
    return _words(plan, "negative_prompt")


def _words(plan: Plan, name: str) -> str:
    return " ".join(_text(plan, name).split())[:LONGEST_WORDS]


def _hints(plan: Plan) -> Iterator[str]:
    yield plan.genre
    yield _text(plan, "mood")
    energy = value_of(plan, "energy", None)
    if isinstance(energy, int | float):
        yield "quiet" if energy < QUIET else "energetic" if energy > LOUD else ""
    yield from _players(plan)
    yield f"{plan.bpm:g} bpm"
    yield f"in {plan.key}"
    yield METERS.get(plan.time_signature, "")


def _players(plan: Plan) -> list[str]:
    """Those who play most, loudest stems of a band first: the order of the tracks is that of nothing in particular."""
    notes: dict[str, int] = {}
    for track in plan.tracks:
        if track.stem not in UNNAMED_STEMS and track.instrument not in UNNAMED:
            name = _spoken(track.instrument)
            notes[name] = notes.get(name, 0) + len(track.notes)
    busiest = sorted((name for name, count in notes.items() if count), key=lambda name: -notes[name])
    return busiest[:MOST_PLAYERS]


def _spoken(instrument: str) -> str:
    """`kit_jazz` is jazz drums, `bass_808` 808 bass, `voice_ooh` a voice."""
    first, _, rest = instrument.partition("_")
    if first == "kit":
        return f"{rest} drums"
    if first == "voice":
        return "wordless voice"
    return f"{rest} {first}" if first == "bass" else instrument.replace("_", " ")


def _holds(told: str, hint: str) -> bool:
    words = normalise(hint).removeprefix("in ")
    return not words or re.search(rf"(?<!\w){re.escape(words)}(?!\w)", told) is not None


def _text(plan: Plan, name: str) -> str:
    value = value_of(plan, name, "")
    return value if isinstance(value, str) else ""

"""Who plays: the stems and instruments that a request and its prompt ask for and refuse."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from music import given, seeds
from music.errors import RequestError
from music.lexicon_sounds import PREFERRED
from music.plan import STEMS
from music.prompt import PromptHints
from music.resolution import Resolved

#: How many pop songs of a hundred are sung where nobody says whether.
SUNG_POP = 0.4


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    #: The stems that may play, and those of them that were asked for.
    stems: frozenset[str]
    asked: frozenset[str]
    #: From INSTRUMENTS, best first.
    instruments: tuple[str, ...]
    avoided: frozenset[str]
    resolved: Mapping[str, Resolved]


def cast(request: Mapping[str, Any], hints: PromptHints, genre: str, mode: str, seed: int) -> Cast:
    players = given.read_instruments(request["instruments"]) if "instruments" in request else given.Players()
    named = given.read_stems(request["stems"]) if "stems" in request else None
    # The request outweighs the prompt on either side.
    refused = players.avoided | (hints.avoided - _all(players.wanted))
    instruments = _chosen([*players.wanted, *hints.instruments], refused, genre)
    asked = players.stems | (hints.stems - hints.denied_stems - players.denied_stems) | (named or frozenset())
    denied = players.denied_stems | (hints.denied_stems - players.stems)
    stems = named if named is not None else _open(request, hints, genre, mode, seed, asked, denied)
    stems = _for_mode(stems, mode)
    if not stems:
        raise RequestError("stems", "nothing is left to play. Take back a stem that the words deny.")
    resolved = {
        "stems": _explained(stems, named, asked, denied),
        "instruments": _instruments(request, instruments, players.stand_ins | hints.stand_ins),
    }
    return Cast(
        stems=stems, asked=frozenset(asked & stems), instruments=instruments, avoided=refused, resolved=resolved
    )


def _all(choices: Iterable[tuple[str, ...]]) -> frozenset[str]:
    return frozenset(name for names in choices for name in names)


def _chosen(choices: Iterable[tuple[str, ...]], refused: frozenset[str], genre: str) -> tuple[str, ...]:
    """One instrument for each word: the genre's own where the word leaves it open."""
    preferred = PREFERRED.get(genre, ())
    chosen = []
    for names in choices:
        left = [name for name in names if name not in refused]
        if left:
            chosen.append(min(left, key=lambda name: preferred.index(name) if name in preferred else len(preferred)))
    return tuple(dict.fromkeys(chosen))


def _open(
    request: Mapping[str, Any],
    hints: PromptHints,
    genre: str,
    mode: str,
    seed: int,
    asked: frozenset[str],
    denied: frozenset[str],
) -> frozenset[str]:
    """All stems but those denied; the voice only where something calls for it."""
    sung = "voice" in asked or "lyrics" in request or mode == "lyrics-first"
    if not sung and genre == "pop" and mode == "full":
        sung = float(seeds.generator(seed, "request", "voice").random()) < SUNG_POP
    return frozenset(STEMS) - denied - (frozenset() if sung else {"voice"})


def _for_mode(stems: frozenset[str], mode: str) -> frozenset[str]:
    """A melody alone is its lead, whoever else was let in."""
    if mode != "melody-only":
        return stems
    return frozenset({"lead"})


def _explained(
    stems: frozenset[str], named: frozenset[str] | None, asked: frozenset[str], denied: frozenset[str]
) -> Resolved:
    listed = [stem for stem in STEMS if stem in stems]
    if named == stems:
        return Resolved(value=listed, honoured="exact")
    said = bool(asked or denied)
    return Resolved(value=listed, honoured="hint" if said else "default", confidence=0.85 if said else None)


def _instruments(request: Mapping[str, Any], instruments: tuple[str, ...], stand_ins: frozenset[str]) -> Resolved:
    value = list(instruments)
    if "instruments" in request:
        return Resolved(value=value, honoured="hint" if stand_ins & set(instruments) else "exact")
    return Resolved(value=value, honoured="hint" if value else "default", confidence=0.8 if value else None)

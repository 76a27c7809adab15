"""How each parameter of a request is decided: what the caller gives wins, then what the prompt says exactly, then what
it hints at, then the reference, then what the genre does usually. Every answer says which of these it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from music import fields, given, seeds
from music.errors import RequestError
from music.genres import DEFAULT_GENRE, GENRES, Genre
from music.lexicon import normalise
from music.limits import (
    COMPOSITION_MODES,
    FASTEST_BPM,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    SLOWEST_BPM,
    read_seed,
    read_signature,
)
from music.prompt import PromptHints, read_prompt
from music.theory import Key, Meter, parse_key

DEFAULT_SECONDS = 30.0
LONGEST_PROMPT = 2000
LONGEST_WORDS = 200
#: Below and above these a tempo that nobody asked for falls apart or blurs.
SLOWEST_CHOSEN, FASTEST_CHOSEN = 45.0, 200.0
#: What `slow` and `fast` span at least, as a share of a genre's middle tempo: some genres hardly vary.
LEAST_SPAN = 0.16
#: From here on a reference's key is taken over whole, and before it only whether it is major or minor.
KEY_STRENGTH, MODE_STRENGTH = 0.5, 0.25
#: The genre of a prompt that names none but has a mood: up to this energy.
MOOD_GENRES = ((0.28, "ambient"), (0.42, "lo-fi"), (0.82, "pop"), (1.0, "rock"))
MOOD_GENRE_CONFIDENCE = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """One parameter's value and what became of the caller's wish.

    `exact`: the value asked for. `hint`: chosen because of what was asked. `default`: nothing was asked.
    `ignored`: asked for, and without effect in this engine.
    """

    value: Any
    honoured: str
    #: How sure the reading of words is, 0 to 1; None where none had to be read.
    confidence: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A style analysis and how closely it is followed."""

    analysis: Mapping[str, Any]
    strength: float

    def blend(self, name: str, usual: float) -> float | None:
        """Between what is usual and the reference; None where the reference does not say or is not followed."""
        found = self.analysis.get(name)
        return None if found is None or self.strength == 0 else usual + self.strength * (float(found) - usual)


NO_REFERENCE = Reference(analysis={}, strength=0.0)


def prompt(request: Mapping[str, Any], name: str) -> Resolved:
    value = fields.text(request.get(name, ""), name, longest=LONGEST_PROMPT)
    return Resolved(value=value, honoured="hint" if value.strip() else "default")


def seed(request: Mapping[str, Any]) -> Resolved:
    if "seed" not in request:
        return Resolved(value=seeds.fresh(), honoured="default")
    return Resolved(value=read_seed(request["seed"]), honoured="exact")


def mode(request: Mapping[str, Any]) -> Resolved:
    value = fields.choice(request.get("mode", "full"), "mode", COMPOSITION_MODES)
    return Resolved(value=value, honoured="exact" if "mode" in request else "default")


def genre(request: Mapping[str, Any], hints: PromptHints, moods: PromptHints) -> Resolved:
    if "genre" in request:
        return _given_genre(_words(request, "genre"))
    if hints.genre is not None:
        return Resolved(value=hints.genre, honoured="hint", confidence=hints.confidence["genre"])
    energy = moods.energy if moods.energy is not None else hints.energy
    if energy is not None and "energy" not in request:
        suited = next(name for limit, name in MOOD_GENRES if energy <= limit)
        if suited not in hints.denied_genres and suited != DEFAULT_GENRE:
            return Resolved(value=suited, honoured="hint", confidence=MOOD_GENRE_CONFIDENCE)
    usual = next(name for name in (DEFAULT_GENRE, *GENRES) if name not in hints.denied_genres)
    return Resolved(value=usual, honoured="default" if usual == DEFAULT_GENRE else "hint")


def _given_genre(wanted: str) -> Resolved:
    exact = {normalise(name): name for name in GENRES}.get(normalise(wanted).strip())
    if exact is not None:
        return Resolved(value=exact, honoured="exact")
    read = read_prompt(wanted)
    if read.genre is None:
        raise RequestError("genre", f"{wanted[:60]!r} is unknown. Known: {', '.join(sorted(GENRES))}.")
    return Resolved(value=read.genre, honoured="hint", confidence=read.confidence["genre"])


def _words(request: Mapping[str, Any], name: str) -> str:
    """Text, or a list of words as one text."""
    value = request[name]
    if isinstance(value, list | tuple):
        value = ", ".join(fields.text(word, f"{name}[{i}]", longest=100) for i, word in enumerate(value))
    return fields.text(value, name, longest=LONGEST_WORDS)


def mood(request: Mapping[str, Any], hints: PromptHints) -> Resolved:
    if "mood" in request:
        return Resolved(value=_words(request, "mood"), honoured="hint")
    confidence = hints.confidence.get("mood")
    return Resolved(value=hints.mood or "", honoured="hint" if hints.mood else "default", confidence=confidence)


def energy(
    request: Mapping[str, Any], hints: PromptHints, moods: PromptHints, facts: Genre, reference: Reference
) -> Resolved:
    if "energy" in request:
        return Resolved(value=fields.number(request["energy"], "energy", low=0, high=1), honoured="exact")
    for read in (moods, hints):
        if read.energy is not None:
            return Resolved(value=read.energy, honoured="hint", confidence=read.confidence["energy"])
    blended = reference.blend("energy", facts.energy)
    if blended is not None:
        return Resolved(value=round(blended, 3), honoured="hint")
    return Resolved(value=facts.energy, honoured="default")


def time_signature(request: Mapping[str, Any], hints: PromptHints) -> Resolved:
    if "time_signature" in request:
        return Resolved(value=read_signature(request["time_signature"]), honoured="exact")
    if hints.time_signature is not None:
        confidence = hints.confidence["time_signature"]
        honoured = "exact" if confidence == 1.0 else "hint"
        return Resolved(value=hints.time_signature, honoured=honoured, confidence=confidence)
    return Resolved(value=4, honoured="default")


def bpm(
    request: Mapping[str, Any], hints: PromptHints, facts: Genre, energy: float, seed: int, reference: Reference
) -> Resolved:
    if "bpm" in request:
        remedy = "Leave it out and the planner chooses."
        value = fields.number(request["bpm"], "bpm", low=SLOWEST_BPM, high=FASTEST_BPM, remedy=remedy)
        return Resolved(value=value, honoured="exact")
    if hints.bpm is not None:
        roughly = hints.numbers.bpm_roughly
        return Resolved(value=hints.bpm, honoured="hint" if roughly else "exact", confidence=0.9 if roughly else 1.0)
    span = facts.fast_bpm - facts.slow_bpm
    if hints.pace is not None:
        middle = (facts.fast_bpm + facts.slow_bpm) / 2
        value = middle + (hints.pace - 0.5) * max(span, LEAST_SPAN * middle)
        return Resolved(value=_playable(value), honoured="hint", confidence=hints.confidence["bpm"])
    place = float(seeds.generator(seed, "request", "bpm").uniform(0.3, 0.7)) + 0.5 * (energy - facts.energy)
    usual = _playable(facts.slow_bpm + place * span)
    blended = _reference_bpm(reference, usual)
    if blended is not None:
        return Resolved(value=blended, honoured="hint")
    return Resolved(value=usual, honoured="default")


def _playable(bpm: float) -> float:
    return float(round(min(max(bpm, SLOWEST_CHOSEN), FASTEST_CHOSEN)))


def _reference_bpm(reference: Reference, usual: float) -> float | None:
    """Tempi blend as ratios. Followed closely a reference's own tempo counts, octave and all; else the nearest octave,
    because an analysis cannot tell 70 from 140."""
    found = reference.analysis.get("bpm")
    if found is None or reference.strength == 0:
        return None
    tempo = float(found)
    while reference.strength < 1 and tempo > usual * 2**0.5:
        tempo /= 2
    while reference.strength < 1 and tempo < usual / 2**0.5:
        tempo *= 2
    blended: float = usual * (tempo / usual) ** reference.strength
    return round(min(max(blended, SLOWEST_BPM), FASTEST_BPM), 2)


def key(
    request: Mapping[str, Any], hints: PromptHints, moods: PromptHints, genre: str, seed: int, reference: Reference
) -> Resolved:
    if "key" in request:
        return Resolved(value=parse_key(fields.text(request["key"], "key", longest=40)).name, honoured="exact")
    if hints.key is not None:
        roughly = hints.numbers.key_roughly
        confidence = 0.7 if roughly else 1.0
        return Resolved(value=hints.key.name, honoured="hint" if roughly else "exact", confidence=confidence)
    written = reference.analysis.get("key")
    heard = parse_key(written) if written is not None and reference.strength >= MODE_STRENGTH else None
    tonic = int(seeds.generator(seed, "request", "key", genre).integers(12))
    if heard is not None and reference.strength >= KEY_STRENGTH:
        tonic = heard.tonic
    for read in (moods, hints):
        if read.mode is not None:
            worded = Key(tonic=tonic, mode=read.mode)
            return Resolved(value=worded.name, honoured="hint", confidence=read.confidence["mode"])
    mode = heard.mode if heard is not None else GENRES[genre].mode
    return Resolved(value=Key(tonic=tonic, mode=mode).name, honoured="hint" if heard is not None else "default")


def duration(
    request: Mapping[str, Any], hints: PromptHints, bpm: float, meter: Meter, structure: tuple[given.Slot, ...]
) -> Resolved:
    if "duration" in request:
        value = fields.number(
            request["duration"],
            "duration",
            low=SHORTEST_SECONDS,
            high=LONGEST_SECONDS,
            remedy=f"Give seconds, or leave it out for {DEFAULT_SECONDS:g}.",
        )
        return Resolved(value=value, honoured="exact")
    if hints.numbers.seconds is not None:
        return Resolved(value=hints.numbers.seconds, honoured="exact", confidence=0.9)
    bar_seconds = meter.beats * 60.0 / bpm
    if hints.numbers.bars is not None:
        wanted = hints.numbers.bars * bar_seconds
        return _within(wanted, "exact", confidence=0.9)
    if structure:
        return _within(sum(bars or given.USUAL_BARS for _, bars, _ in structure) * bar_seconds, "hint")
    return Resolved(value=DEFAULT_SECONDS, honoured="default")


def _within(seconds: float, honoured: str, confidence: float | None = None) -> Resolved:
    value = min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
    return Resolved(value=value, honoured=honoured if value == seconds else "hint", confidence=confidence)


def swing(request: Mapping[str, Any], hints: PromptHints, facts: Genre, meter: Meter) -> Resolved:
    if "swing" in request:
        # Beats of three have no off-beat that could come late.
        honoured = "exact" if meter.divisions == 2 else "ignored"
        return Resolved(value=given.read_swing(request["swing"]), honoured=honoured)
    if hints.swing is not None:
        return Resolved(value=hints.swing, honoured="hint", confidence=hints.confidence["swing"])
    return Resolved(value=facts.swing, honoured="default")


def looped(bpm: Resolved, duration: Resolved, meter: Meter) -> tuple[Resolved, Resolved, bool]:
    """Tempo and length for a loop, which needs whole bars: what nobody fixed gives way. Says whether they are whole."""
    bars = duration.value * bpm.value / 60.0 / meter.beats
    if abs(bars - round(bars)) < 1e-6 and round(bars) >= 1:
        return bpm, duration, True
    whole = _whole_bars(bars)
    if duration.honoured == "default":
        seconds = whole * meter.beats * 60.0 / bpm.value
        if SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
            return bpm, Resolved(value=seconds, honoured="hint"), True
    if bpm.honoured != "exact":
        tempo = whole * meter.beats * 60.0 / duration.value
        if SLOWEST_BPM <= tempo <= FASTEST_BPM:
            return Resolved(value=tempo, honoured="hint", confidence=bpm.confidence), duration, True
    return bpm, duration, False


def _whole_bars(bars: float) -> int:
    """The nearest multiple of eight, four or two that is near enough, else the nearest whole number."""
    for size in (8, 4, 2):
        near = size * round(bars / size)
        if near > 0 and abs(near - bars) <= 0.08 * bars:
            return near
    return max(1, round(bars))

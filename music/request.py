"""A request for a composition, checked and completed from the prompt and the genre's habits; each choice explained."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from music import fields, seeds
from music.errors import RequestError
from music.prompt import PromptHints, read_prompt
from music.styles import DEFAULT_GENRE, STYLES, Style
from music.theory import Key, Meter, parse_key

SHORTEST_SECONDS = 1.0
LONGEST_SECONDS = 600.0
DEFAULT_SECONDS = 30.0
SLOWEST_BPM = 30.0
FASTEST_BPM = 300.0
LONGEST_PROMPT = 2000
SIGNATURES = {"2": 2, "3": 3, "4": 4, "6": 6, "2/4": 2, "3/4": 3, "4/4": 4, "6/8": 6}
COMPOSITION_MODES = ("full", "lyrics-first", "melody-only")
#: Parameters of other engines and of later stages: accepted, and reported as ignored.
IGNORED = (
    "chords",
    "continue_from",
    "guidance",
    "instruments",
    "loop",
    "loudness_target",
    "lyrics",
    "melody",
    "negative_prompt",
    "reference",
    "strength",
    "structure",
    "swing",
    "temperature",
    "top_k",
    "top_p",
    "true_peak",
)
ACTED_UPON = ("prompt", "duration", "bpm", "key", "time_signature", "seed", "genre", "mood", "energy", "mode")


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """One parameter's value and what became of the caller's wish.

    `exact`: the value asked for. `hint`: chosen because of what was asked. `default`: nothing was asked.
    `ignored`: asked for, and without effect in this engine.
    """

    value: Any
    honoured: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Composition:
    """Everything that composing needs to know; `resolved` says where each value came from."""

    duration_seconds: float
    bpm: float
    key: Key
    meter: Meter
    seed: int
    mode: str
    genre: str
    mood: str
    energy: float
    resolved: Mapping[str, Resolved]

    @property
    def style(self) -> Style:
        return STYLES[self.genre]

    @property
    def beats(self) -> float:
        return self.duration_seconds * self.bpm / 60.0

    @property
    def bars(self) -> int:
        """Whole bars; what is left over belongs to the last one, which rings until the end."""
        return max(1, int(self.beats / self.meter.beats + 1e-9))


def resolve(request: Mapping[str, Any]) -> Composition:
    """Raises RequestError, naming the field and the remedy, for a request that cannot be composed."""
    fields.only(request, [*ACTED_UPON, *IGNORED])
    given = {name: value for name, value in request.items() if value is not None}
    prompt = fields.text(given.get("prompt", ""), "prompt", longest=LONGEST_PROMPT)
    hints = read_prompt(prompt)
    chosen: dict[str, Resolved] = {"prompt": Resolved(value=prompt, honoured="hint" if prompt else "default")}
    chosen["duration"] = _duration(given)
    chosen["seed"] = _seed(given)
    chosen["mode"] = _mode(given)
    chosen["genre"] = _genre(given, hints)
    style = STYLES[chosen["genre"].value]
    chosen["mood"] = _mood(given, hints)
    mood_hints = read_prompt(chosen["mood"].value)
    chosen["energy"] = _energy(given, hints, mood_hints, style)
    draw = seeds.generator(chosen["seed"].value, "request")
    chosen["bpm"] = _bpm(given, hints, style, chosen["energy"].value, float(draw.uniform(0.3, 0.7)))
    chosen["key"] = _key(given, hints, mood_hints.mode or style.mode, int(draw.integers(12)))
    chosen["time_signature"] = _time_signature(given, hints)
    ignored = {name: Resolved(value=given[name], honoured="ignored") for name in IGNORED if name in given}
    return Composition(
        duration_seconds=chosen["duration"].value,
        bpm=chosen["bpm"].value,
        key=parse_key(chosen["key"].value),
        meter=Meter(signature=chosen["time_signature"].value),
        seed=chosen["seed"].value,
        mode=chosen["mode"].value,
        genre=chosen["genre"].value,
        mood=chosen["mood"].value,
        energy=chosen["energy"].value,
        resolved=chosen | ignored,
    )


def read_signature(value: Any) -> int:
    """Reads 3, 3.0 and 3/4."""
    written = f"{value:g}" if isinstance(value, int | float) else str(value)
    return SIGNATURES[fields.choice(written, "time_signature", tuple(SIGNATURES))]


def read_seed(value: Any) -> int:
    """Reads whole numbers and their digits as text: JSON readers round numbers beyond 2^53."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 20:
        value = int(value)
    return fields.integer(value, "seed", low=0, high=seeds.SEED_LIMIT)


def _duration(given: Mapping[str, Any]) -> Resolved:
    if "duration" not in given:
        return Resolved(value=DEFAULT_SECONDS, honoured="default")
    value = fields.number(
        given["duration"],
        "duration",
        low=SHORTEST_SECONDS,
        high=LONGEST_SECONDS,
        remedy=f"Give seconds, or leave it out for {DEFAULT_SECONDS:g}.",
    )
    return Resolved(value=value, honoured="exact")


def _seed(given: Mapping[str, Any]) -> Resolved:
    if "seed" not in given:
        return Resolved(value=seeds.fresh(), honoured="default")
    return Resolved(value=read_seed(given["seed"]), honoured="exact")


def _mode(given: Mapping[str, Any]) -> Resolved:
    mode = fields.choice(given.get("mode", "full"), "mode", COMPOSITION_MODES)
    if mode == "lyrics-first":
        return Resolved(value=mode, honoured="hint")  # this engine writes no lyrics; it composes in full
    return Resolved(value=mode, honoured="exact" if "mode" in given else "default")


def _genre(given: Mapping[str, Any], hints: PromptHints) -> Resolved:
    if "genre" not in given:
        return Resolved(value=hints.genre or DEFAULT_GENRE, honoured="hint" if hints.genre else "default")
    wanted = fields.text(given["genre"], "genre", longest=100).strip().lower()
    if wanted in STYLES:
        return Resolved(value=wanted, honoured="exact")
    nearest = read_prompt(wanted).genre
    if nearest is None:
        raise RequestError("genre", f"{wanted!r} is unknown. Known: {', '.join(sorted(STYLES))}.")
    return Resolved(value=nearest, honoured="hint")


def _mood(given: Mapping[str, Any], hints: PromptHints) -> Resolved:
    if "mood" in given:
        return Resolved(value=fields.text(given["mood"], "mood", longest=100), honoured="hint")
    return Resolved(value=hints.mood or "", honoured="hint" if hints.mood else "default")


def _energy(given: Mapping[str, Any], hints: PromptHints, mood: PromptHints, style: Style) -> Resolved:
    if "energy" in given:
        return Resolved(value=fields.number(given["energy"], "energy", low=0, high=1), honoured="exact")
    hinted = mood.energy if mood.energy is not None else hints.energy
    return Resolved(value=style.energy if hinted is None else hinted, honoured="default" if hinted is None else "hint")


def _bpm(given: Mapping[str, Any], hints: PromptHints, style: Style, energy: float, drawn: float) -> Resolved:
    remedy = "Leave it out and the planner chooses."
    if "bpm" in given:
        value = fields.number(given["bpm"], "bpm", low=SLOWEST_BPM, high=FASTEST_BPM, remedy=remedy)
        return Resolved(value=value, honoured="exact")
    if hints.bpm is not None:
        return Resolved(value=hints.bpm, honoured="exact")
    place = hints.pace if hints.pace is not None else drawn + 0.5 * (energy - style.energy)
    bpm = style.slow_bpm + place * (style.fast_bpm - style.slow_bpm)
    # A very slow ambient piece is still music; below 45 it falls apart into single notes.
    return Resolved(value=float(round(max(bpm, 45.0))), honoured="default" if hints.pace is None else "hint")


def _key(given: Mapping[str, Any], hints: PromptHints, mode: str, drawn_tonic: int) -> Resolved:
    if "key" in given:
        return Resolved(value=parse_key(fields.text(given["key"], "key", longest=40)).name, honoured="exact")
    if hints.key is not None:
        return Resolved(value=hints.key.name, honoured="exact")
    key = Key(tonic=drawn_tonic, mode=hints.mode or mode)
    return Resolved(value=key.name, honoured="hint" if hints.mode else "default")


def _time_signature(given: Mapping[str, Any], hints: PromptHints) -> Resolved:
    if "time_signature" in given:
        return Resolved(value=read_signature(given["time_signature"]), honoured="exact")
    if hints.time_signature is not None:
        return Resolved(value=hints.time_signature, honoured="exact")
    return Resolved(value=4, honoured="default")

"""A request for a composition, checked and completed from the prompt and the genre's habits; each choice explained."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from music import fields, given, resolution
from music.errors import RequestError
from music.genres import GENRES, Genre
from music.limits import (
    HIGHEST_TRUE_PEAK,
    LOUDEST_LOUDNESS,
    LOWEST_TRUE_PEAK,
    QUIETEST_LOUDNESS,
    read_seed,
)
from music.plan import Note
from music.players import Cast, cast
from music.prompt import PromptHints, read_prompt
from music.resolution import NO_REFERENCE, Reference, Resolved
from music.theory import Key, Meter, parse_key

__all__ = ["PARAMETERS", "Composition", "Resolved", "read_seed", "resolve"]

DEFAULT_STRENGTH = 0.5
LONGEST_ADDRESS = 2_000
DEFAULT_LOUDNESS = -14.0
DEFAULT_TRUE_PEAK = -1.0
#: A reference is not followed into silence, nor to where only distortion is louder.
QUIETEST_MATCH, LOUDEST_MATCH = -24.0, -8.0
MOST_TEMPERATURE = 2.0
FORMATS = ("wav", "flac", "ogg", "opus", "mp3")
SAMPLE_RATES = (44100, 48000)
BIT_DEPTHS = ("16", "24", "f32")
#: What this engine acts upon.
ACTED_UPON = (
    "prompt",
    "negative_prompt",
    "duration",
    "bpm",
    "key",
    "time_signature",
    "seed",
    "mode",
    "genre",
    "mood",
    "energy",
    "swing",
    "instruments",
    "stems",
    "structure",
    "chords",
    "melody",
    "lyrics",
    "loop",
    "temperature",
    "reference",
    "continue_from",
    "strength",
    "loudness_target",
    "true_peak",
)
#: What the stage that writes files acts upon.
WRITTEN = ("format", "sample_rate", "bit_depth")
#: Parameters of sampled models: accepted, and reported as ignored.
IGNORED = ("guidance", "top_k", "top_p")
PARAMETERS = (*ACTED_UPON, *WRITTEN, *IGNORED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Composition:
    """Everything that composing needs to know; `resolved` says where each value came from."""

    prompt: str
    negative_prompt: str
    duration_seconds: float
    bpm: float
    key: Key
    meter: Meter
    seed: int
    mode: str
    genre: str
    mood: str
    energy: float
    #: Where the off-beat falls between two beats: 0.5 is straight, 0.67 a triplet.
    swing: float
    #: The stems that may play.
    stems: frozenset[str]
    #: The stems that were asked for by name or by word, whatever the genre does usually.
    asked_stems: frozenset[str]
    #: Names from INSTRUMENTS that were asked for, best first.
    instruments: tuple[str, ...]
    avoided: frozenset[str]
    #: (kind, bars, energy or None); empty: choose a form.
    structure: tuple[tuple[str, int, float | None], ...]
    #: Symbols, one a bar, from the start again when they are used up; empty: choose.
    chords: tuple[str, ...]
    #: A tune that was given as notes; empty: compose one.
    melody: tuple[Note, ...]
    #: A tune that was given as ABC text or as a MIDI file in base64; empty: none.
    melody_source: str
    #: Lines as they were given. `[chorus]` names a section, an empty line parts stanzas.
    lyrics: tuple[str, ...]
    loop: bool
    #: How far the composer strays from what is usual: 0 not at all, 1 as ever, 2 far.
    variation: float
    #: LUFS and dBTP.
    loudness_target: float
    true_peak: float
    #: A style analysis: may hold bpm, key, energy, tilt_db, loudness.
    reference: Mapping[str, Any] | None
    #: How closely the reference is followed, 0 to 1.
    strength: float
    resolved: Mapping[str, Resolved]

    @property
    def genre_facts(self) -> Genre:
        return GENRES[self.genre]

    @property
    def minor(self) -> bool:
        return self.key.mode == "minor"

    @property
    def beats(self) -> float:
        return self.duration_seconds * self.bpm / 60.0

    @property
    def bars(self) -> int:
        """Whole bars; what is left over belongs to the last one, which rings until the end."""
        return max(1, int(self.beats / self.meter.beats + 1e-9))


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """What was given at length, read."""

    structure: tuple[tuple[str, int, float | None], ...]
    chords: tuple[str, ...]
    melody: tuple[Note, ...]
    melody_source: str
    lyrics: tuple[str, ...]
    resolved: Mapping[str, Resolved]


def resolve(request: Mapping[str, Any]) -> Composition:
    """Raises RequestError, naming the field and the remedy, for a request that cannot be composed."""
    fields.only(request, PARAMETERS)
    asked = {name: value for name, value in request.items() if value is not None}
    chosen: dict[str, Resolved] = {
        "prompt": resolution.prompt(asked, "prompt"),
        "negative_prompt": resolution.prompt(asked, "negative_prompt"),
    }
    hints = read_prompt(chosen["prompt"].value, chosen["negative_prompt"].value)
    reference = _reference(asked, chosen)
    chosen |= _music(asked, hints, reference)
    meter = Meter(signature=chosen["time_signature"].value)
    slots = given.read_structure(asked["structure"]) if "structure" in asked else ()
    chosen["duration"] = resolution.duration(asked, hints, chosen["bpm"].value, meter, slots)
    chosen |= _loop(asked, hints, chosen, meter)
    facts = GENRES[chosen["genre"].value]
    chosen["swing"] = resolution.swing(asked, hints, facts, meter)
    key = parse_key(chosen["key"].value)
    bars = max(1, int(chosen["duration"].value * chosen["bpm"].value / 60.0 / meter.beats + 1e-9))
    details = _details(asked, slots, key, bars, sung=chosen["mode"].value != "melody-only")
    players = cast(asked, hints, chosen["genre"].value, chosen["mode"].value, chosen["seed"].value)
    chosen |= _finish(asked, reference)
    chosen |= {**players.resolved, **details.resolved, **_passed_on(asked)}
    return _composition(chosen, players, details, reference)


def _composition(chosen: Mapping[str, Resolved], players: Cast, details: Details, reference: Reference) -> Composition:
    return Composition(
        prompt=chosen["prompt"].value,
        negative_prompt=chosen["negative_prompt"].value,
        duration_seconds=chosen["duration"].value,
        bpm=chosen["bpm"].value,
        key=parse_key(chosen["key"].value),
        meter=Meter(signature=chosen["time_signature"].value),
        seed=chosen["seed"].value,
        mode=chosen["mode"].value,
        genre=chosen["genre"].value,
        mood=chosen["mood"].value,
        energy=chosen["energy"].value,
        swing=chosen["swing"].value,
        stems=players.stems,
        asked_stems=players.asked,
        instruments=players.instruments,
        avoided=players.avoided,
        structure=details.structure,
        chords=details.chords,
        melody=details.melody,
        melody_source=details.melody_source,
        lyrics=details.lyrics,
        loop=chosen["loop"].value,
        variation=chosen["temperature"].value,
        loudness_target=chosen["loudness_target"].value,
        true_peak=chosen["true_peak"].value,
        reference=reference.analysis or None,
        strength=reference.strength,
        resolved=dict(chosen),
    )


def _reference(asked: Mapping[str, Any], chosen: dict[str, Resolved]) -> Reference:
    usual = DEFAULT_STRENGTH
    if "continue_from" in asked:
        where = fields.text(asked["continue_from"], "continue_from", longest=LONGEST_ADDRESS)
        # Its sound is for engines that listen; its style is a reference like any other, but closer.
        chosen["continue_from"] = Resolved(value=where, honoured="hint" if "reference" in asked else "ignored")
        usual = 1.0
    strength = fields.number(asked.get("strength", usual), "strength", low=0, high=1)
    if "reference" not in asked:
        if "strength" in asked:
            # Without a reference there is nothing to be near to.
            chosen["strength"] = Resolved(value=strength, honoured="ignored")
        return replace(NO_REFERENCE, strength=strength)
    analysis = given.read_reference(asked["reference"])
    chosen["reference"] = Resolved(value=dict(analysis), honoured="hint")
    chosen["strength"] = Resolved(value=strength, honoured="exact" if "strength" in asked else "default")
    return Reference(analysis=analysis, strength=strength)


def _music(asked: Mapping[str, Any], hints: PromptHints, reference: Reference) -> dict[str, Resolved]:
    mood = resolution.mood(asked, hints)
    moods = read_prompt(mood.value) if "mood" in asked else PromptHints()
    genre = resolution.genre(asked, hints, moods)
    facts = GENRES[genre.value]
    seed = resolution.seed(asked)
    energy = resolution.energy(asked, hints, moods, facts, reference)
    return {
        "seed": seed,
        "mode": resolution.mode(asked),
        "genre": genre,
        "mood": mood,
        "energy": energy,
        "time_signature": resolution.time_signature(asked, hints),
        "bpm": resolution.bpm(asked, hints, facts, energy.value, seed.value, reference),
        "key": resolution.key(asked, hints, moods, genre.value, seed.value, reference),
    }


def _loop(
    asked: Mapping[str, Any], hints: PromptHints, chosen: Mapping[str, Resolved], meter: Meter
) -> dict[str, Resolved]:
    wanted = asked.get("loop", hints.loop)
    if not isinstance(wanted, bool):
        raise RequestError("loop", f"must be true or false, got {wanted!r}.")
    honoured = "exact" if "loop" in asked else "hint" if hints.loop else "default"
    if not wanted:
        return {"loop": Resolved(value=False, honoured=honoured)}
    bpm, duration, whole = resolution.looped(chosen["bpm"], chosen["duration"], meter)
    return {"loop": Resolved(value=True, honoured=honoured if whole else "hint"), "bpm": bpm, "duration": duration}


def _details(asked: Mapping[str, Any], slots: tuple[given.Slot, ...], key: Key, bars: int, *, sung: bool) -> Details:
    resolved: dict[str, Resolved] = {}
    structure = _structure(slots, bars)
    if slots:
        value = [{"section": kind, "bars": length, "energy": energy} for kind, length, energy in structure]
        fits = all(slot[1] for slot in slots) and sum(length for _, length, _ in structure) == bars
        resolved["structure"] = Resolved(value=value, honoured="exact" if fits else "hint")
    chords = given.read_chords(asked["chords"], key) if "chords" in asked else ()
    if chords:
        resolved["chords"] = Resolved(value=list(chords), honoured="exact")
    melody, source = given.read_melody(asked["melody"]) if "melody" in asked else ((), "")
    if melody or source:
        said = f"{len(melody)} notes" if melody else "ABC" if "K:" in source else "MIDI"
        resolved["melody"] = Resolved(value=said, honoured="exact")
    lyrics = given.read_lyrics(asked["lyrics"]) if "lyrics" in asked else ()
    if lyrics:
        resolved["lyrics"] = Resolved(value=list(lyrics), honoured="exact" if sung else "ignored")
    return Details(
        structure=structure, chords=chords, melody=melody, melody_source=source, lyrics=lyrics, resolved=resolved
    )


def _structure(slots: tuple[given.Slot, ...], bars: int) -> tuple[tuple[str, int, float | None], ...]:
    """Sections that do not say how long they are share what the others leave, four bars at least."""
    silent = sum(length is None for _, length, _ in slots)
    left = bars - sum(length or 0 for _, length, _ in slots)
    share = max(4, left // max(silent, 1) // 4 * 4)
    return tuple((kind, share if length is None else length, energy) for kind, length, energy in slots)


def _finish(asked: Mapping[str, Any], reference: Reference) -> dict[str, Resolved]:
    """Loudness, peak and variation."""
    usual = reference.blend("loudness", DEFAULT_LOUDNESS)
    usual = DEFAULT_LOUDNESS if usual is None else round(min(max(usual, QUIETEST_MATCH), LOUDEST_MATCH), 2)
    loudness = _number(asked, "loudness_target", usual, low=QUIETEST_LOUDNESS, high=LOUDEST_LOUDNESS)
    if loudness.honoured == "default" and usual != DEFAULT_LOUDNESS:
        loudness = replace(loudness, honoured="hint")
    return {
        "loudness_target": loudness,
        "true_peak": _number(asked, "true_peak", DEFAULT_TRUE_PEAK, low=LOWEST_TRUE_PEAK, high=HIGHEST_TRUE_PEAK),
        "temperature": _number(asked, "temperature", 1.0, low=0, high=MOST_TEMPERATURE),
    }


def _number(asked: Mapping[str, Any], name: str, usual: float, *, low: float, high: float) -> Resolved:
    value = fields.number(asked.get(name, usual), name, low=low, high=high)
    return Resolved(value=value, honoured="exact" if name in asked else "default")


def _passed_on(asked: Mapping[str, Any]) -> dict[str, Resolved]:
    """What other stages read, and what only other engines do."""
    values: dict[str, Any] = {}
    if "format" in asked:
        written = fields.text(asked["format"], "format", longest=20).lower().lstrip(".")
        values["format"] = fields.choice(written, "format", FORMATS)
    if "sample_rate" in asked:
        rate = fields.integer(asked["sample_rate"], "sample_rate", low=1, high=1_000_000)
        values["sample_rate"] = int(fields.choice(str(rate), "sample_rate", [str(known) for known in SAMPLE_RATES]))
    if "bit_depth" in asked:
        depth = fields.text(str(asked["bit_depth"]), "bit_depth", longest=20).removesuffix(".0")
        depth = fields.choice("f32" if depth in {"32", "float32", "32f"} else depth, "bit_depth", BIT_DEPTHS)
        values["bit_depth"] = depth if depth == "f32" else int(depth)
    passed = {name: Resolved(value=value, honoured="exact") for name, value in values.items()}
    if "guidance" in asked:
        fields.number(asked["guidance"], "guidance", low=0, high=20)
    if "top_k" in asked:
        fields.integer(asked["top_k"], "top_k", low=0, high=2000)
    if "top_p" in asked:
        fields.number(asked["top_p"], "top_p", low=0, high=1)
    return passed | {name: Resolved(value=asked[name], honoured="ignored") for name in IGNORED if name in asked}

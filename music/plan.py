"""The plan: a composition as a versioned value that people can read, edit and submit again.

`tracks` hold every note that is heard. `sections` and `chords` say why: they name the form and the harmony, place the
progress of a render, and are what an editor shows. Times are in beats from the start; `duration_seconds` is exact, and
the end of the piece is faded to it. As JSON the field names are those of the dataclasses.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from music import fields
from music.request import (
    COMPOSITION_MODES,
    FASTEST_BPM,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    SLOWEST_BPM,
    read_seed,
    read_signature,
)
from music.theory import Meter, parse_key

PLAN_VERSION = 1
INSTRUMENTS = ("electric_piano", "pluck", "bass", "pad")
MOST_NOTES = 50_000
MOST_TRACKS = 32
#: Beats in ten minutes at the fastest tempo, with room for a last note that rings.
LONGEST_BEATS = 4000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    name: str
    start_bar: int
    bars: int
    energy: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Chord:
    start: float
    beats: float
    symbol: str
    pitches: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    start: float
    beats: float
    pitch: int
    #: 0 to 1.
    velocity: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Track:
    name: str
    instrument: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    version: int = PLAN_VERSION
    engine: str
    duration_seconds: float
    bpm: float
    key: str
    time_signature: int
    seed: int
    mode: str
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]
    tracks: tuple[Track, ...]
    #: Every parameter of the request as {"value": …, "honoured": "exact" | "hint" | "default" | "ignored"}.
    resolved: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def seconds_per_beat(self) -> float:
        return 60.0 / self.bpm

    def section_at(self, seconds: float) -> str:
        bar = seconds / self.seconds_per_beat / Meter(signature=self.time_signature).beats
        current = ""
        for section in self.sections:
            if section.start_bar <= bar:
                current = section.name
        return current

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def plan_from_dict(source: Mapping[str, Any]) -> Plan:
    """Check and read a plan; raises RequestError with the path of the first thing that does not fit."""
    version = fields.integer(fields.required(source, "version"), "version", low=1, high=2**31)
    if version > PLAN_VERSION:
        fields.integer(version, "version", low=1, high=PLAN_VERSION)
    tracks = fields.items(fields.required(source, "tracks"), "tracks", most=MOST_TRACKS)
    return Plan(
        version=PLAN_VERSION,
        engine=fields.text(source.get("engine", ""), "engine", longest=100),
        duration_seconds=fields.number(
            fields.required(source, "duration_seconds"),
            "duration_seconds",
            low=SHORTEST_SECONDS,
            high=LONGEST_SECONDS,
        ),
        bpm=fields.number(fields.required(source, "bpm"), "bpm", low=SLOWEST_BPM, high=FASTEST_BPM),
        key=parse_key(fields.text(fields.required(source, "key"), "key", longest=40)).name,
        time_signature=read_signature(source.get("time_signature", 4)),
        seed=read_seed(fields.required(source, "seed")),
        mode=fields.choice(source.get("mode", "full"), "mode", COMPOSITION_MODES),
        sections=tuple(_section(*entry) for entry in _entries(source.get("sections", ()), "sections")),
        chords=tuple(_chord(*entry) for entry in _entries(source.get("chords", ()), "chords")),
        tracks=tuple(_track(*entry) for entry in _entries(tracks, "tracks")),
        resolved=dict(fields.mapping(source.get("resolved", {}), "resolved")),
    )


def _entries(value: Any, path: str) -> list[tuple[Mapping[str, Any], str]]:
    listed = fields.items(value, path, most=MOST_NOTES)
    return [(fields.mapping(item, f"{path}[{i}]"), f"{path}[{i}]") for i, item in enumerate(listed)]


def _beats(source: Mapping[str, Any], name: str, path: str) -> float:
    return fields.number(fields.required(source, name, path), f"{path}.{name}", low=0, high=LONGEST_BEATS)


def _section(source: Mapping[str, Any], path: str) -> Section:
    return Section(
        name=fields.text(fields.required(source, "name", path), f"{path}.name", longest=100),
        start_bar=fields.integer(fields.required(source, "start_bar", path), f"{path}.start_bar", low=0, high=4000),
        bars=fields.integer(fields.required(source, "bars", path), f"{path}.bars", low=1, high=4000),
        energy=fields.number(source.get("energy", 0.5), f"{path}.energy", low=0, high=1),
    )


def _pitch(value: Any, path: str) -> int:
    return fields.integer(value, path, low=0, high=127)


def _chord(source: Mapping[str, Any], path: str) -> Chord:
    pitches = fields.items(source.get("pitches", ()), f"{path}.pitches", most=16)
    return Chord(
        start=_beats(source, "start", path),
        beats=_beats(source, "beats", path),
        symbol=fields.text(fields.required(source, "symbol", path), f"{path}.symbol", longest=40),
        pitches=tuple(_pitch(pitch, f"{path}.pitches[{i}]") for i, pitch in enumerate(pitches)),
    )


def _track(source: Mapping[str, Any], path: str) -> Track:
    notes = fields.required(source, "notes", path)
    return Track(
        name=fields.text(fields.required(source, "name", path), f"{path}.name", longest=100),
        instrument=fields.choice(fields.required(source, "instrument", path), f"{path}.instrument", INSTRUMENTS),
        notes=tuple(_note(*entry) for entry in _entries(notes, f"{path}.notes")),
    )


def _note(source: Mapping[str, Any], path: str) -> Note:
    return Note(
        start=_beats(source, "start", path),
        beats=_beats(source, "beats", path),
        pitch=_pitch(fields.required(source, "pitch", path), f"{path}.pitch"),
        velocity=fields.number(fields.required(source, "velocity", path), f"{path}.velocity", low=0, high=1),
    )

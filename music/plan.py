"""The plan: a composition as a versioned value that people can read, edit and submit again.

`tracks` hold every note that is heard. `sections` and `chords` say why: they name the form and the harmony, cut a
render into what can be played early, and are what an editor shows. `mix` says how the stems are put together. Times are
in beats from the start; `duration_seconds` is exact, and the end of the piece is faded to it. As JSON the field names
are those of the dataclasses.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any

from music import fields
from music.genres import GENRES
from music.instruments import INSTRUMENTS
from music.limits import (
    COMPOSITION_MODES,
    FASTEST_BPM,
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    SLOWEST_BPM,
    read_seed,
    read_signature,
)
from music.theory import Meter, parse_key

PLAN_VERSION = 2
#: The groups in which a track is rendered and delivered, in the order in which they are listed.
STEMS = ("drums", "percussion", "bass", "chords", "lead", "pad", "voice", "fx")
#: What a section is, whatever it is called.
SECTION_KINDS = ("intro", "verse", "prechorus", "chorus", "bridge", "breakdown", "drop", "outro")
MOST_NOTES = 50_000
MOST_TRACKS = 32
#: Of a rendered stem each cut is a file, and is named together with all others whenever one is finished.
MOST_CUTS = 64
#: Beats in ten minutes at the fastest tempo, with room for a last note that rings.
LONGEST_BEATS = 4000.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    name: str
    kind: str
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
    """One player. Several may share a stem."""

    name: str
    stem: str
    instrument: str
    notes: tuple[Note, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LyricLine:
    start: float
    beats: float
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """How a stem sits in the mix. What goes from 0 to 1 is how much of it; 0 leaves the sound alone."""

    gain_db: float = 0.0
    #: -1 left to 1 right.
    pan: float = 0.0
    #: 0 mono, 1 as it was rendered, up to 2 wider.
    width: float = 1.0
    #: 0 for none.
    low_cut_hz: float = 0.0
    high_cut_hz: float = 0.0
    drive: float = 0.0
    compress: float = 0.0
    chorus: float = 0.0
    delay: float = 0.0
    reverb: float = 0.0
    #: How far the kick pushes it down.
    duck: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Mix:
    #: By stem; one that is not named is left alone.
    strips: Mapping[str, Strip] = field(default_factory=dict)
    #: LUFS, integrated.
    loudness_target: float = -14.0
    #: dBTP.
    true_peak: float = -1.0
    #: Positive is brighter: so many dB more at 10 kHz than at 100 Hz.
    tilt_db: float = 0.0
    #: 0 to 1: how much the whole is held together by the last compressor and limiter.
    glue: float = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    version: int = PLAN_VERSION
    engine: str
    duration_seconds: float
    bpm: float
    key: str
    time_signature: int
    #: Where the off-beat falls between two beats: 0.5 is straight, 0.67 a triplet. Notes are written swung already.
    swing: float
    seed: int
    mode: str
    genre: str
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]
    tracks: tuple[Track, ...]
    lyrics: tuple[LyricLine, ...] = ()
    mix: Mix = field(default_factory=Mix)
    #: Every parameter of the request as {"value": …, "honoured": "exact" | "hint" | "default" | "ignored"}.
    resolved: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    #: Of a part (`music.parts`), whether its stem is the first that the whole plays; None for a whole.
    leads: bool | None = None

    @property
    def seconds_per_beat(self) -> float:
        return 60.0 / self.bpm

    @property
    def beats_per_bar(self) -> int:
        return Meter(signature=self.time_signature).beats

    @property
    def stems(self) -> tuple[str, ...]:
        """The stems that have anything to play."""
        playing = {track.stem for track in self.tracks if track.notes}
        return tuple(stem for stem in STEMS if stem in playing)

    def section_edges(self, rate: int) -> tuple[int, ...]:
        """The first sample of each section, and the end of the piece. What is shorter than it was planned for has fewer
        sections; the last one reaches to the end."""
        total = round(self.duration_seconds * rate)
        seconds_per_bar = self.seconds_per_beat * self.beats_per_bar
        starts = [round(section.start_bar * seconds_per_bar * rate) for section in self.sections]
        return (0, *(start for start in starts[1:] if start < total), total)

    def cuts(self, rate: int) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Where a render is cut, edges as above, and what the cuts are called: at the sections or, where those are too
        many, at every second one, or third, and so on."""
        edges = self.section_edges(rate)
        step = ceil((len(edges) - 1) / MOST_CUTS)
        cut = (*edges[:-1:step], edges[-1])
        names = tuple(section.name for section in self.sections[: len(edges) - 1 : step])
        # A plan without sections is one of a single part, which needs no name.
        return cut, names or ("",) * (len(cut) - 1)

    def to_dict(self) -> dict[str, Any]:
        found = asdict(self)
        if self.leads is None:
            del found["leads"]
        return found


def plan_from_dict(source: Mapping[str, Any]) -> Plan:
    """Check and read a plan; raises RequestError with the path of the first thing that does not fit."""
    fields.integer(fields.required(source, "version"), "version", low=PLAN_VERSION, high=PLAN_VERSION)
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
        swing=fields.number(source.get("swing", 0.5), "swing", low=0.5, high=0.75),
        seed=read_seed(fields.required(source, "seed")),
        mode=fields.choice(source.get("mode", "full"), "mode", COMPOSITION_MODES),
        genre=fields.choice(fields.required(source, "genre"), "genre", tuple(GENRES)),
        sections=tuple(_section(*entry) for entry in _entries(source.get("sections", ()), "sections")),
        chords=tuple(_chord(*entry) for entry in _entries(source.get("chords", ()), "chords")),
        tracks=tuple(_track(*entry) for entry in _entries(tracks, "tracks")),
        lyrics=tuple(_line(*entry) for entry in _entries(source.get("lyrics", ()), "lyrics")),
        mix=_mix(fields.mapping(source.get("mix", {}), "mix")),
        resolved=dict(fields.mapping(source.get("resolved", {}), "resolved")),
        leads=fields.flag(source["leads"], "leads") if "leads" in source else None,
    )


def _entries(value: Any, path: str) -> list[tuple[Mapping[str, Any], str]]:
    listed = fields.items(value, path, most=MOST_NOTES)
    return [(fields.mapping(item, f"{path}[{i}]"), f"{path}[{i}]") for i, item in enumerate(listed)]


def _beats(source: Mapping[str, Any], name: str, path: str) -> float:
    return fields.number(fields.required(source, name, path), f"{path}.{name}", low=0, high=LONGEST_BEATS)


def _section(source: Mapping[str, Any], path: str) -> Section:
    return Section(
        name=fields.text(fields.required(source, "name", path), f"{path}.name", longest=100),
        kind=fields.choice(source.get("kind", "verse"), f"{path}.kind", SECTION_KINDS),
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
        stem=fields.choice(fields.required(source, "stem", path), f"{path}.stem", STEMS),
        instrument=fields.choice(fields.required(source, "instrument", path), f"{path}.instrument", tuple(INSTRUMENTS)),
        notes=tuple(_note(*entry) for entry in _entries(notes, f"{path}.notes")),
    )


def _note(source: Mapping[str, Any], path: str) -> Note:
    return Note(
        start=_beats(source, "start", path),
        beats=_beats(source, "beats", path),
        pitch=_pitch(fields.required(source, "pitch", path), f"{path}.pitch"),
        velocity=fields.number(fields.required(source, "velocity", path), f"{path}.velocity", low=0, high=1),
    )


def _line(source: Mapping[str, Any], path: str) -> LyricLine:
    return LyricLine(
        start=_beats(source, "start", path),
        beats=_beats(source, "beats", path),
        text=fields.text(fields.required(source, "text", path), f"{path}.text", longest=500),
    )


#: The limits of a strip's fields; the others go from 0 to 1.
_STRIP_LIMITS = {
    "gain_db": (-60.0, 24.0),
    "pan": (-1.0, 1.0),
    "width": (0.0, 2.0),
    "low_cut_hz": (0.0, 2_000.0),
    "high_cut_hz": (0.0, 24_000.0),
}


def _mix(source: Mapping[str, Any]) -> Mix:
    fields.only(source, list(Mix.__dataclass_fields__), "mix")
    strips = fields.mapping(source.get("strips", {}), "mix.strips")
    fields.only(strips, STEMS, "mix.strips")
    usual = Mix()
    return Mix(
        strips={stem: _strip(fields.mapping(strip, f"mix.strips.{stem}"), stem) for stem, strip in strips.items()},
        loudness_target=fields.number(
            source.get("loudness_target", usual.loudness_target), "mix.loudness_target", low=-40, high=-6
        ),
        true_peak=fields.number(source.get("true_peak", usual.true_peak), "mix.true_peak", low=-12, high=0),
        tilt_db=fields.number(source.get("tilt_db", usual.tilt_db), "mix.tilt_db", low=-12, high=12),
        glue=fields.number(source.get("glue", usual.glue), "mix.glue", low=0, high=1),
    )


def _strip(source: Mapping[str, Any], stem: str) -> Strip:
    path = f"mix.strips.{stem}"
    fields.only(source, list(Strip.__dataclass_fields__), path)
    limits = {name: _STRIP_LIMITS.get(name, (0.0, 1.0)) for name in source}
    return Strip(
        **{
            name: fields.number(value, f"{path}.{name}", low=limits[name][0], high=limits[name][1])
            for name, value in source.items()
        }
    )

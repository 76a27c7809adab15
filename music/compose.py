"""From a request to a plan: form, harmony, melody, then the parts that accompany them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from music import ENGINE, accompany, harmony, melody, seeds
from music.plan import Note, Plan, Section, Track
from music.request import Composition, resolve

#: Called with a stage's name and the fraction done when that stage is complete.
OnStage = Callable[[str, float], None]
FORM = ("verse", "chorus", "verse", "chorus", "bridge", "chorus")
SECTION_ENERGY = {"intro": -0.2, "verse": 0.0, "chorus": 0.25, "bridge": -0.1, "outro": -0.15}
SECTION_BARS = 8


def compose(request: Mapping[str, Any], on_stage: OnStage = lambda stage, fraction: None) -> Plan:
    """Raises RequestError for a request that cannot be composed; the same seed gives the same plan."""
    wanted = resolve(request)
    on_stage("request", 0.2)
    sections = form(wanted)
    on_stage("form", 0.3)
    chords = harmony.progression(sections, wanted.key, wanted.style, _draw(wanted, "harmony"))
    voiced = harmony.voice(chords, wanted.meter.beats)
    on_stage("harmony", 0.5)
    tune = melody.tune(sections, chords, wanted.key, wanted.meter, _draw(wanted, "melody"))
    on_stage("melody", 0.7)
    tracks = [Track(name="lead", instrument=wanted.style.lead, notes=tuple(tune))]
    if wanted.mode != "melody-only":
        tracks += accompany.tracks(sections, chords, voiced, wanted)
    on_stage("arrangement", 0.9)
    return Plan(
        engine=ENGINE,
        duration_seconds=wanted.duration_seconds,
        bpm=wanted.bpm,
        key=wanted.key.name,
        time_signature=wanted.meter.signature,
        seed=wanted.seed,
        mode=wanted.mode,
        sections=tuple(sections),
        chords=voiced,
        tracks=tuple(_finished(track, wanted) for track in tracks),
        resolved={name: asdict(value) for name, value in wanted.resolved.items()},
    )


def _draw(wanted: Composition, part: str) -> np.random.Generator:
    return seeds.generator(wanted.seed, "compose", part)


def form(wanted: Composition) -> list[Section]:
    """Whole bars up to the end; the last one is the outro, whose chord rings until the piece is over."""
    lengths = [*_body(wanted.bars - 1), ("outro", 1)]
    sections: list[Section] = []
    start = 0
    for name, length in lengths:
        energy = min(max(wanted.energy + SECTION_ENERGY[name], 0.0), 1.0)
        sections.append(Section(name=name, start_bar=start, bars=length, energy=round(energy, 3)))
        start += length
    return sections


def _body(bars: int) -> list[tuple[str, int]]:
    """An intro when there is room, then the form's sections in turn; a remainder of under four bars joins the last."""
    if bars == 0:
        return []
    if bars < SECTION_BARS:
        return [("verse", bars)]
    intro = 2 if bars < 3 * SECTION_BARS else 4
    size = SECTION_BARS if bars - intro >= 2 * SECTION_BARS else SECTION_BARS // 2
    whole, rest = divmod(bars - intro, size)
    lengths = [size] * whole
    if rest >= 4:
        lengths.append(rest)
    else:
        lengths[-1] += rest
    return [("intro", intro), *((FORM[i % len(FORM)], length) for i, length in enumerate(lengths))]


def _finished(track: Track, wanted: Composition) -> Track:
    """Swing the off-beats, let the last bar ring to the end, and let nothing start after it."""
    notes = [_played(note, wanted) for note in track.notes if note.start < wanted.beats]
    return Track(name=track.name, instrument=track.instrument, notes=tuple(notes))


def _played(note: Note, wanted: Composition) -> Note:
    last_bar = (wanted.bars - 1) * wanted.meter.beats
    late = wanted.style.swing - 0.5 if wanted.meter.divisions == 2 and note.start % 1.0 == 0.5 else 0.0
    start = note.start + late
    beats = note.beats if note.start < last_bar else wanted.beats - note.start
    return Note(start=round(start, 6), beats=round(beats, 6), pitch=note.pitch, velocity=note.velocity)

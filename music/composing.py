"""From a request to a plan: form, harmony, melody, the groove, and the parts that accompany them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from music import arrange, bass, form, groove, harmony, lyrics, melody, midi_in
from music.engine import ENGINE
from music.mix.settings import settings
from music.plan import Chord, LyricLine, Note, Plan, Section, Track
from music.request import Composition, Resolved, resolve

#: Called with a stage's name and the fraction done when that stage is complete.
OnStage = Callable[[str, float], None]


def compose(request: Mapping[str, Any], on_stage: OnStage = lambda stage, fraction: None) -> Plan:
    """Raises RequestError for a request that cannot be composed; the same seed gives the same plan."""
    wanted = _with_given_tune(resolve(request))
    on_stage("request", 0.2)
    sections = form.sections(wanted)
    on_stage("form", 0.3)
    spans = harmony.progression(wanted, sections)
    on_stage("harmony", 0.5)
    tune = melody.tune(wanted, sections, spans)
    on_stage("melody", 0.7)
    tracks, lines = _arranged(wanted, sections, spans, tune)
    on_stage("arrangement", 0.9)
    return Plan(
        engine=ENGINE,
        duration_seconds=wanted.duration_seconds,
        bpm=wanted.bpm,
        key=wanted.key.name,
        time_signature=wanted.meter.signature,
        swing=wanted.swing,
        seed=wanted.seed,
        mode=wanted.mode,
        genre=wanted.genre,
        sections=sections,
        chords=tuple(_written(span, wanted) for span in spans),
        tracks=tracks,
        lyrics=lines,
        mix=settings(
            genre=wanted.genre,
            energy=wanted.energy,
            stems={track.stem for track in tracks},
            loudness_target=wanted.loudness_target,
            true_peak=wanted.true_peak,
            reference=wanted.reference,
            strength=wanted.strength,
        ),
        resolved={name: asdict(value) for name, value in wanted.resolved.items()},
    )


def _with_given_tune(wanted: Composition) -> Composition:
    """A tune that came as text becomes notes; and where nobody said which key, the piece is in the tune's."""
    if wanted.melody_source:
        wanted = replace(wanted, melody=midi_in.read(wanted.melody_source, wanted.meter))
    if wanted.melody and not wanted.chords and wanted.resolved["key"].honoured == "default":
        key = midi_in.likely_key(wanted.melody)
        heard = {"key": Resolved(value=key.name, honoured="hint")}
        wanted = replace(wanted, key=key, resolved={**wanted.resolved, **heard})
    return wanted


def _arranged(
    wanted: Composition, sections: tuple[Section, ...], spans: Sequence[harmony.Span], tune: tuple[Note, ...]
) -> tuple[tuple[Track, ...], tuple[LyricLine, ...]]:
    """Everything that is played, in the order of its stems, and the words."""
    parts = arrange.tracks(wanted, sections, spans, tune)
    if wanted.mode == "melody-only":
        return _finished(parts, wanted), ()
    beat = groove.tracks(wanted, sections)
    low = bass.line(wanted, sections, spans, groove.kicks(beat))
    lines, voice = lyrics.write(wanted, sections, tune)
    played = (*beat, low, *parts, *((voice,) if voice is not None else ()))
    return _finished([track for track in played if track.stem in wanted.stems], wanted), lines


def _written(span: harmony.Span, wanted: Composition) -> Chord:
    last = span.end >= wanted.bars * wanted.meter.beats - 1e-6
    beats = wanted.beats - span.start if last else span.beats
    return Chord(start=span.start, beats=round(beats, 6), symbol=span.tones.symbol, pitches=span.pitches)


def _finished(tracks: Sequence[Track], wanted: Composition) -> tuple[Track, ...]:
    """Nothing starts after the end, and the last bar rings until then."""
    finished = (
        replace(
            track, notes=tuple(_until_end(note, track, wanted) for note in track.notes if note.start < wanted.beats)
        )
        for track in tracks
    )
    return tuple(track for track in finished if track.notes)


def _until_end(note: Note, track: Track, wanted: Composition) -> Note:
    given = track.stem == "lead" and wanted.melody
    return note if given and note.start + note.beats <= wanted.beats else _ringing(note, wanted)


def _ringing(note: Note, wanted: Composition) -> Note:
    """What lasts to the end of the last bar lasts to the end of the piece; nothing lasts longer."""
    bar_line = float(wanted.bars * wanted.meter.beats)
    end = note.start + note.beats
    rings = not wanted.loop and end >= bar_line - 0.15
    end = wanted.beats if rings else min(end, wanted.beats)
    beats = round(end - note.start, 6)
    return note if beats == note.beats else replace(note, beats=max(beats, 0.0))

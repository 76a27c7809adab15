"""The players of chords: they comp in the manner of the genre, each with the hands that its instrument asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

from music import harmony, rhythm, seeds, touch
from music.arrange.patterns import ARPEGGIOS, COMPING, LONG, SUPPORT, Comping
from music.harmony import Span
from music.orchestra import pitches_in_range
from music.plan import Note, Section
from music.request import Composition
from music.rhythm import Stroke
from music.theory import nearest

GUITARS = frozenset({"nylon_guitar", "steel_guitar", "clean_guitar"})
#: Genres whose guitars chop high up on the neck; elsewhere the low root string sounds too.
CHOPPED = frozenset({"funk", "reggae", "jazz", "lo-fi", "house"})
#: Seconds from string to string, and from finger to finger of a rolled chord.
STRUM, ROLL = 0.011, 0.045
#: The more strokes there are in a bar the softer each is, and a single tone is played harder than a whole chord.
CROWD, SINGLE = 0.04, 0.06
LOW_ROOT, LOW_ROOT_END = 40, 51
ARPEGGIO_ENERGY = 0.5
FULL_ENERGY, CALM_ENERGY = 0.45, 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One player's task: the pattern of a section and its variation every fourth bar."""

    section: Section
    pattern: str
    other: str
    instrument: str
    comping: Comping


def comped(wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], instrument: str) -> list[Note]:
    comping = COMPING[wanted.genre]
    notes: list[Note] = []
    for section in sections:
        options = _tier(section, wanted, comping)
        draw = seeds.generator(wanted.seed, "compose", "chords", section.kind)
        first, second = (int(place) for place in draw.integers(len(options), size=2))
        plain = wanted.variation < 0.05
        pattern = options[0 if plain else first]
        other = options[second] if draw.random() < 0.4 * wanted.variation else pattern
        part = Part(section=section, pattern=pattern, other=other, instrument=instrument, comping=comping)
        notes += played_by(part, spans, wanted, name="chords")
    return notes


def _tier(section: Section, wanted: Composition, comping: Comping) -> tuple[str, ...]:
    # What is quiet as a whole still has its climax.
    energy = section.energy + max(0.0, 0.3 - 0.5 * wanted.energy)
    if section.kind in {"intro", "breakdown", "outro"} or (section.kind == "verse" and energy < CALM_ENERGY):
        return comping.calm
    return comping.full if section.kind in {"chorus", "drop"} and energy >= FULL_ENERGY else comping.usual


def supported(
    wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], instrument: str, *, asked: bool
) -> list[Note]:
    """A second player: long chords, or what the genre has for one."""
    pattern = SUPPORT.get(wanted.genre, LONG)
    notes: list[Note] = []
    for section in sections:
        plays = section.kind in {"chorus", "drop"} or (asked and section.kind != "intro") or len(sections) == 1
        if plays or section is sections[-1]:
            shape = pattern if plays and section.kind not in {"breakdown", "outro"} else LONG
            part = Part(
                section=section, pattern=shape, other=shape, instrument=instrument, comping=COMPING[wanted.genre]
            )
            notes += played_by(part, spans, wanted, name="support")
    return notes


def arpeggiated(wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], instrument: str) -> list[Note]:
    """Runs through the chords, an octave higher, where a section is played out."""
    options = ARPEGGIOS.get(wanted.genre, ())
    if not options:
        return []
    pattern = options[int(seeds.generator(wanted.seed, "compose", "arpeggio").integers(len(options)))]
    notes: list[Note] = []
    for i, section in enumerate(sections):
        loud = section.energy + max(0.0, 0.3 - 0.5 * wanted.energy) >= ARPEGGIO_ENERGY
        climax = section.kind in {"chorus", "drop"}
        # The first climax of a long piece keeps something back.
        first = climax and sum(s.kind == section.kind for s in sections[:i]) == 0 and len(sections) > 6
        if climax and loud and not (first and wanted.genre in {"pop", "lo-fi", "trap"}):
            part = Part(
                section=section,
                pattern=pattern,
                other=pattern,
                instrument=instrument,
                comping=COMPING[wanted.genre],
            )
            raised = played_by(part, spans, wanted, name="arpeggio", octave=12)
            notes += [note for note in raised if note.start < (wanted.bars - 1) * wanted.meter.beats]
    return notes


def played_by(part: Part, spans: Sequence[Span], wanted: Composition, *, name: str, octave: int = 0) -> list[Note]:
    section, beats = part.section, float(wanted.meter.beats)
    draw = seeds.generator(wanted.seed, "compose", name, "hands", str(section.start_bar))
    notes: list[Note] = []
    for bar in range(section.bars):
        start = (section.start_bar + bar) * beats
        if section.start_bar + bar == wanted.bars - 1 and not wanted.loop:
            notes += _last(harmony.at(spans, start), part, wanted, octave)
            continue
        pattern = part.other if bar % 4 == 3 else part.pattern
        strokes = rhythm.thin(rhythm.bar_strokes(pattern, bar, wanted.meter), wanted)
        chords = harmony.in_bar(spans, start, beats)
        crowd = CROWD * log2(max(len(strokes), 2) / 2)
        for stroke in _with_changes(strokes, chords, start):
            ahead = 0.5 if part.comping.anticipates and stroke.start >= beats - 0.5 else 0.0
            span = harmony.at(spans, start + stroke.start + ahead)
            notes += _struck(stroke, span, start, part, wanted, octave, draw, crowd)
    return notes


def _with_changes(strokes: Sequence[Stroke], chords: Sequence[Span], start: float) -> list[Stroke]:
    """Every chord of a bar is heard soon after it begins, and none is held into the next."""
    done = list(strokes)
    for span in chords[1:]:
        at = span.start - start
        done = [
            Stroke(start=s.start, beats=min(s.beats, at - s.start), what=s.what, accent=s.accent)
            if s.start < at - 1e-6
            else s
            for s in done
        ]
        if strokes and not any(at - 1e-6 <= s.start < at + 0.9 for s in done):
            done.append(Stroke(start=at, beats=span.beats, what="x", accent=0.0))
    return sorted(done, key=lambda stroke: stroke.start)


def _struck(
    stroke: Stroke,
    span: Span,
    bar: float,
    part: Part,
    wanted: Composition,
    octave: int,
    draw: np.random.Generator,
    crowd: float,
) -> list[Note]:
    per_second = wanted.bpm / 60
    start = bar + stroke.start + part.comping.late * per_second
    level = touch.level(part.section) - 0.05 + stroke.accent + touch.lean(stroke.start, wanted.meter)
    level += float(draw.normal(0.0, 0.018)) - crowd + (SINGLE if stroke.what not in "xu" and not octave else 0.0)
    beats = stroke.beats * part.comping.legato
    pitches = _hand(stroke.what, span, part, wanted, octave)
    gap = min(STRUM * per_second, 0.04) if part.instrument in GUITARS and len(pitches) > 2 else 0.0
    # Down on the beats, up between them.
    down = abs(stroke.start - round(stroke.start)) < 1e-6
    order = pitches if down else tuple(reversed(pitches))
    # One hand strikes no two notes alike; the top one sings.
    return [
        Note(
            start=start + i * gap,
            beats=beats,
            pitch=pitch,
            velocity=level + (0.02 if pitch == pitches[-1] else 0.0),
        )
        for i, pitch in enumerate(order)
    ]


def _hand(what: str, span: Span, part: Part, wanted: Composition, octave: int) -> tuple[int, ...]:
    """The pitches of a stroke on this instrument."""
    if part.instrument == "power_guitar":
        return _power(span) if not what.isdigit() else (_power(span)[int(what) % len(_power(span))],)
    voiced = tuple(pitch + octave for pitch in span.pitches)
    strings = voiced
    if part.instrument in GUITARS and wanted.genre not in CHOPPED and not octave:
        low = nearest(44, (span.tones.lowest,), low=LOW_ROOT, high=LOW_ROOT_END)
        strings = (low, *voiced)
    if what.isdigit():
        step = int(what)
        runs = (*strings, *(pitch + 12 for pitch in voiced)) if octave else strings
        return pitches_in_range((runs[step % len(runs)],), part.instrument)
    chosen = {"b": strings[:1], "u": strings[1:]}.get(what, strings)
    return pitches_in_range(chosen, part.instrument)


def _power(span: Span) -> tuple[int, ...]:
    """Root, fifth and octave: a third would growl."""
    root = nearest(44, (span.tones.root,), low=LOW_ROOT, high=LOW_ROOT_END)
    fifths = [root + 7] if (span.tones.root + 7) % 12 in span.tones.classes else []
    return (root, *fifths, root + 12)


def _last(span: Span, part: Part, wanted: Composition, octave: int) -> list[Note]:
    """The last chord, spread upwards as a hand would, and left to ring."""
    pitches = _hand("x", span, part, wanted, octave)
    gap = min(ROLL * wanted.bpm / 60, 0.12) if part.instrument not in {"power_guitar", "stab", "supersaw"} else 0.0
    velocity = touch.level(part.section)
    return [
        Note(start=span.start + i * gap, beats=float(wanted.meter.beats), pitch=pitch, velocity=velocity)
        for i, pitch in enumerate(pitches)
    ]

"""A tune from a two-bar motif: its rhythm and contour return over changing chords, answered by a longer note."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from music.plan import Note, Section
from music.theory import ChordTones, Key, Meter, nearest, passing_tones

LOWEST, HIGHEST = 64, 86
#: Where a section's tune is centred; the chorus lifts.
CENTRES = {"chorus": 77.0, "bridge": 70.0}
USUAL_CENTRE = 73.0
SILENT_SECTIONS = ("intro",)
#: How one beat is filled, in its divisions: lengths, negative ones rest. Busier ones come later.
CELLS = {2: ((2,), (-1, 1), (1, 1), (1, 1)), 3: ((3,), (2, 1), (2, 1), (1, 1, 1))}
STEPS = (-2, -1, -1, 1, 1, 2, 0, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class MotifNote:
    #: In beats from the start of the two bars.
    start: float
    beats: float
    #: Scale steps from the note before.
    step: int


def motif(meter: Meter, energy: float, draw: np.random.Generator) -> tuple[MotifNote, ...]:
    """Two bars: the first moves, the second comes to rest on a long note."""
    rest_from = meter.beats + max(1, meter.beats // 2)
    notes: list[MotifNote] = []
    for beat in range(rest_from):
        cells = CELLS[meter.divisions]
        busy = int(np.clip(round(draw.normal(1.0 + 1.6 * energy, 0.8)), 0, len(cells) - 1))
        position = 0
        for length in cells[0 if beat == rest_from - 1 else busy]:
            if length > 0:
                start = beat + position / meter.divisions
                notes.append(MotifNote(start=start, beats=length / meter.divisions, step=int(draw.choice(STEPS))))
            position += abs(length)
    long = 2 * meter.beats - rest_from - 0.5
    return (*notes, MotifNote(start=float(rest_from), beats=max(long, 0.5), step=int(draw.choice((-1, 1)))))


def tune(
    sections: Sequence[Section], chords: Sequence[ChordTones], key: Key, meter: Meter, draw: np.random.Generator
) -> list[Note]:
    """The melody of the whole piece, ending on the tonic in the last bar."""
    motifs = {name: motif(meter, 0.5 if name == "verse" else 0.75, draw) for name in ("verse", "chorus", "bridge")}
    notes: list[Note] = []
    for section in sections:
        if section.name in SILENT_SECTIONS or section.name == "outro":
            continue
        notes += _phrases(section, motifs.get(section.name, motifs["verse"]), chords, key, meter)
    home = (len(chords) - 1) * meter.beats
    before = notes[-1].pitch if notes else USUAL_CENTRE
    tonic = nearest(before, (key.tonic,), low=LOWEST, high=HIGHEST)
    return [*notes, Note(start=float(home), beats=float(meter.beats), pitch=tonic, velocity=0.6)]


def _phrases(
    section: Section, shape: Sequence[MotifNote], chords: Sequence[ChordTones], key: Key, meter: Meter
) -> list[Note]:
    notes: list[Note] = []
    centre = CENTRES.get(section.name, USUAL_CENTRE)
    for bar in range(0, section.bars, 2):
        # Each phrase starts from the centre again, a third higher in its answer, so that the tune has an arch.
        pitch = centre + (3.0 if bar % 8 in {4, 6} else 0.0)
        for item in shape:
            at_bar = bar + int(item.start // meter.beats)
            if at_bar >= section.bars:
                break
            chord = chords[section.start_bar + at_bar]
            pitch = _sung(pitch, item, chord, key, centre)
            notes.append(
                Note(
                    start=(section.start_bar + bar) * meter.beats + item.start,
                    beats=item.beats,
                    pitch=int(pitch),
                    velocity=_velocity(item.start, meter, section.energy),
                )
            )
    return notes


def _sung(previous: float, item: MotifNote, chord: ChordTones, key: Key, centre: float) -> int:
    """Strong beats land on a chord tone; between them the tune walks the scale and leans back to its centre."""
    pull = 0.25 * (centre - previous)
    target = previous + 1.8 * item.step + pull
    strong = item.start % 1.0 == 0.0
    return nearest(target, chord.classes if strong else passing_tones(key, chord), low=LOWEST, high=HIGHEST)


def _velocity(start: float, meter: Meter, energy: float) -> float:
    accent = 0.1 if start % meter.beats == 0 else 0.04 if start % 1.0 == 0 else -0.04
    return round(0.5 + 0.25 * energy + accent, 3)

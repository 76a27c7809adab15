"""Who carries the tune, and a second voice that answers in its gaps and joins it for the last chorus."""

from collections.abc import Sequence

from music import harmony, rhythm, seeds, touch
from music.harmony import Span
from music.plan import Note, Section
from music.request import Composition
from music.theory import nearest, passing_tones

#: A gap in the tune that leaves room for an answer, in beats, and what is left empty around it.
GAP, AROUND = 1.4, 0.4
ANSWER_ENERGY = 0.5
#: Genres where the second voice goes with the tune in thirds and sixths when the piece is at its height.
TOGETHER = frozenset({"pop", "rock", "folk", "reggae", "synthwave", "classical", "cinematic", "funk"})
SINGLE = frozenset({"techno", "ambient"})


def second_voice(
    wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], tune: Sequence[Note], *, asked: bool
) -> list[Note]:
    """`asked`: the instrument was asked for, so it plays wherever the tune leaves it room."""
    climaxes = [section for section in sections if section.kind in {"chorus", "drop"}]
    notes: list[Note] = []
    if wanted.genre in SINGLE and not asked:
        return notes
    for section in sections:
        loud = section.energy >= ANSWER_ENERGY and section.kind in {"chorus", "drop", "bridge"}
        if not (loud or (asked and section.kind != "intro")):
            continue
        start = float(section.start_bar * wanted.meter.beats)
        end = start + section.bars * wanted.meter.beats
        inside = [note for note in tune if start - 1e-6 <= note.start < end - 1e-6]
        if wanted.genre in TOGETHER and climaxes and section is climaxes[-1] and len(climaxes) > 1:
            notes += [_below(note, spans, wanted) for note in inside]
        else:
            notes += _answers(section, start, end, inside, spans, wanted)
    if asked and not wanted.loop:
        notes = [note for note in notes if note.start < (wanted.bars - 1) * wanted.meter.beats]
        notes.append(_last(sections[-1], spans, wanted))
    return notes


def _below(note: Note, spans: Sequence[Span], wanted: Composition) -> Note:
    """A third or so below, on a tone of the chord where one is near."""
    chord = harmony.at(spans, note.start + note.beats / 2).tones
    third = nearest(note.pitch - 3.6, chord.classes[:3], low=note.pitch - 12, high=note.pitch - 1)
    if note.pitch - third > 9 or note.beats < 0.7:
        walking = passing_tones(wanted.key, chord)
        third = nearest(note.pitch - 3.6, walking, low=note.pitch - 12, high=note.pitch - 1)
    return Note(start=note.start, beats=note.beats, pitch=third, velocity=max(note.velocity - 0.12, 0.1))


def _answers(
    section: Section, start: float, end: float, tune: Sequence[Note], spans: Sequence[Span], wanted: Composition
) -> list[Note]:
    """A few tones of the chord, up or down from where the tune stopped, in each gap that it leaves."""
    draw = seeds.generator(wanted.seed, "compose", "answers", section.kind)
    step = 0.5 if wanted.meter.divisions == 2 else 1 / 3
    ends = [(note.start + note.beats, note.pitch) for note in tune]
    edges = [(start, 72), *ends] if not ends or tune[0].start > start + GAP else ends
    starts = (
        [note.start for note in tune] + [end]
        if edges is ends
        else [tune[0].start if tune else end, *(n.start for n in tune), end]
    )
    following = starts[1:] if edges is ends else [starts[0], *starts[2:]]
    notes: list[Note] = []
    for (gap, pitch), until in zip(edges, following, strict=False):
        chances = draw.random(2)
        if until - gap < GAP:
            continue
        first = -(-(gap + AROUND - 1e-6) // step) * step
        count = min(int((until - AROUND - first) / step), 3 if wanted.meter.beats > 2 else 2)
        rising = chances[0] < 0.6
        for i in range(count):
            at = first + i * step
            chord = harmony.at(spans, at).tones
            pitch = nearest(pitch + (3.5 if rising else -3.5), chord.classes, low=60, high=88)
            beats = step * 0.9 if i < count - 1 else min(until - AROUND - at, 1.5)
            velocity = touch.level(section) - 0.12 + 0.02 * i
            notes.append(Note(start=at, beats=max(beats, 0.2), pitch=pitch, velocity=velocity))
    return list(rhythm.played(notes, wanted))


def _last(section: Section, spans: Sequence[Span], wanted: Composition) -> Note:
    span = spans[-1]
    pitch = nearest(67, span.tones.classes[:3], low=55, high=79)
    start = float((wanted.bars - 1) * wanted.meter.beats)
    return Note(start=start, beats=float(wanted.meter.beats), pitch=pitch, velocity=touch.level(section) - 0.1)

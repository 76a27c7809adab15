"""The tune of a piece. A tune that is given is kept to the note; otherwise each kind of section has its motif, verses
lie low and sparse, and the chorus has a hook that always returns as it was."""

from collections import Counter
from collections.abc import Sequence

from music import refrain, rhythm, seeds, touch
from music.harmony import Span
from music.melody import ornaments, phrases, solos
from music.melody.feels import FEELS, Feel
from music.plan import Note, Section
from music.request import Composition
from music.theory import nearest

__all__ = ["tune"]


def tune(wanted: Composition, sections: Sequence[Section], spans: Sequence[Span]) -> tuple[Note, ...]:
    """One voice, in order, as it is played: swung already."""
    if wanted.melody:
        return refrain.placed(wanted, sections)
    feel = FEELS[wanted.genre]
    notes = _sung(wanted, sections, spans, feel, everywhere=wanted.mode == "melody-only")
    if not notes:
        notes = _sung(wanted, sections, spans, feel, everywhere=True)
    if not wanted.loop:
        notes = [*_before(notes, (wanted.bars - 1) * wanted.meter.beats), _last(notes, wanted, sections, feel)]
    return rhythm.played(_one_voice(notes), wanted)


def _sung(
    wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], feel: Feel, *, everywhere: bool
) -> list[Note]:
    turns: Counter[str] = Counter()
    notes: list[Note] = []
    for section in sections:
        turn = turns[section.kind]
        turns[section.kind] += 1
        if everywhere or not _silent(section, turn, wanted, feel):
            notes += _of_section(section, turn, spans, wanted, feel)
    return notes


def _silent(section: Section, turn: int, wanted: Composition, feel: Feel) -> bool:
    draw = seeds.generator(wanted.seed, "compose", "melody", "silence", section.kind, str(turn))
    return bool(draw.random() < feel.silent.get(section.kind, 0.0))


def _of_section(section: Section, turn: int, spans: Sequence[Span], wanted: Composition, feel: Feel) -> list[Note]:
    if wanted.genre == "techno":
        return solos.riff(section, spans, wanted, feel)
    if wanted.genre == "ambient":
        return solos.air(section, spans, wanted, feel)
    if wanted.genre == "jazz" and section.kind == "bridge" and wanted.meter.divisions == 2:
        return solos.line(section, turn, spans, wanted, feel)
    notes = phrases.of_section(section, turn, spans, wanted, feel)
    return ornaments.adorned(notes, spans, wanted, feel, section.kind)


def _before(notes: Sequence[Note], end: float) -> list[Note]:
    return [note for note in notes if note.start < end - 1e-6]


def _last(notes: Sequence[Note], wanted: Composition, sections: Sequence[Section], feel: Feel) -> Note:
    """Home, in the last bar, from wherever the tune was."""
    start = float((wanted.bars - 1) * wanted.meter.beats)
    earlier = _before(notes, start)
    near = earlier[-1].pitch if earlier else feel.centre
    pitch = nearest(near, (wanted.key.tonic,), low=57, high=86)
    return Note(start=start, beats=float(wanted.meter.beats), pitch=pitch, velocity=touch.level(sections[-1]))


def _one_voice(notes: Sequence[Note]) -> list[Note]:
    """Each note gives way to the next; of two that begin together the later one stays."""
    ordered = sorted(notes, key=lambda note: note.start)
    kept: list[Note] = []
    for note, after in zip(ordered, [*ordered[1:], None], strict=True):
        if after is None or after.start - note.start >= note.beats:
            kept.append(note)
        elif after.start - note.start > 0.05:
            kept.append(
                Note(start=note.start, beats=after.start - note.start, pitch=note.pitch, velocity=note.velocity)
            )
    return kept

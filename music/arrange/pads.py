"""The ground under the others: chords that are held, with the tones that stay tied over; or a brass section's stabs."""

from collections.abc import Sequence

from music import harmony, orchestra, seeds, touch
from music.arrange.chords import Part, played_by
from music.arrange.patterns import BRASS, COMPING, LONG
from music.harmony import Span
from music.plan import Note, Section
from music.request import Composition

#: Genres whose pad is there from the beginning; elsewhere it comes with the chorus.
ALWAYS = frozenset({"ambient", "cinematic", "synthwave", "lo-fi", "drum and bass", "techno", "trap", "classical"})
STABS = frozenset({"funk", "reggae", "boom bap"})
#: A tone is held no longer than this, in beats; then it is struck again.
LONGEST = 16.0


def held(
    wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], instrument: str, *, asked: bool
) -> list[Note]:
    if instrument == "brass" and wanted.genre in STABS:
        return _stabs(wanted, sections, spans, instrument, asked=asked)
    notes: list[Note] = []
    sounding: dict[int, Note] = {}
    for section in sections:
        if not _plays(section, wanted, asked=asked):
            continue
        last = (section.start_bar + section.bars) * float(wanted.meter.beats)
        for span in harmony.in_bar(
            spans, section.start_bar * float(wanted.meter.beats), last - section.start_bar * float(wanted.meter.beats)
        ):
            sounding = _moved(sounding, span, section, instrument, notes)
    notes += sounding.values()
    return sorted(notes, key=lambda note: (note.start, note.pitch))


def _plays(section: Section, wanted: Composition, *, asked: bool) -> bool:
    if asked or wanted.genre in ALWAYS:
        # A bar of peace before the drop: what is always there would not be missed.
        return not (section.kind == "verse" and section.energy < 0.2 and wanted.genre == "classical" and not asked)
    return section.kind in {"chorus", "drop", "bridge", "breakdown", "prechorus", "outro"} or section.energy > 0.75


def _moved(
    sounding: dict[int, Note], span: Span, section: Section, instrument: str, done: list[Note]
) -> dict[int, Note]:
    """What stays is held on; what does not has ended; what is new begins."""
    velocity = touch.level(section) - 0.1
    after: dict[int, Note] = {}
    for pitch in orchestra.pitches_in_range(span.pitches[-3:], instrument):
        before = sounding.get(pitch)
        meets = before is not None and abs(before.start + before.beats - span.start) < 1e-6
        level = before is not None and abs(before.velocity - velocity) < 0.02
        if before is not None and meets and level and before.beats + span.beats <= LONGEST:
            beats = before.beats + span.beats
            after[pitch] = Note(start=before.start, beats=beats, pitch=pitch, velocity=before.velocity)
        else:
            done += [before] if before is not None else []
            after[pitch] = Note(start=span.start, beats=span.beats, pitch=pitch, velocity=velocity)
    done += [note for pitch, note in sounding.items() if pitch not in after]
    return after


def _stabs(
    wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], instrument: str, *, asked: bool
) -> list[Note]:
    pattern = BRASS[int(seeds.generator(wanted.seed, "compose", "brass").integers(len(BRASS)))]
    notes: list[Note] = []
    for section in sections:
        if section.kind in {"chorus", "drop"} or (asked and section.kind != "intro") or section is sections[-1]:
            shape = LONG if section.kind in {"breakdown", "outro"} else pattern
            part = Part(
                section=section, pattern=shape, other=shape, instrument=instrument, comping=COMPING[wanted.genre]
            )
            notes += played_by(part, spans, wanted, name="brass")
    return notes

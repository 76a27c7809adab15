"""The arrangement: who plays what, and when. Players enter and leave with the energy of the sections; everyone whom the
caller asked for is heard."""

from collections.abc import Iterable, Sequence

from music import orchestra, rhythm
from music.arrange import chords, leads, pads
from music.harmony import Span
from music.orchestra import Cast
from music.plan import Note, Section, Track
from music.request import Composition

__all__ = ["tracks"]


def tracks(
    wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], tune: Sequence[Note]
) -> tuple[Track, ...]:
    """The tracks of the stems `chords`, `lead` and `pad`; of a melody alone only its own."""
    cast = orchestra.cast(wanted)
    lead = _lead(wanted, tune, cast)
    if wanted.mode == "melody-only":
        return lead
    found = (
        *_chords(wanted, sections, spans, cast),
        *lead,
        *_second_voice(wanted, sections, spans, tune, cast),
        *_pads(wanted, sections, spans, cast),
    )
    return tuple(track for track in found if track.notes)


def _lead(wanted: Composition, tune: Sequence[Note], cast: Cast) -> tuple[Track, ...]:
    if not cast.lead:
        return ()
    # A tune that was given stays where it was written.
    notes = tuple(tune) if wanted.melody else orchestra.in_range(tune, cast.lead[0])
    return (Track(name="lead", stem="lead", instrument=cast.lead[0], notes=notes),)


def _second_voice(
    wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], tune: Sequence[Note], cast: Cast
) -> Iterable[Track]:
    players = [(name, True) for name in cast.lead[1:]] or [(cast.answer, False)] * bool(cast.answer)
    for i, (name, asked) in enumerate(players):
        notes = rhythm.in_order(leads.second_voice(wanted, sections, spans, tune, asked=asked))
        yield _track("answer" if i == 0 else f"answer {i + 1}", "lead", name, notes)


def _chords(wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], cast: Cast) -> Iterable[Track]:
    if not cast.chords:
        return
    first, *others = cast.chords
    yield _track("chords", "chords", first, rhythm.played(chords.comped(wanted, sections, spans, first), wanted))
    supporters = [(name, True) for name in others] or [(cast.support, False)] * bool(cast.support)
    for i, (name, asked) in enumerate(supporters, start=2):
        notes = chords.supported(wanted, sections, spans, name, asked=asked)
        yield _track(f"chords {i}", "chords", name, rhythm.played(notes, wanted))
    if cast.runs:
        runs = chords.arpeggiated(wanted, sections, spans, cast.runs)
        yield _track("arpeggio", "chords", cast.runs, rhythm.played(runs, wanted))


def _pads(wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], cast: Cast) -> Iterable[Track]:
    for i, name in enumerate(cast.pad):
        notes = pads.held(wanted, sections, spans, name, asked=name in wanted.instruments)
        yield _track("pad" if i == 0 else f"pad {i + 1}", "pad", name, rhythm.played(notes, wanted))


def _track(name: str, stem: str, instrument: str, notes: Sequence[Note]) -> Track:
    return Track(name=name, stem=stem, instrument=instrument, notes=orchestra.in_range(notes, instrument))

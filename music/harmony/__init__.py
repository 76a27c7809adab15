"""Which chord sounds when, and how its voices lie. Chords that the caller gives are followed to the letter; otherwise
each kind of section has a phrase of its own, which returns whenever that kind does, and the piece ends in a cadence."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from music.harmony import choice, voicing
from music.harmony.choice import Bar
from music.plan import Section
from music.request import Composition
from music.theory import ChordTones, parse_chord


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A chord and how long it holds; never longer than a bar."""

    start: float
    beats: float
    tones: ChordTones
    #: Voiced, lowest first.
    pitches: tuple[int, ...]

    @property
    def end(self) -> float:
        return self.start + self.beats


def progression(wanted: Composition, sections: Sequence[Section]) -> tuple[Span, ...]:
    """Covers the piece without a gap, bar by bar."""
    if wanted.chords:
        given = [parse_chord(symbol) for symbol in wanted.chords]
        bars: list[Bar] = [(given[bar % len(given)],) for bar in range(wanted.bars)]
    else:
        bars = choice.bars(wanted, sections)
    return _voiced(bars, wanted, sections)


def at(spans: Sequence[Span], beat: float) -> Span:
    """The chord that sounds then; before the first and after the last it is theirs."""
    found = bisect_right(spans, beat + 1e-6, key=lambda span: span.start)
    return spans[max(found - 1, 0)]


def in_bar(spans: Sequence[Span], start: float, beats: float) -> Sequence[Span]:
    """The chords of a bar that begins at `start`."""
    first = bisect_right(spans, start - 1e-6, key=lambda span: span.start)
    last = bisect_right(spans, start + beats - 1e-6, key=lambda span: span.start)
    return spans[first:last]


def _voiced(bars: Sequence[Bar], wanted: Composition, sections: Sequence[Section]) -> tuple[Span, ...]:
    """Kinds of sections that return begin with the voicing that they began with, so that they sound the same."""
    kinds = {section.start_bar: section.kind for section in sections}
    begun: dict[tuple[str, ChordTones], voicing.Pitches] = {}
    spans: list[Span] = []
    previous: voicing.Pitches | None = None
    for bar, chords in enumerate(bars):
        beats = wanted.meter.beats / len(chords)
        for i, tones in enumerate(chords):
            known = begun.get((kinds[bar], tones)) if bar in kinds and i == 0 else None
            previous = known or voicing.place(tones, previous, wanted.genre_facts.voices)
            if bar in kinds and i == 0:
                begun[kinds[bar], tones] = previous
            start = bar * wanted.meter.beats + i * beats
            spans.append(Span(start=float(start), beats=float(beats), tones=tones, pitches=previous))
    return tuple(spans)

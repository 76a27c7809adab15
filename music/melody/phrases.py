"""Makes a section's tune of its motifs: statement, sequence, inversion and answer, in two-bar phrases that breathe."""

from collections.abc import Sequence

import numpy as np

from music import seeds
from music.harmony import Span
from music.melody import motif as motifs
from music.melody import realise
from music.melody.feels import Feel
from music.melody.motif import Motif
from music.plan import Note, Section
from music.request import Composition

#: A letter for two bars: `a` states the motif, `b` is its counterpart, `s` takes it higher, `i` turns it over,
#: `c` states it and closes.
SCHEMES = {
    "verse": ("abac", "aabc", "asac"),
    "chorus": ("abac", "aaba", "abab"),
    "bridge": ("isib", "bsbi", "ibsc"),
    "prechorus": ("pp", "pp"),
}
#: Which motif a kind of section works with.
MATERIAL = {"intro": "chorus", "breakdown": "chorus", "drop": "chorus", "outro": "chorus", "prechorus": "verse"}
#: Where a kind lies compared with the chorus, in semitones; the verse's place is the genre's matter.
PLACES = {"bridge": -2.0, "breakdown": -3.0, "drop": 0.0, "outro": -4.0, "intro": -2.0}
SEQUENCE = 2


def of_section(section: Section, turn: int, spans: Sequence[Span], wanted: Composition, feel: Feel) -> list[Note]:
    """`turn` counts the sections of this kind: a verse that returns is varied, a chorus is not."""
    beats = phrase_beats(wanted)
    start, end = (float(bar * wanted.meter.beats) for bar in (section.start_bar, section.start_bar + section.bars))
    count = max(1, -(-int(end - start) // int(beats)))
    scheme = _scheme(section, wanted, feel)
    first, second = material(MATERIAL.get(section.kind, section.kind), wanted, feel)
    notes: list[Note] = []
    for i in range(count):
        if (section.kind == "intro" and i < count - 1) or (section.kind == "outro" and i > count // 2):
            continue
        letter = scheme[i % len(scheme)]
        at = start + i * beats
        place = realise.Place(
            start=at,
            beats=min(beats, end - at),
            centre=_centre(section, i, count, feel),
            ending=_ending(i, count, letter, section),
        )
        shape = _shaped(letter, first, second, beats)
        if section.kind in {"breakdown", "outro"}:
            shape = motifs.sparse(shape)
        elif section.kind == "verse" and turn > 0 and letter in "bs" and wanted.variation > 0.05:
            shape = motifs.enlivened(shape, seeds.generator(wanted.seed, "compose", "melody", "return", str(i)))
        notes += realise.phrase(shape, place, section, spans, wanted, feel)
    return notes


def phrase_beats(wanted: Composition) -> float:
    """Two bars; of short ones four."""
    return 2.0 * wanted.meter.beats if wanted.meter.beats > 2 else 8.0


def material(kind: str, wanted: Composition, feel: Feel) -> tuple[Motif, Motif]:
    """A motif and its counterpart, the same whenever the kind returns."""
    draw = seeds.generator(wanted.seed, "compose", "melody", kind)
    options = feel.chorus if kind in {"chorus", "bridge"} else feel.verse
    first = motifs.invent(options, feel, wanted, draw)
    return first, _counterpart(first, options, feel, wanted, draw)


def _counterpart(
    first: Motif, options: Sequence[str], feel: Feel, wanted: Composition, draw: np.random.Generator
) -> Motif:
    """An answer: mostly the same rhythm on another contour, sometimes another rhythm."""
    other = motifs.invent(options, feel, wanted, draw)
    how = float(draw.random())
    if how < 0.35:
        return motifs.inverted(first)
    if how < 0.7 or wanted.variation < 0.05:
        return motifs.shifted(first, -SEQUENCE)
    return other


def _scheme(section: Section, wanted: Composition, feel: Feel) -> str:
    kind = section.kind if section.kind in SCHEMES else MATERIAL.get(section.kind, "verse")
    options = feel.schemes.get(section.kind) or feel.schemes.get(kind) or SCHEMES[kind]
    place = int(seeds.generator(wanted.seed, "compose", "melody", "scheme", kind).integers(len(options)))
    return options[place if wanted.variation > 0.05 else 0]


def _shaped(letter: str, first: Motif, second: Motif, beats: float) -> Motif:
    if letter == "b":
        return second
    if letter == "s":
        return motifs.shifted(first, SEQUENCE)
    if letter == "i":
        return motifs.inverted(first)
    if letter == "p":
        return motifs.half(first, beats / 2, times=2, rise=1)
    return first


def _centre(section: Section, phrase: int, count: int, feel: Feel) -> float:
    if section.kind == "prechorus":
        # It climbs from where the verse lay to where the chorus begins.
        return feel.centre - feel.lift + feel.lift * (phrase + 0.5) / count
    centre = feel.centre + (-feel.lift if section.kind == "verse" else PLACES.get(section.kind, 0.0))
    # The third of four phrases is the highest: the section as a whole is an arch too.
    return centre + (2.0 if phrase % 4 == 2 else 0.0)


def _ending(phrase: int, count: int, letter: str, section: Section) -> str:
    if letter == "c" or (phrase == count - 1 and section.kind in {"chorus", "drop", "outro"}):
        return "home"
    if phrase % 2 == 1:
        return "half"
    return "open"

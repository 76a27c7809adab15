"""The bass: roots, fifths and octaves in the manner of the genre, steps that lead into the next chord, and a hand on
the kick: where both play, they play together."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from music import harmony, orchestra, rhythm, seeds, slides, touch
from music.harmony import Span
from music.plan import Note, Section, Track
from music.request import Composition
from music.theory import nearest, passing_tones

#: How far a played kick may be from its place on the grid, in beats, to count as the same moment.
SAME_MOMENT = 0.09
#: The bass keeps a hand's width below the chords.
HIGHEST = 52


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How a genre plays its bass. In patterns `r` is the root, `3`, `5`, `7` and `8` are above it, `a` leads on."""

    calm: tuple[str, ...]
    full: tuple[str, ...]
    #: The pitch near which roots lie.
    centre: int = 36
    #: How a bar is filled: `pattern`, `kick` (where the kick is, and a little more) or `walk`.
    style: str = "pattern"
    #: How much of a note's length sounds.
    legato: float = 0.92
    #: How far from a kick, in beats, the pattern's own notes stay.
    room: float = 0.6
    #: How long a note may sound under `kick`.
    longest: float = 3.0
    #: Kinds of sections without a bass; an intro that is not among them gets one in its second half.
    silent: frozenset[str] = frozenset()


LONG = "r---------------"
CLUB_REST = frozenset({"intro", "breakdown"})
MANNERS = {
    "lo-fi": Manner(
        calm=("r-----..r---5-..", "r---..r---..5---"),
        full=("r---..r-5-..r-a-", "r-----r-..5-8-a-", "r--r..r---5-..a-"),
        style="kick",
        centre=37,
    ),
    "boom bap": Manner(
        calm=("r---..r-........", "r-----..5-r-...."),
        full=("r--r..r-..5-r-a-", "r-..r-r-..8-r-a-", "r--r--..r-5-..ra"),
        style="kick",
        centre=36,
        legato=0.85,
    ),
    "trap": Manner(
        calm=(LONG, "r-------..r-----"),
        full=("r-----r---..r---", "r-----..r--r--8-", "r---------r-8-r-"),
        style="kick",
        centre=31,
        legato=1.0,
        silent=frozenset({"intro", "breakdown"}),
    ),
    "house": Manner(
        calm=("..r-..r-..r-..r-", "..r-..r-..r-..5-"),
        full=("..r-..r-..r-.8r-", "r..r..r-..r-..5-", "..rr..r-..8r..r-", ".rr-.rr-.rr-.r8-"),
        centre=35,
        legato=0.8,
        silent=CLUB_REST,
    ),
    "techno": Manner(
        calm=("..r...r...r...r.", ".r.r.r.r.r.r.r.r"),
        full=(".rrr.rrr.rrr.rrr", "..rr..rr..rr..r8", ".rrr.r8r.rrr.r5r", "..r8.rr8..r8.rr5"),
        centre=33,
        legato=0.7,
        silent=CLUB_REST,
    ),
    "drum and bass": Manner(
        calm=(LONG, "r-------r-------"),
        full=("r-----r---------", "r---------r---8-", "r--r--r-----5---", "r-----..r-r---a-"),
        style="kick",
        centre=33,
        legato=1.0,
        room=1.1,
        longest=4.0,
        silent=CLUB_REST,
    ),
    "synthwave": Manner(
        calm=("r-r-r-r-r-r-r-r-",),
        full=("r-r-r-r-r-r-r-r-", "r-r-8-r-r-r-8-r-", "r-8-r-8-r-8-r-8-", "r.rrr.rrr.rrr.rr"),
        centre=35,
        legato=0.75,
        silent=frozenset({"breakdown"}),
    ),
    "pop": Manner(
        calm=("r-------r---5---", "r-----..r-----..", "r-----r---------"),
        full=("r-r-r-r-r-r-r-a-", "r--r--r-r--r--a-", "r-----r-8---r-a-", "r---r-r-5---r-a-"),
        style="kick",
    ),
    "rock": Manner(
        calm=("r-r-r-r-r-r-r-r-", "r---r---r---r-a-"),
        full=("r-r-r-r-r-r-r-r-", "r-r-r-r-r-r-5-a-", "rrr-r-r-rrr-r-a-", "r-r-8-r-r-r-8-a-"),
        legato=0.85,
    ),
    "funk": Manner(
        calm=("r..r..8...r.7.8.", "r.....8.r..r..8.", "r..r.....7.8..r."),
        full=("r..r.r8...r.78a.", "r.8..r.8r..r.8ra", "rr..8.r..7.8r.a.", "r..8.rr..5.7..8a"),
        style="kick",
        centre=35,
        legato=0.7,
        room=0.2,
        longest=0.75,
        silent=frozenset({"breakdown"}),
    ),
    "reggae": Manner(
        calm=("r-----..5-r-....", "..r-r---..5-r-..", "r---..3-5-......"),
        full=("r-r-..5-r-..3-5-", "..r-r-r-5---r-a-", "r---..3-5-r-..a-", "....r-r-5-3-r-.."),
        centre=34,
        legato=0.95,
    ),
    "jazz": Manner(calm=("r-------5-------",), full=("r---3---5---a---",), style="walk", centre=38),
    "folk": Manner(
        calm=("r-------5-------", "r---------------"),
        full=("r-----..5---..a-", "r-------5---r-a-", "r---..r-5-----a-"),
        centre=38,
    ),
    "classical": Manner(
        calm=("r-------........", LONG),
        full=("r-------5-------", "r---3---5---r---", "r-------r---a---"),
        centre=41,
        legato=0.9,
    ),
    "cinematic": Manner(
        calm=(LONG,),
        full=("r-------r-------", "r-r-r-r-r-r-r-r-", "r--r--r-r--r--r-", LONG),
        centre=33,
        legato=1.0,
    ),
    "ambient": Manner(calm=(LONG,), full=(LONG,), centre=34, legato=1.0, silent=frozenset({"intro"})),
}
FULL_KINDS = frozenset({"chorus", "drop", "bridge"})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Bar:
    index: int
    start: float
    section: Section
    #: Straight positions in the bar.
    kicks: tuple[float, ...]
    #: One for all the sections of a kind, so that what returns is played alike.
    pattern: str


def line(wanted: Composition, sections: Sequence[Section], spans: Sequence[Span], kicks: Sequence[float]) -> Track:
    """`kicks` are where the kick is struck, as it is played."""
    manner = MANNERS[wanted.genre]
    struck = sorted(kicks)
    grid = [rhythm.straight(kick, wanted) for kick in struck]
    notes: list[Note] = []
    for section in sections:
        pattern = _pattern(section, wanted, manner)
        for bar in range(section.start_bar, section.start_bar + section.bars):
            start = float(bar * wanted.meter.beats)
            found = grid[bisect_left(grid, start - 1e-6) : bisect_left(grid, start + wanted.meter.beats - 1e-6)]
            inside = tuple(kick - start for kick in found)
            context = _Bar(index=bar, start=start, section=section, kicks=inside, pattern=pattern)
            if _plays(context, wanted, manner):
                notes += _bar(context, notes, spans, wanted, manner)
    tied = _tied(notes) if wanted.genre in {"ambient", "cinematic"} else notes
    played = rhythm.played(_one_voice(tied), wanted)
    player = orchestra.cast(wanted).bass
    placed = orchestra.in_range(_locked(played, struck), player)
    return Track(name="bass", stem="bass", instrument=player, notes=slides.slid(placed, wanted, player))


def _pattern(section: Section, wanted: Composition, manner: Manner) -> str:
    full = section.kind in FULL_KINDS or (section.kind in {"verse", "prechorus"} and section.energy > 0.7)
    options = manner.full if full else manner.calm
    place = int(seeds.generator(wanted.seed, "compose", "bass", section.kind).integers(len(options)))
    return options[place if wanted.variation > 0.05 else 0]


def _plays(bar: _Bar, wanted: Composition, manner: Manner) -> bool:
    if bar.index == wanted.bars - 1:
        return True
    section = bar.section
    if section.kind == "intro":
        entered = bar.index - section.start_bar >= section.bars / 2
        return entered and ("intro" not in manner.silent or wanted.bars == section.bars)
    return section.kind not in manner.silent or wanted.bars == section.bars


def _bar(bar: _Bar, before: Sequence[Note], spans: Sequence[Span], wanted: Composition, manner: Manner) -> list[Note]:
    draw = seeds.generator(wanted.seed, "compose", "bass", "bar", str(bar.index))
    chords = harmony.in_bar(spans, bar.start, float(wanted.meter.beats))
    previous = before[-1].pitch if before else manner.centre
    if bar.index == wanted.bars - 1 and not wanted.loop:
        root = _root(chords[0], previous, manner)
        velocity = touch.level(bar.section) + 0.05
        return [Note(start=bar.start, beats=float(wanted.meter.beats), pitch=root, velocity=velocity)]
    if manner.style == "walk" and bar.section.kind not in {"breakdown", "outro"}:
        return _walked(bar, chords, previous, spans, wanted, manner, draw)
    strokes = rhythm.thin(rhythm.bar_strokes(bar.pattern, bar.index - bar.section.start_bar, wanted.meter), wanted)
    moments = [(stroke.start, stroke.beats, stroke.what) for stroke in strokes]
    if manner.style == "kick" and bar.kicks:
        moments = _on_kicks(moments, bar.kicks, float(wanted.meter.beats), manner)
    return _struck(_with_changes(moments, bar, chords), bar, previous, spans, wanted, manner, draw)


def _on_kicks(
    moments: Sequence[tuple[float, float, str]], kicks: Sequence[float], bar: float, manner: Manner
) -> list[tuple[float, float, str]]:
    """A note on every kick, and those of the pattern that keep away from them; each sounds until the next."""
    extra = [(start, what) for start, _, what in moments if all(abs(start - kick) > manner.room for kick in kicks)]
    starts = sorted([*((kick, "r") for kick in kicks), *extra])
    starts = [moment for i, moment in enumerate(starts) if i == 0 or moment[0] - starts[i - 1][0] >= 0.2]
    ends = [*(start for start, _ in starts[1:]), bar]
    return [(start, min(end - start, manner.longest), what) for (start, what), end in zip(starts, ends, strict=True)]


def _with_changes(
    moments: Sequence[tuple[float, float, str]], bar: _Bar, chords: Sequence[Span]
) -> list[tuple[float, float, str]]:
    """Each chord of the bar hears its root soon after it begins, and no note is held into another chord."""
    done = list(moments)
    for span in chords[1:]:
        at = span.start - bar.start
        done = [(start, min(beats, at - start) if start < at else beats, what) for start, beats, what in done]
        if not any(at - 1e-6 <= start < at + 0.6 for start, _, _ in done):
            done.append((at, min(span.beats, 1.0), "r"))
    return sorted(done)


def _struck(
    moments: Sequence[tuple[float, float, str]],
    bar: _Bar,
    previous: int,
    spans: Sequence[Span],
    wanted: Composition,
    manner: Manner,
    draw: np.random.Generator,
) -> list[Note]:
    notes: list[Note] = []
    roots: dict[float, int] = {}
    chance = draw.random()
    for start, beats, what in moments:
        span = harmony.at(spans, bar.start + start)
        root = roots.setdefault(span.start, _root(span, previous, manner))
        first_of_chord = span.start not in {harmony.at(spans, note.start).start for note in notes}
        pitch = root if first_of_chord and what != "8" else _pitch(what, root, span, spans, wanted, manner, chance)
        accent = 0.05 if start == 0 else 0.02 if abs(start - round(start)) < 1e-6 else -0.02
        velocity = touch.level(bar.section) + 0.06 + accent + float(draw.normal(0.0, 0.015))
        notes.append(
            Note(start=bar.start + start, beats=max(beats * manner.legato, 0.15), pitch=pitch, velocity=velocity)
        )
        previous = pitch
    return notes


def _root(span: Span, previous: int, manner: Manner) -> int:
    return _placed(span.tones.lowest, previous, manner)


def _placed(root: int, previous: int, manner: Manner) -> int:
    low = max(24, manner.centre - 8)
    if manner.style == "walk":
        # Whoever walks goes on from where they are; only slowly are they drawn back to the middle.
        return nearest(0.85 * previous + 0.15 * manner.centre, (root,), low=low, high=low + 18)
    return nearest(0.3 * previous + 0.7 * manner.centre, (root,), low=low, high=low + 16)


def _pitch(
    what: str, root: int, span: Span, spans: Sequence[Span], wanted: Composition, manner: Manner, chance: float
) -> int:
    """A letter of a pattern, as a pitch above the root."""
    if what == "8":
        return root + 12
    if what == "a":
        return _approach(root, span, spans, wanted, manner, chromatic=bool(chance < 0.2 * wanted.variation))
    steps = {"3": (3, 4), "5": (7, 6, 8), "7": (10, 11, 9)}.get(what, ())
    classes = {c % 12 for c in (*span.tones.classes, *passing_tones(wanted.key, span.tones))}
    found = [step for step in steps if (root + step) % 12 in span.tones.classes]
    found += [step for step in steps if (root + step) % 12 in classes]
    return root + found[0] if found else root


def _approach(
    pitch: int, span: Span, spans: Sequence[Span], wanted: Composition, manner: Manner, *, chromatic: bool
) -> int:
    """A neighbour of the next root, from the side that we come from; the root itself where nothing changes."""
    upcoming = harmony.at(spans, span.end).tones
    if upcoming.lowest == span.tones.lowest or span.end >= wanted.bars * wanted.meter.beats - 1e-6:
        fifth = (span.tones.root + 7) % 12
        return nearest(pitch + 7, (fifth,), low=pitch - 6, high=pitch + 12) if fifth in span.tones.classes else pitch
    target = _placed(upcoming.lowest, pitch, manner)
    side = -1 if target >= pitch else 1
    if chromatic:
        return target + side
    return nearest(target + 1.6 * side, passing_tones(wanted.key, span.tones), low=target - 6, high=target + 6)


def _walked(
    bar: _Bar,
    chords: Sequence[Span],
    previous: int,
    spans: Sequence[Span],
    wanted: Composition,
    manner: Manner,
    draw: np.random.Generator,
) -> list[Note]:
    """A note a beat: the root, tones on the way, and from a step away into the next root."""
    notes: list[Note] = []
    for span in chords:
        pitch = _root(span, previous, manner)
        beats = max(1, round(span.beats))
        for beat in range(beats):
            chances = draw.random(3)
            start = span.start + beat
            if beat == beats - 1 and beat > 0:
                daring = bool(chances[0] < 0.3 * wanted.variation)
                step = _approach(pitch, span, spans, wanted, manner, chromatic=daring)
                # Who has come as close already takes the half step.
                pitch = step if step != pitch else _approach(pitch, span, spans, wanted, manner, chromatic=True)
            elif beat > 0:
                pitch = _between(pitch, span, spans, manner, chances)
            velocity = touch.level(bar.section) + 0.08 + (0.03 if beat % 2 else 0.0) + float(draw.normal(0.0, 0.02))
            notes.append(Note(start=start, beats=0.9, pitch=pitch, velocity=velocity))
            if chances[2] < 0.08 * wanted.variation and wanted.meter.divisions == 2 and beat < beats - 1:
                notes.append(Note(start=start + 0.5, beats=0.3, pitch=pitch, velocity=velocity - 0.15))
        previous = pitch
    return notes


def _between(pitch: int, span: Span, spans: Sequence[Span], manner: Manner, chances: npt.NDArray[np.float64]) -> int:
    """Another tone of the chord, rather towards the next root than away from it."""
    target = _placed(harmony.at(spans, span.end).tones.lowest, pitch, manner)
    rising = target > pitch if chances[0] < 0.65 else target <= pitch
    if abs(pitch - manner.centre) > 9:
        rising = pitch < manner.centre
    reach = 3.5 + 2.0 * chances[1]
    others = tuple(c for c in span.tones.classes[:4] if c != pitch % 12)
    return nearest(pitch + (reach if rising else -reach), others, low=manner.centre - 10, high=HIGHEST - 1)


def _one_voice(notes: Sequence[Note]) -> list[Note]:
    ordered = sorted(notes, key=lambda note: note.start)
    ends = [*(note.start for note in ordered[1:]), float("inf")]
    return [
        Note(start=n.start, beats=min(n.beats, end - n.start), pitch=n.pitch, velocity=n.velocity)
        for n, end in zip(ordered, ends, strict=True)
        if end - n.start > 0.02
    ]


def _tied(notes: Sequence[Note], longest: float = 8.0) -> list[Note]:
    """A root that stays is held on over the bar line."""
    tied: list[Note] = []
    for note in notes:
        last = tied[-1] if tied else None
        joins = last is not None and last.pitch == note.pitch and note.start - last.start - last.beats < 0.05
        if last is not None and joins and note.beats >= 2.0 and last.beats + note.beats <= longest:
            tied[-1] = Note(
                start=last.start, beats=note.start + note.beats - last.start, pitch=last.pitch, velocity=last.velocity
            )
        else:
            tied.append(note)
    return tied


def _locked(notes: Sequence[Note], kicks: Sequence[float]) -> tuple[Note, ...]:
    """Where the kick is struck at the same moment, the two begin exactly together."""
    if not kicks:
        return tuple(notes)
    times = np.asarray(kicks)
    starts = np.asarray([note.start for note in notes])
    right = np.clip(np.searchsorted(times, starts), 1, max(len(times) - 1, 1))
    near = times[right.clip(max=len(times) - 1)]
    left = times[right - 1]
    closest = np.where(np.abs(left - starts) < np.abs(near - starts), left, near)
    return tuple(
        Note(start=round(float(kick), 6), beats=note.beats, pitch=note.pitch, velocity=note.velocity)
        if abs(kick - note.start) < SAME_MOMENT
        else note
        for note, kick in zip(notes, closest, strict=True)
    )

"""Words for a tune and a voice to carry it: lines timed to the phrases of the melody, and the voice's notes.

The voice sings vowels, not these words; whoever shows the lines should say so, as `lrc` does. What the lines say is
`music.verses`'s.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from music import seeds
from music.given import SECTION_WORDS
from music.instruments import INSTRUMENTS
from music.plan import LyricLine, Note, Section, Track
from music.request import Composition
from music.verses import FEWEST_SYLLABLES, MOST_SYLLABLES, Poet, themes

SUNG = ("verse", "prechorus", "chorus", "bridge", "drop")
#: Sections that come back with the words that they had.
RETURNING = ("chorus", "drop", "prechorus")
#: A line is sung over two bars, or as many as make it last so long.
SHORTEST_LINE_SECONDS, LONGEST_LINE_SECONDS = 2.6, 7.5
#: Where a voice is at ease, and where it stops.
COMFORT, LOWEST, HIGHEST = 66.0, 53, 79
#: A vowel needs this long to be one; what is quicker is left to the instruments.
SHORTEST_VOWEL_SECONDS = 0.13
TAG = re.compile(r"\[([^\]]*)\]:?")
NO_WORDS = "The voice in this recording sings vowels, no words; the lines are timed to its melody"


@dataclass(frozen=True, kw_only=True, slots=True)
class Phrase:
    """A stretch of a section that carries one line."""

    section: int
    start: float
    beats: float
    notes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Lines that were given together; `kind` is empty where they do not say for which section."""

    kind: str
    lines: tuple[str, ...]


def write(
    wanted: Composition, sections: Sequence[Section], tune: Sequence[Note]
) -> tuple[tuple[LyricLine, ...], Track | None]:
    """Nothing where the voice is not wanted, but for lyrics that were given and the mode that is about them."""
    sings = "voice" in wanted.stems
    if not (sings or wanted.lyrics or wanted.mode == "lyrics-first"):
        return (), None
    phrases = _phrases(wanted, sections, tune)
    given = bool(wanted.lyrics)
    lines = _given(wanted.lyrics, sections, phrases) if given else _written(wanted, sections, phrases)
    notes = _voice(wanted, sections, lines, tune) if sings else ()
    if not notes:
        return lines, None
    return lines, Track(name="voice", stem="voice", instrument=_instrument(wanted), notes=notes)


def lrc(lines: Sequence[LyricLine], bpm: float, title: str) -> str:
    """The lines as an LRC file, which says first that nobody sings them."""
    rows = [f"[re:{NO_WORDS}]", f"[ti:{_plain(title)}]"]
    rows += [f"{_stamp(line.start * 60.0 / bpm)}{_plain(line.text)}" for line in sorted(lines, key=lambda x: x.start)]
    if lines:
        end = max(line.start + line.beats for line in lines)
        rows.append(_stamp(end * 60.0 / bpm))
    return "\n".join(rows) + "\n"


def _stamp(seconds: float) -> str:
    hundredths = round(seconds * 100)
    return f"[{hundredths // 6000:02d}:{hundredths // 100 % 60:02d}.{hundredths % 100:02d}]"


def _plain(text: str) -> str:
    """Brackets would be read as tags."""
    return " ".join(text.replace("[", "(").replace("]", ")").split())


def _phrases(wanted: Composition, sections: Sequence[Section], tune: Sequence[Note]) -> tuple[Phrase, ...]:
    """Of every section, in order; those over which the tune plays something say how many notes."""
    bar = wanted.meter.beats
    size = _line_bars(wanted)
    starts = np.array([note.start for note in tune])
    phrases = []
    for index, section in enumerate(sections):
        for first in range(0, section.bars, size):
            low = float((section.start_bar + first) * bar)
            high = float((section.start_bar + min(first + size, section.bars)) * bar)
            # A note that swings or is pushed a little ahead still belongs to the bar that it leads into.
            inside = [tune[i] for i in np.flatnonzero((starts >= low - 0.02) & (starts < high - 0.02))]
            start = max(inside[0].start, 0.0) if inside else low
            end = min(max((note.start + note.beats for note in inside), default=high), high)
            if start < wanted.beats and end > start:
                phrases.append(Phrase(section=index, start=start, beats=end - start, notes=len(inside)))
    return tuple(phrases)


def _line_bars(wanted: Composition) -> int:
    seconds = wanted.meter.beats * 60.0 / wanted.bpm
    size = 2
    while size * seconds < SHORTEST_LINE_SECONDS:
        size *= 2
    return 1 if size == 2 and 2 * seconds > LONGEST_LINE_SECONDS else size


def _sung(sections: Sequence[Section], phrases: Sequence[Phrase]) -> list[Phrase]:
    """The phrases to put words to: where there is a tune to sing, in the sections that are sung."""
    tuneful = [phrase for phrase in phrases if phrase.notes] or list(phrases)
    return [phrase for phrase in tuneful if sections[phrase.section].kind in SUNG] or tuneful


def _written(wanted: Composition, sections: Sequence[Section], phrases: Sequence[Phrase]) -> tuple[LyricLine, ...]:
    draw = seeds.generator(wanted.seed, "compose", "lyrics")
    poet = Poet(themes=themes(wanted.prompt, wanted.mood, wanted.genre, draw), draw=draw)
    hook, rhyme = poet.hook()
    returning: dict[str, list[str]] = {}
    lines: list[LyricLine] = []
    for index, group in groupby(_sung(sections, phrases), key=lambda phrase: phrase.section):
        sung = list(group)
        kind = sections[index].kind
        measures = [_measure(phrase) for phrase in sung]
        texts = returning.get(kind, [])
        if len(texts) < len(sung):
            more = measures[len(texts) :]
            climax = kind in {"chorus", "drop"}
            texts = texts + (poet.refrain(more, hook, rhyme) if climax else poet.stanza(more, avoid=rhyme))
        if kind in RETURNING:
            returning[kind] = texts
        lines += [_timed(phrase, text[0].upper() + text[1:]) for phrase, text in zip(sung, texts, strict=False)]
    return tuple(lines)


def _measure(phrase: Phrase) -> int:
    return min(max(phrase.notes or 7, FEWEST_SYLLABLES), MOST_SYLLABLES)


def _timed(phrase: Phrase, text: str, part: int = 0, parts: int = 1) -> LyricLine:
    beats = phrase.beats / parts
    return LyricLine(start=round(phrase.start + part * beats, 6), beats=round(beats, 6), text=text)


def _given(lyrics: Sequence[str], sections: Sequence[Section], phrases: Sequence[Phrase]) -> tuple[LyricLine, ...]:
    """By the names of their sections where these are given and there; else from the first sung phrase to the last."""
    blocks = _blocks(lyrics)
    placed = _by_name(blocks, sections, phrases)
    if placed is None:
        texts = [line for block in blocks for line in block.lines]
        placed = _spread(texts, _sung(sections, phrases))
    return tuple(sorted(placed, key=lambda line: line.start))


def _blocks(lyrics: Sequence[str]) -> list[Block]:
    blocks: list[Block] = []
    kind = ""
    lines: list[str] = []
    for line in [*lyrics, ""]:
        tag = TAG.fullmatch(line.strip())
        if (tag or not line) and lines:
            blocks.append(Block(kind=kind, lines=tuple(lines)))
            kind, lines = "", []
        if tag:
            named = re.sub(r"[\s\d:x]+$", "", tag.group(1).lower().replace("-", " "))
            kind = SECTION_WORDS.get(named.strip(), "")
        elif line:
            lines.append(line)
    return blocks


def _by_name(blocks: Sequence[Block], sections: Sequence[Section], phrases: Sequence[Phrase]) -> list[LyricLine] | None:
    """None where a block names no section of this piece: then the order of the lines is all there is to go by."""
    kinds = {section.kind for section in sections}
    # In a form of drops the drop is the chorus, and the other way round.
    swap = {"chorus": "drop", "drop": "chorus"}
    named = {i: block.kind if block.kind in kinds else swap.get(block.kind, "") for i, block in enumerate(blocks)}
    if any(kind not in kinds for kind in named.values()):
        return None
    lines: list[LyricLine] = []
    used: set[int] = set()
    for kind in kinds:
        of_kind = [i for i in named if named[i] == kind]
        places = [index for index, section in enumerate(sections) if section.kind == kind]
        for turn, place in enumerate(places):
            if of_kind and (turn < len(of_kind) or kind in RETURNING):
                block = of_kind[min(turn, len(of_kind) - 1)]
                lines += _spread(blocks[block].lines, _of_section(phrases, place))
                used.add(block)
    return lines if len(used) == len(blocks) else None


def _of_section(phrases: Sequence[Phrase], index: int) -> list[Phrase]:
    own = [phrase for phrase in phrases if phrase.section == index]
    return [phrase for phrase in own if phrase.notes] or own


def _spread(texts: Sequence[str], phrases: Sequence[Phrase]) -> list[LyricLine]:
    """Lines in their order. Each section gets its share of them, a phrase each from its start; where there are more
    lines than phrases, some share one."""
    lines: list[LyricLine] = []
    done = 0
    taken = 0
    for _, group in groupby(phrases, key=lambda phrase: phrase.section):
        own = list(group)
        done += len(own)
        share = round(len(texts) * done / len(phrases)) - taken
        mine = texts[taken : taken + share]
        taken += share
        lines += _laid(mine, own)
    return lines


def _laid(texts: Sequence[str], phrases: Sequence[Phrase]) -> Iterable[LyricLine]:
    if len(texts) <= len(phrases):
        return [_timed(phrase, text) for phrase, text in zip(phrases, texts, strict=False)]
    homes = [i * len(phrases) // len(texts) for i in range(len(texts))]
    return [
        _timed(phrases[home], text, part=i - homes.index(home), parts=homes.count(home))
        for i, (home, text) in enumerate(zip(homes, texts, strict=True))
    ]


def _instrument(wanted: Composition) -> str:
    asked = [name for name in wanted.instruments if INSTRUMENTS[name].stem == "voice"]
    usual = "voice_ooh" if wanted.energy < 0.5 else "voice_aah"
    return next((name for name in [*asked, usual] if name not in wanted.avoided), usual)


def _voice(
    wanted: Composition, sections: Sequence[Section], lines: Sequence[LyricLine], tune: Sequence[Note]
) -> tuple[Note, ...]:
    """The tune where there are words to it, an octave or more away where that is where a voice lives."""
    shortest = SHORTEST_VOWEL_SECONDS * wanted.bpm / 60.0
    edges = [section.start_bar * wanted.meter.beats for section in sections]
    sung = [note for note in tune if any(line.start - 0.02 <= note.start < line.start + line.beats for line in lines)]
    notes: list[Note] = []
    for _, group in groupby(sung, key=lambda note: int(np.searchsorted(edges, note.start + 0.02, side="right"))):
        own = list(group)
        shift = 12 * round((COMFORT - sum(note.pitch for note in own) / len(own)) / 12)
        for note in own:
            if notes and note.start - notes[-1].start < shortest:
                continue
            notes.append(_sung_note(note, shift))
    return tuple(_joined(note, following) for note, following in zip(notes, [*notes[1:], None], strict=True))


def _sung_note(note: Note, shift: int) -> Note:
    pitch = note.pitch + shift
    while pitch < LOWEST:
        pitch += 12
    while pitch > HIGHEST:
        pitch -= 12
    return Note(
        start=note.start, beats=note.beats, pitch=pitch, velocity=round(min(0.12 + 0.85 * note.velocity, 1.0), 3)
    )


def _joined(note: Note, following: Note | None) -> Note:
    """A voice does not let go between two notes of a line: small gaps are closed, overlaps end."""
    if following is None:
        return note
    until = following.start - note.start
    beats = until if note.beats > until or until - note.beats < 0.3 else note.beats
    return Note(start=note.start, beats=round(beats, 6), pitch=note.pitch, velocity=note.velocity)

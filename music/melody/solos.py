"""Tunes that are not made of two-bar motifs: a soloist's line of eighths, a machine's riff, tones that hang on."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from music import harmony, seeds, touch
from music.harmony import Span
from music.melody.feels import Feel
from music.melody.realise import scale_pitches
from music.plan import Note, Section
from music.request import Composition
from music.rhythm import bar_strokes, thin
from music.theory import nearest, passing_tones

SOLO_LOW, SOLO_HIGH = 60, 84
#: The chance of a chromatic approach, of a rest, of a triplet, at usual variation.
CHROMATIC, REST, TRIPLET = 0.16, 0.12, 0.07
RIFFS = (
    "x..x..x...x..x..",
    "..x..x..x..x..x.",
    "x.x..x..x.x..x..",
    "xx.x..x.xx.x..x.",
    "....x.x.....x.xx",
    "x...x..x..x...x.",
    "..xx..x...xx..x.",
)
#: Steps of the scale that a riff is made of: mostly the root, its third, fifth, seventh and octave.
RIFF_STEPS = (0, 0, 0, 2, 4, 6, 7, 7)


def line(section: Section, turn: int, spans: Sequence[Span], wanted: Composition, feel: Feel) -> list[Note]:
    """Eighths that aim at chord tones on the beats and approach them from a step away, in breaths of four bars."""
    draw = seeds.generator(wanted.seed, "compose", "melody", "solo", str(turn))
    beats = wanted.meter.beats
    first, last = section.start_bar * beats, (section.start_bar + section.bars) * beats
    aim = nearest(feel.centre, harmony.at(spans, first).tones.classes, low=SOLO_LOW, high=SOLO_HIGH)
    rising = bool(draw.random() < 0.6)
    notes: list[Note] = []
    for beat in range(first, last):
        place = (beat - first) % (4 * beats)
        upcoming, rising = _next_aim(aim, beat + 1, rising, spans, draw)
        chances = draw.random(4)
        if place >= 4 * beats - 2 and place > 0:
            aim = upcoming
            continue  # A breath at the end of four bars.
        between = _between(aim, upcoming, beat, spans, wanted, chances)
        if place == 4 * beats - 3:
            notes.append(_solo_note(beat, 1.4, aim, section, wanted))
        elif chances[3] < TRIPLET * wanted.variation and wanted.bpm < 150:
            middle = nearest(aim + (1.5 if upcoming > aim else -1.5), wanted.key.scale, low=SOLO_LOW, high=SOLO_HIGH)
            notes += [
                _solo_note(beat + i / 3, 0.3, pitch, section, wanted) for i, pitch in enumerate((aim, middle, between))
            ]
        else:
            if chances[2] > REST:
                notes.append(_solo_note(beat, 0.55, aim, section, wanted))
            notes.append(_solo_note(beat + 0.5, 0.45, between, section, wanted))
        aim = upcoming
    return notes


def _next_aim(aim: int, beat: int, rising: bool, spans: Sequence[Span], draw: np.random.Generator) -> tuple[int, bool]:
    chances = draw.random(2)
    if aim > SOLO_HIGH - 6 or aim < SOLO_LOW + 4:
        rising = aim < SOLO_LOW + 4
    elif chances[0] < 0.22:
        rising = not rising
    reach = 2.5 + 3.0 * chances[1]
    target = aim + (reach if rising else -reach)
    return nearest(target, harmony.at(spans, beat).tones.classes, low=SOLO_LOW, high=SOLO_HIGH), rising


def _between(
    aim: int, upcoming: int, beat: int, spans: Sequence[Span], wanted: Composition, chances: npt.NDArray[np.float64]
) -> int:
    """The off-beat: a step from the next aim, on the way there, or from its other side where the way is short."""
    side = 1 if aim > upcoming else -1
    if abs(upcoming - aim) <= 2:
        side = -side if chances[1] < 0.5 else side
    if chances[0] < CHROMATIC * min(wanted.variation, 1.5):
        return upcoming + side
    walking = passing_tones(wanted.key, harmony.at(spans, beat).tones)
    return nearest(upcoming + 1.6 * side, walking, low=SOLO_LOW - 3, high=SOLO_HIGH + 3)


def _solo_note(start: float, beats: float, pitch: int, section: Section, wanted: Composition) -> Note:
    # Jazz leans on the off-beat.
    swing = 0.05 if start % 1.0 else 0.0
    velocity = touch.level(section) + swing + 0.004 * (pitch - 72)
    return Note(start=float(start), beats=beats, pitch=pitch, velocity=velocity)


def riff(section: Section, spans: Sequence[Span], wanted: Composition, feel: Feel) -> list[Note]:
    """A bar of sixteenths around the root, with octaves, that hardly changes: every fourth bar ends differently."""
    draw = seeds.generator(wanted.seed, "compose", "melody", "riff")
    plain = wanted.variation < 0.05
    pattern = RIFFS[0 if plain else int(draw.integers(len(RIFFS)))]
    steps = draw.choice(RIFF_STEPS, 16)
    turns = draw.choice(RIFF_STEPS, 16)
    pitches = scale_pitches(wanted.key)
    home = nearest(feel.centre - 3, (wanted.key.tonic,), low=48, high=96)
    at_home = pitches.index(home)
    notes: list[Note] = []
    for bar in range(section.bars):
        if section.kind not in {"chorus", "drop", "bridge"} and bar % 2 == 1:
            continue
        start = float((section.start_bar + bar) * wanted.meter.beats)
        struck = thin(bar_strokes(pattern, bar, wanted.meter), wanted)
        for i, stroke in enumerate(struck):
            closing = bar % 4 == 3 and i >= len(struck) - 2
            pitch = pitches[at_home + int((turns if closing else steps)[i])]
            chord = harmony.at(spans, start + stroke.start).tones
            allowed = chord.classes if stroke.start == 0 else passing_tones(wanted.key, chord)
            pitch = nearest(pitch, allowed, low=pitch - 6, high=pitch + 6)
            velocity = touch.level(section) + touch.lean(stroke.start, wanted.meter)
            notes.append(
                Note(start=start + stroke.start, beats=0.25 * feel.legato + 0.05, pitch=pitch, velocity=velocity)
            )
    return notes


def air(section: Section, spans: Sequence[Span], wanted: Composition, feel: Feel) -> list[Note]:
    """Long tones of the chords, one or two to a pair of bars, each near the one before; their echoes lie higher."""
    draw = seeds.generator(wanted.seed, "compose", "melody", "air", section.kind)
    beats = float(wanted.meter.beats)
    start, end = section.start_bar * beats, (section.start_bar + section.bars) * beats
    window = 2 * beats if wanted.meter.beats > 2 else 4 * beats
    pitch = float(feel.centre)
    notes: list[Note] = []
    at = start
    while at < end:
        chances = draw.random(4)
        offset = float(round(chances[0] * beats * 0.5))
        chord = harmony.at(spans, at + offset).tones
        pitch = nearest(pitch + 7.0 * (chances[1] - 0.5) + 0.3 * (feel.centre - pitch), chord.classes, low=62, high=88)
        velocity = touch.level(section) - 0.04
        room = min(window, end - at)
        if offset < room:
            notes.append(
                Note(start=at + offset, beats=max((room - offset) * 0.9, 0.5), pitch=int(pitch), velocity=velocity)
            )
        echo = offset + 1.5 if wanted.meter.divisions == 2 else offset + 2.0
        if chances[2] < 0.35 + section.energy and echo < room - 1:
            higher = nearest(pitch + 4 + 5 * chances[3], chord.classes, low=64, high=91)
            notes.append(Note(start=at + echo, beats=(room - echo) * 0.8, pitch=higher, velocity=velocity - 0.1))
        at += window
    return notes

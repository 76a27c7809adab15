"""How notes are played: when exactly, how hard, for how long, from which side. No sound is made here.

Players are never exactly together. What each track's player does is drawn up front from the seed and the track's name,
so that it does not depend on which other tracks play, nor on where a render begins. Drums, percussion and effects come
with their own timing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import ceil

import numpy as np

from music import seeds
from music.instruments import (
    CLAP,
    CLAVES,
    CLOSED_HAT,
    COWBELL,
    CRASH,
    HIGH_BONGO,
    HIGH_CONGA,
    HIGH_TOM,
    LOW_BONGO,
    LOW_CONGA,
    LOW_TOM,
    MID_TOM,
    MUTE_CONGA,
    OPEN_HAT,
    PEDAL_HAT,
    RIDE,
    RIDE_BELL,
    RIM,
    SHAKER,
    SNARE,
    TAMBOURINE,
    TRIANGLE,
)
from music.plan import Note, Plan, Track
from music.synth.catalogue import CHOKE_SECONDS, VOICES, Voice, gain
from music.synth.tones import Key, key

TIMING_DEVIATION_SECONDS = 0.004
#: Beyond this it would sound wrong instead of alive.
LATEST_SECONDS = 0.008
TOUCH_DEVIATION = 0.035
SOFTEST = 0.03
#: Their composers have already placed every note as a player would.
PLAYED_ALREADY = {"drums", "percussion", "fx"}
HATS = {CLOSED_HAT, PEDAL_HAT, OPEN_HAT}
#: As the listener sees the kit: -1 left to 1 right.
PLACES = {
    SNARE: 0.04,
    RIM: 0.08,
    CLAP: 0.0,
    CLOSED_HAT: 0.28,
    PEDAL_HAT: 0.28,
    OPEN_HAT: 0.28,
    LOW_TOM: -0.35,
    MID_TOM: -0.05,
    HIGH_TOM: 0.25,
    CRASH: 0.2,
    RIDE: -0.38,
    RIDE_BELL: -0.38,
    TAMBOURINE: -0.4,
    COWBELL: 0.3,
    SHAKER: 0.45,
    CLAVES: -0.3,
    TRIANGLE: -0.5,
    HIGH_BONGO: -0.3,
    LOW_BONGO: -0.45,
    MUTE_CONGA: 0.4,
    HIGH_CONGA: 0.35,
    LOW_CONGA: 0.5,
}
FARTHEST = 0.7
MIDDLE_PITCH, TWO_OCTAVES = 62, 24
#: Nobody slides further, in semitones.
LONGEST_SLUR = 12
#: What slides on to the next note is gone after this, so that the two are one.
SLUR_SECONDS = 0.03


@dataclass(frozen=True, slots=True)
class Strike:
    #: The first sample.
    sample: int
    #: After how many samples the key is let go, and how long it takes to damp what then still sounds.
    held: int
    release: int
    sound: Key
    left: float
    right: float

    @property
    def end(self) -> int:
        """Nothing sounds from here on."""
        return self.sample + self.held + self.release


def strikes(plan: Plan, stem: str, seed: int, rate: int) -> list[Strike]:
    """What the players of a stem do, in order of time."""
    tracks = [track for track in plan.tracks if track.stem == stem and track.notes]
    played = [strike for track in tracks for strike in _played(track, plan, seed, rate)]
    return sorted(played, key=lambda strike: strike.sample)


def _played(track: Track, plan: Plan, seed: int, rate: int) -> Iterator[Strike]:
    voice = VOICES[track.instrument]
    draws = seeds.generator(seed, "perform", track.name).standard_normal((len(track.notes), 3))
    if track.stem in PLAYED_ALREADY:
        draws[:, :2] = 0.0
    takes: dict[int, int] = {}
    for gesture in _gestures(track, voice, plan.seconds_per_beat):
        late, touch, variation = draws[gesture.number]
        delay = gesture.delay + float(np.clip(late * TIMING_DEVIATION_SECONDS, -LATEST_SECONDS, LATEST_SECONDS))
        velocity = float(np.clip(gesture.velocity + touch * TOUCH_DEVIATION, SOFTEST, 1.0))
        # Never twice the same in a row.
        step = 1 + int(abs(variation) * 1000) % max(1, voice.takes - 1)
        take = takes[gesture.pitches[0]] = (takes.get(gesture.pitches[0], 0) + step) % voice.takes
        yield from _strike(track.instrument, gesture, max(0.0, gesture.start + delay), velocity, take, rate)


def _strike(
    instrument: str, gesture: "Gesture", start: float, velocity: float, take: int, rate: int
) -> Iterator[Strike]:
    voice = VOICES[instrument]
    left, right = _sides(voice, gesture.pitches)
    # Several strings through one amplifier count as several notes.
    level = gain(instrument, velocity) * len(gesture.pitches) ** 0.5
    seconds = min(gesture.seconds, voice.longest) if not voice.stretch else gesture.seconds
    parts = max(1, ceil(seconds / voice.stretch - 1e-6)) if voice.stretch else 1
    for part in range(parts):
        sound = key(instrument, gesture.pitches, seconds, velocity, (take + part) % voice.takes, gesture.source)
        held = seconds if not voice.stretch else min(voice.stretch, seconds - part * voice.stretch)
        yield Strike(
            sample=round((start + part * voice.stretch) * rate),
            held=round((sound[2] if not (voice.rings or voice.stretch) else held) * rate),
            release=round(_release(voice, gesture) * rate) + 1,
            sound=sound,
            left=level * left,
            right=level * right,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Gesture:
    """One or more notes that a player plays at once, in seconds. `number` counts the notes of the track."""

    number: int
    pitches: tuple[int, ...]
    start: float
    seconds: float
    velocity: float
    delay: float = 0.0
    #: The pitch that it slides from, and whether the next note slides on from it.
    source: int | None = None
    goes_on: bool = False


def _release(voice: Voice, gesture: Gesture) -> float:
    if voice.free:
        return CHOKE_SECONDS
    return min(voice.release, SLUR_SECONDS) if gesture.goes_on else voice.release


def _gestures(track: Track, voice: Voice, seconds_per_beat: float) -> Iterator[Gesture]:
    numbered = sorted(enumerate(track.notes), key=lambda entry: (entry[1].start, entry[1].pitch))
    heard = [(number, note) for number, note in numbered if note.velocity > 0.0]
    chords = [list(group) for _, group in groupby(heard, key=lambda entry: round(entry[1].start, 4))]
    nexts = [chord[0][1].start for chord in chords[1:]]
    chokes = _chokes(heard) if voice.free else {}
    sources = _sources(chords, voice, seconds_per_beat)
    for at, (chord, following) in enumerate(zip(chords, (*nexts, float("inf")), strict=True)):
        if voice.chordal:
            yield _together(chord, seconds_per_beat)
            continue
        for place, (number, note) in enumerate(chord):
            goes_on = at + 1 in sources
            lasting = min(note.beats, following - note.start) if voice.mono or goes_on else note.beats
            if voice.free:
                lasting = chokes.get(number, voice.longest / seconds_per_beat)
            yield Gesture(
                number=number,
                pitches=(note.pitch,),
                start=note.start * seconds_per_beat,
                seconds=lasting * seconds_per_beat,
                velocity=note.velocity,
                delay=place * voice.strum if len(chord) > 2 else 0.0,
                source=sources.get(at),
                goes_on=goes_on,
            )


def _sources(chords: list[list[tuple[int, Note]]], voice: Voice, seconds_per_beat: float) -> dict[int, int]:
    """Which of them are slurred to the one before, and its pitch."""
    found: dict[int, int] = {}
    if voice.slurs is None:
        return found
    for at, (before, chord) in enumerate(pairwise(chords), start=1):
        if len(before) > 1 or len(chord) > 1:
            continue
        last, note = before[0][1], chord[0][1]
        gap = (note.start - last.start - last.beats) * seconds_per_beat
        if gap <= voice.slurs and 0 < abs(note.pitch - last.pitch) <= LONGEST_SLUR:
            found[at] = last.pitch
    return found


def _together(chord: list[tuple[int, Note]], seconds_per_beat: float) -> Gesture:
    notes = [note for _, note in chord]
    return Gesture(
        number=chord[0][0],
        pitches=tuple(sorted({note.pitch for note in notes})),
        start=notes[0].start * seconds_per_beat,
        seconds=max(note.beats for note in notes) * seconds_per_beat,
        velocity=max(note.velocity for note in notes),
    )


def _chokes(heard: list[tuple[int, Note]]) -> dict[int, float]:
    """For how many beats each open hi-hat rings before the next stroke on the hats ends it."""
    hats = [(number, note) for number, note in heard if note.pitch in HATS]
    return {
        number: after.start - note.start
        for (number, note), (_, after) in pairwise(hats)
        if note.pitch == OPEN_HAT and after.start > note.start
    }


def _sides(voice: Voice, pitches: tuple[int, ...]) -> tuple[float, float]:
    """Equal power: a note is as loud at the side as in the middle."""
    place = PLACES.get(pitches[0], 0.0) if voice.free else voice.spread * (pitches[0] - MIDDLE_PITCH) / TWO_OCTAVES
    angle = (float(np.clip(place, -FARTHEST, FARTHEST)) + 1) * np.pi / 4
    return float(np.sqrt(2) * np.cos(angle)), float(np.sqrt(2) * np.sin(angle))

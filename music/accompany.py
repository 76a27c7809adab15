"""The parts under the melody: keys that play the voiced chords, a pad that holds them, a bass on their roots."""

from collections.abc import Iterable, Sequence

from music.plan import Chord, Note, Section, Track
from music.request import Composition
from music.theory import ChordTones, Key, Meter, nearest, passing_tones

BASS_LOWEST, BASS_HIGHEST, BASS_CENTRE = 31, 50, 40
#: The bass adds a second note to a bar from here on, and walks into the next chord from there on.
MOVING_ENERGY, WALKING_ENERGY = 0.35, 0.55


def tracks(
    sections: Sequence[Section], chords: Sequence[ChordTones], voiced: Sequence[Chord], wanted: Composition
) -> list[Track]:
    energies = [section.energy for section in sections for _ in range(section.bars)]
    return [
        Track(
            name="chords",
            instrument=wanted.style.keys,
            notes=tuple(_keys(voiced, energies, wanted.style.touch, wanted.meter)),
        ),
        Track(name="pad", instrument="pad", notes=tuple(_pad(voiced, energies))),
        Track(
            name="bass",
            instrument="bass",
            notes=tuple(_bass(chords, energies, wanted.key, wanted.meter)),
        ),
    ]


def _keys(voiced: Sequence[Chord], energies: Sequence[float], touch: str, meter: Meter) -> Iterable[Note]:
    for bar, chord in enumerate(voiced):
        last = bar == len(voiced) - 1
        if last:
            yield from _rolled(chord)
        elif touch == "broken":
            yield from _broken(chord, energies[bar], meter)
        else:
            for start, beats, level in _hits(touch, energies[bar], meter):
                yield from _struck(chord, start, beats, level + 0.2 * energies[bar])


def _rolled(chord: Chord) -> Iterable[Note]:
    """The last chord, spread upwards like a hand would."""
    for i, pitch in enumerate(chord.pitches):
        yield Note(start=chord.start + 0.06 * i, beats=chord.beats, pitch=pitch, velocity=0.5)


def _hits(touch: str, energy: float, meter: Meter) -> list[tuple[float, float, float]]:
    """Where in a bar the chord is struck, for how long, how hard."""
    bar = float(meter.beats)
    if touch == "hold" or energy < 0.2:
        return [(0.0, bar, 0.42)]
    if touch == "pulse":
        half = bar / 2 if meter.beats % 2 == 0 else bar - 1
        if energy < 0.5:
            return [(0.0, half, 0.45), (half, bar - half, 0.36)]
        return [(float(beat), 0.9, 0.46 if beat == 0 else 0.36) for beat in range(meter.beats)]
    division = 1.0 / meter.divisions
    late = 1.0 - division
    return [(0.0, late, 0.42), *((beat + late, 0.5, 0.38) for beat in range(meter.beats - 1))]


def _struck(chord: Chord, start: float, beats: float, velocity: float) -> Iterable[Note]:
    for pitch in chord.pitches:
        yield Note(start=chord.start + start, beats=beats, pitch=pitch, velocity=round(velocity, 3))


def _broken(chord: Chord, energy: float, meter: Meter) -> Iterable[Note]:
    """Up the chord and down again, a note each division; every note rings to the end of its beat."""
    path = [*chord.pitches, *reversed(chord.pitches[1:-1])]
    for i in range(meter.beats * meter.divisions):
        accent = 0.12 if i == 0 else 0.05 if i % meter.divisions == 0 else 0.0
        yield Note(
            start=chord.start + i / meter.divisions,
            beats=min(1.5, chord.beats - i / meter.divisions),
            pitch=path[i % len(path)],
            velocity=round(0.42 + accent + 0.2 * energy, 3),
        )


def _pad(voiced: Sequence[Chord], energies: Sequence[float]) -> Iterable[Note]:
    for chord, energy in zip(voiced, energies, strict=True):
        for pitch in chord.pitches[-3:]:
            yield Note(start=chord.start, beats=chord.beats, pitch=pitch, velocity=round(0.3 + 0.35 * energy, 3))


def _bass(chords: Sequence[ChordTones], energies: Sequence[float], key: Key, meter: Meter) -> Iterable[Note]:
    pitch = float(BASS_CENTRE)
    for bar, (chord, energy) in enumerate(zip(chords, energies, strict=True)):
        root = nearest(0.5 * (pitch + BASS_CENTRE), (chord.root,), low=BASS_LOWEST, high=BASS_HIGHEST)
        pitch = float(root)
        start = float(bar * meter.beats)
        if bar == len(chords) - 1 or energy < MOVING_ENERGY or meter.beats < 3:
            yield Note(start=start, beats=float(meter.beats) - 0.1, pitch=root, velocity=0.6)
            continue
        half = meter.beats // 2 if meter.beats % 2 == 0 else meter.beats - 1
        fifth = nearest(root + 3, (chord.classes[2],), low=BASS_LOWEST, high=BASS_HIGHEST)
        walking = energy >= WALKING_ENERGY and chords[bar + 1].root != chord.root
        yield Note(start=start, beats=half - 0.25, pitch=root, velocity=round(0.6 + 0.15 * energy, 3))
        yield Note(start=start + half, beats=meter.beats - half - (0.6 if walking else 0.1), pitch=fifth, velocity=0.55)
        if walking:
            yield Note(
                start=start + meter.beats - 0.5,
                beats=0.45,
                pitch=_approach(chords[bar + 1].root, root, passing_tones(key, chord)),
                velocity=0.5,
            )


def _approach(next_root: int, root: int, classes: tuple[int, ...]) -> int:
    """The neighbour of the next root among `classes`, from the side that we come from."""
    target = nearest(root, (next_root,), low=BASS_LOWEST, high=BASS_HIGHEST)
    side = -1 if target >= root else 1
    return nearest(target + 1.5 * side, classes, low=BASS_LOWEST, high=BASS_HIGHEST)

"""A drummer with brushes: the left hand never leaves the snare, and draws a circle a beat; the right one taps there
what it would play on the ride with a stick."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from music import seeds
from music.groove.score import PEAKS, Place, groove_end, loudness, places
from music.instruments import BRUSH_SWIRL, RIDE, RIDE_BELL, SNARE
from music.plan import Note, Section, Track
from music.request import Composition

KIT, PLAYER = "kit_jazz", "brush_swirl"
#: Above this, sticks, unless brushes were asked for; above the other, a circle lasts two beats.
FASTEST_BPM, HALVED_BPM = 112.0, 116.0
#: The loudest choruses are played with sticks, unless brushes were asked for.
STICKS_ENERGY = 0.62
#: How hard the hand leans on the weak beats, and on those where the foot closes the hat.
LIGHT, LEANING = 0.52, 0.74
TOUCH = 0.05
#: A circle lasts a little longer than until the next one, so that the hiss never stops.
JOINED = 1.08
#: A tap is softer than a stick, and two do not fall together.
TAP, TOGETHER_BEATS = 0.55, 0.1


def plays(wanted: Composition, kit: str) -> bool:
    if PLAYER in wanted.avoided:
        return False
    return _asked(wanted) or (kit == KIT and wanted.genre == "jazz" and wanted.bpm <= FASTEST_BPM)


def _asked(wanted: Composition) -> bool:
    return bool({KIT, PLAYER} & set(wanted.instruments))


def track(wanted: Composition, sections: Sequence[Section]) -> Track:
    draw = seeds.generator(wanted.seed, "groove", "brushes")
    beats = wanted.meter.beats
    step = 2 if wanted.bpm > HALVED_BPM and beats % 2 == 0 else 1
    end = groove_end(wanted, sections) * beats
    notes: list[Note] = []
    for place in places(wanted, sections):
        start = place.section.start_bar * beats
        touches = 1.0 + TOUCH * draw.standard_normal(place.section.bars * beats)
        if not _brushed(place, wanted):
            continue
        for beat in range(0, min(place.section.bars * beats, end - start), step):
            leans = (beat % beats) % 2 == 1 or step == 2
            level = (LEANING if leans else LIGHT) * loudness(place.energy) * float(touches[beat])
            notes.append(
                Note(
                    start=float(start + beat),
                    beats=step * JOINED,
                    pitch=BRUSH_SWIRL,
                    velocity=round(min(max(level, 0.05), 1.0), 4),
                )
            )
    return Track(name="brushes", stem="drums", instrument=PLAYER, notes=tuple(notes))


def tapped(drums: Track, wanted: Composition, sections: Sequence[Section]) -> Track:
    """What the right hand plays, where it has a brush in it."""
    beats = wanted.meter.beats
    edges = [place.section.start_bar * beats - 0.1 for place in places(wanted, sections)]
    brushed = [_brushed(place, wanted) for place in places(wanted, sections)]
    end = groove_end(wanted, sections) * beats - 0.1
    struck = [note.start for note in drums.notes if note.pitch == SNARE]
    notes: list[Note] = []
    for note in drums.notes:
        rides = note.pitch in (RIDE, RIDE_BELL) and note.start < end
        if not rides or not brushed[max(bisect_right(edges, note.start) - 1, 0)]:
            notes.append(note)
        elif not _near(struck, note.start):
            notes.append(replace(note, pitch=SNARE, beats=min(note.beats, 0.2), velocity=round(TAP * note.velocity, 4)))
    return replace(drums, notes=tuple(notes))


def _near(times: Sequence[float], time: float) -> bool:
    at = bisect_right(times, time)
    return any(abs(other - time) < TOGETHER_BEATS for other in times[max(at - 1, 0) : at + 1])


def _brushed(place: Place, wanted: Composition) -> bool:
    return _asked(wanted) or place.kind not in PEAKS or place.energy <= STICKS_ENERGY

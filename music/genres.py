"""The genres that a listener can ask for, and what each usually does. Only what everyone needs to know stands here: how
each plays its drums, its chords or its mix is said where that is made."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Genre:
    slow_bpm: int
    fast_bpm: int
    mode: str
    energy: float
    #: Where the off-beat falls between two beats: 0.5 is straight, 0.67 a triplet.
    swing: float = 0.5
    #: Voices of a usual chord: 3 for triads, 4 for sevenths, 5 for ninths.
    voices: int = 3
    drums: bool = True


GENRES = {
    "lo-fi": Genre(slow_bpm=68, fast_bpm=92, mode="minor", energy=0.4, swing=0.58, voices=4),
    "boom bap": Genre(slow_bpm=82, fast_bpm=98, mode="minor", energy=0.55, swing=0.57, voices=4),
    "trap": Genre(slow_bpm=130, fast_bpm=156, mode="minor", energy=0.65),
    "house": Genre(slow_bpm=118, fast_bpm=128, mode="minor", energy=0.75, voices=4),
    "techno": Genre(slow_bpm=124, fast_bpm=138, mode="minor", energy=0.8),
    "drum and bass": Genre(slow_bpm=168, fast_bpm=178, mode="minor", energy=0.8, voices=4),
    "synthwave": Genre(slow_bpm=84, fast_bpm=116, mode="minor", energy=0.65),
    "pop": Genre(slow_bpm=92, fast_bpm=124, mode="major", energy=0.6),
    "rock": Genre(slow_bpm=104, fast_bpm=144, mode="minor", energy=0.7),
    "funk": Genre(slow_bpm=96, fast_bpm=116, mode="minor", energy=0.65, swing=0.53, voices=4),
    "reggae": Genre(slow_bpm=68, fast_bpm=84, mode="major", energy=0.5, swing=0.56),
    "jazz": Genre(slow_bpm=88, fast_bpm=160, mode="major", energy=0.5, swing=0.64, voices=4),
    "folk": Genre(slow_bpm=84, fast_bpm=118, mode="major", energy=0.45),
    "classical": Genre(slow_bpm=72, fast_bpm=120, mode="major", energy=0.45, drums=False),
    "cinematic": Genre(slow_bpm=66, fast_bpm=100, mode="minor", energy=0.5),
    "ambient": Genre(slow_bpm=56, fast_bpm=80, mode="major", energy=0.25, voices=4, drums=False),
}
DEFAULT_GENRE = "pop"

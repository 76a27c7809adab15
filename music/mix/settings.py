"""How each genre is mixed: the strip of every stem, and what is done to the whole.

A strip's gain counts from the usual balance in `music.mix.staging`, which brings every stem to a level of its own
first: 0 dB is never silent and never too loud, whatever the instrument.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from music.plan import STEMS, Mix, Strip

#: Where a stem starts from, before its genre has its say.
USUAL = {
    "drums": Strip(low_cut_hz=28, compress=0.35, reverb=0.10, drive=0.06),
    "percussion": Strip(pan=0.18, low_cut_hz=140, compress=0.15, reverb=0.20, width=1.2),
    "bass": Strip(low_cut_hz=28, high_cut_hz=9_000, compress=0.50, drive=0.12, width=0.4),
    "chords": Strip(pan=-0.06, low_cut_hz=110, compress=0.25, reverb=0.22, width=1.15),
    "lead": Strip(pan=0.05, low_cut_hz=150, compress=0.35, reverb=0.24, delay=0.16),
    "pad": Strip(low_cut_hz=160, high_cut_hz=14_000, compress=0.15, chorus=0.25, reverb=0.35, width=1.35),
    "voice": Strip(low_cut_hz=120, compress=0.50, reverb=0.26, delay=0.14, width=0.9),
    "fx": Strip(low_cut_hz=60, reverb=0.35, delay=0.12, width=1.4),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """What a genre changes of the usual strips, by stem and field, and how its whole is finished."""

    strips: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    tilt_db: float = 0.0
    glue: float = 0.4


SOUNDS = {
    # Dull, close and worn: no highs, tape on everything, the drums small and the keys in front.
    "lo-fi": Sound(
        strips={
            "drums": {"gain_db": -2.0, "high_cut_hz": 11_000, "drive": 0.40, "compress": 0.55, "reverb": 0.10},
            "percussion": {"high_cut_hz": 9_000, "drive": 0.2},
            "bass": {"gain_db": -0.5, "high_cut_hz": 2_200, "drive": 0.25, "duck": 0.22},
            "chords": {
                "gain_db": 1.5,
                "high_cut_hz": 5_500,
                "drive": 0.30,
                "chorus": 0.35,
                "reverb": 0.20,
                "duck": 0.28,
            },
            "lead": {"gain_db": -1.0, "high_cut_hz": 6_000, "drive": 0.20, "delay": 0.24, "duck": 0.15},
            "pad": {"gain_db": -2.0, "high_cut_hz": 4_500, "chorus": 0.40, "duck": 0.30},
            "voice": {"gain_db": -1.5, "high_cut_hz": 7_000},
            "fx": {"gain_db": -6.0, "high_cut_hz": 10_000, "reverb": 0.05, "delay": 0.0},
        },
        tilt_db=-2.5,
        glue=0.6,
    ),
    # Dry, hard drums and a bass under them; samples tucked behind.
    "boom bap": Sound(
        strips={
            "drums": {"gain_db": 1.5, "drive": 0.38, "compress": 0.60, "reverb": 0.06, "high_cut_hz": 14_000},
            "bass": {"gain_db": 1.0, "high_cut_hz": 3_000, "drive": 0.25},
            "chords": {"gain_db": -1.0, "high_cut_hz": 8_000, "drive": 0.22, "reverb": 0.14},
            "lead": {"gain_db": -1.5, "high_cut_hz": 9_000, "delay": 0.18, "drive": 0.12},
            "pad": {"gain_db": -2.5, "high_cut_hz": 7_000},
            "fx": {"gain_db": -8.0, "reverb": 0.15},
        },
        tilt_db=-1.0,
        glue=0.6,
    ),
    # The 808 carries the record: everything melodic is thin, wide and far away.
    "trap": Sound(
        strips={
            "drums": {"gain_db": 0.5, "drive": 0.22, "compress": 0.35, "reverb": 0.06},
            "percussion": {"pan": -0.25, "reverb": 0.16},
            "bass": {"gain_db": 2.0, "drive": 0.42, "compress": 0.40, "width": 0.0, "duck": 0.25},
            "chords": {"gain_db": -2.0, "low_cut_hz": 180, "reverb": 0.30, "delay": 0.10},
            "lead": {"gain_db": -0.5, "low_cut_hz": 200, "reverb": 0.34, "delay": 0.28},
            "pad": {"gain_db": -2.5, "low_cut_hz": 220, "reverb": 0.45},
            "voice": {"delay": 0.22},
        },
        tilt_db=1.0,
        glue=0.45,
    ),
    # Everything breathes with the kick.
    "house": Sound(
        strips={
            "drums": {"gain_db": 1.0, "drive": 0.12, "compress": 0.40, "reverb": 0.07},
            "percussion": {"gain_db": 0.5, "delay": 0.08},
            "bass": {"gain_db": 0.5, "duck": 0.55, "compress": 0.45},
            "chords": {"low_cut_hz": 160, "duck": 0.50, "delay": 0.16, "reverb": 0.26},
            "lead": {"gain_db": -0.5, "duck": 0.30, "delay": 0.22},
            "pad": {"duck": 0.65, "low_cut_hz": 200, "reverb": 0.38},
            "voice": {"duck": 0.15, "delay": 0.20},
            "fx": {"duck": 0.35},
        },
        tilt_db=0.8,
        glue=0.55,
    ),
    # A kick, a rumble and a dark room; little else matters.
    "techno": Sound(
        strips={
            "drums": {"gain_db": 2.0, "drive": 0.35, "compress": 0.50, "reverb": 0.13},
            "percussion": {"gain_db": 1.0, "drive": 0.20, "delay": 0.20, "reverb": 0.25},
            "bass": {"gain_db": 0.5, "drive": 0.35, "duck": 0.70, "width": 0.2},
            "chords": {"gain_db": -2.0, "low_cut_hz": 180, "drive": 0.15, "duck": 0.50, "delay": 0.30, "reverb": 0.34},
            "lead": {"gain_db": -1.5, "drive": 0.25, "duck": 0.35, "delay": 0.28},
            "pad": {"gain_db": -2.0, "low_cut_hz": 180, "duck": 0.65, "reverb": 0.50},
            "fx": {"duck": 0.40, "reverb": 0.45},
        },
        tilt_db=0.0,
        glue=0.6,
    ),
    # Breaks up front, a sub that never moves, and wide air above.
    "drum and bass": Sound(
        strips={
            "drums": {"gain_db": 1.5, "drive": 0.25, "compress": 0.60, "reverb": 0.08},
            "bass": {"gain_db": 1.5, "drive": 0.30, "compress": 0.55, "duck": 0.35, "width": 0.3},
            "chords": {"gain_db": -1.5, "low_cut_hz": 200, "duck": 0.22, "reverb": 0.30},
            "lead": {"low_cut_hz": 200, "delay": 0.22, "reverb": 0.30},
            "pad": {"gain_db": -1.0, "low_cut_hz": 220, "duck": 0.30, "reverb": 0.42, "width": 1.5},
        },
        tilt_db=1.2,
        glue=0.55,
    ),
    # Chorus and plates: everything as wide as 1984.
    "synthwave": Sound(
        strips={
            "drums": {"gain_db": 0.5, "reverb": 0.24, "drive": 0.12, "compress": 0.45},
            "bass": {"gain_db": 0.5, "chorus": 0.15, "drive": 0.20, "duck": 0.32},
            "chords": {"chorus": 0.50, "reverb": 0.28, "duck": 0.28, "width": 1.35},
            "lead": {"gain_db": 0.5, "chorus": 0.30, "delay": 0.34, "reverb": 0.30},
            "pad": {"gain_db": 0.5, "chorus": 0.60, "duck": 0.38, "width": 1.55, "reverb": 0.42},
        },
        tilt_db=0.3,
        glue=0.5,
    ),
    # The tune in front, the rest clean and tidy around it.
    "pop": Sound(
        strips={
            "drums": {"gain_db": 0.3, "compress": 0.40, "reverb": 0.11},
            "bass": {"duck": 0.18},
            "chords": {"gain_db": -0.5, "duck": 0.08},
            "lead": {"gain_db": 1.0},
            "pad": {"gain_db": -1.0, "duck": 0.15},
            "voice": {"gain_db": 1.5},
        },
        tilt_db=1.0,
        glue=0.45,
    ),
    # A band in a room: amplifiers, a kit that one can walk around, no tricks.
    "rock": Sound(
        strips={
            "drums": {"gain_db": 1.0, "reverb": 0.22, "drive": 0.16, "compress": 0.55, "width": 1.15},
            "bass": {"drive": 0.40, "compress": 0.60, "high_cut_hz": 6_000},
            "chords": {"gain_db": 0.5, "drive": 0.35, "compress": 0.30, "width": 1.5, "reverb": 0.12, "low_cut_hz": 90},
            "lead": {"gain_db": 0.5, "drive": 0.40, "delay": 0.18, "reverb": 0.18},
            "pad": {"gain_db": -2.5, "reverb": 0.25},
            "voice": {"drive": 0.10},
        },
        tilt_db=0.4,
        glue=0.55,
    ),
    # Dry and close: nothing may blur the sixteenths.
    "funk": Sound(
        strips={
            "drums": {"gain_db": 0.5, "reverb": 0.07, "compress": 0.50, "drive": 0.12},
            "percussion": {"gain_db": 1.0, "reverb": 0.10},
            "bass": {"gain_db": 1.2, "compress": 0.60, "drive": 0.18, "high_cut_hz": 7_000},
            "chords": {"gain_db": 0.3, "pan": -0.20, "reverb": 0.10, "compress": 0.40, "chorus": 0.12},
            "lead": {"pan": 0.15, "reverb": 0.14, "delay": 0.08},
            "pad": {"gain_db": -2.0, "reverb": 0.20},
        },
        tilt_db=0.6,
        glue=0.45,
    ),
    # Bass and drums are the tune; echoes fill the holes.
    "reggae": Sound(
        strips={
            "drums": {"gain_db": 0.3, "reverb": 0.18, "high_cut_hz": 13_000},
            "percussion": {"delay": 0.30, "reverb": 0.25},
            "bass": {"gain_db": 2.2, "high_cut_hz": 1_800, "compress": 0.55, "drive": 0.15},
            "chords": {"pan": -0.15, "low_cut_hz": 180, "delay": 0.30, "reverb": 0.20},
            "lead": {"delay": 0.34, "reverb": 0.24},
            "pad": {"gain_db": -2.0},
        },
        tilt_db=-1.0,
        glue=0.4,
    ),
    # One good pair of microphones in a club; the players' dynamics are left alone.
    "jazz": Sound(
        strips={
            "drums": {"gain_db": -2.5, "compress": 0.10, "drive": 0.0, "reverb": 0.20, "width": 1.2},
            "percussion": {"gain_db": -2.0, "compress": 0.0},
            "bass": {"gain_db": -0.7, "compress": 0.25, "drive": 0.04, "high_cut_hz": 6_500, "reverb": 0.05},
            "chords": {"pan": -0.15, "compress": 0.10, "reverb": 0.18, "low_cut_hz": 70},
            "lead": {"gain_db": 1.0, "pan": 0.12, "compress": 0.18, "delay": 0.0, "reverb": 0.26},
            "pad": {"gain_db": -2.0, "chorus": 0.0, "reverb": 0.30},
        },
        tilt_db=-0.6,
        glue=0.15,
    ),
    # Wood, close by, in a small room.
    "folk": Sound(
        strips={
            "drums": {"gain_db": -3.0, "compress": 0.20, "drive": 0.0, "reverb": 0.16},
            "percussion": {"gain_db": -0.5, "compress": 0.10, "reverb": 0.18},
            "bass": {"gain_db": -0.5, "compress": 0.35, "drive": 0.04},
            "chords": {"gain_db": 1.0, "pan": -0.12, "low_cut_hz": 80, "compress": 0.25, "reverb": 0.16},
            "lead": {"gain_db": 0.8, "pan": 0.12, "delay": 0.0, "reverb": 0.24},
            "pad": {"gain_db": -1.5, "chorus": 0.0, "reverb": 0.30},
        },
        tilt_db=0.4,
        glue=0.2,
    ),
    # A hall, and nothing in between.
    "classical": Sound(
        strips={
            "drums": {"gain_db": -3.0, "compress": 0.0, "drive": 0.0, "reverb": 0.34},
            "percussion": {"gain_db": -3.0, "compress": 0.0, "reverb": 0.34},
            "bass": {"gain_db": -1.0, "compress": 0.0, "drive": 0.0, "reverb": 0.24, "high_cut_hz": 0.0, "width": 1.0},
            "chords": {"pan": -0.18, "low_cut_hz": 35, "compress": 0.0, "reverb": 0.32, "width": 1.2},
            "lead": {"gain_db": 0.8, "pan": 0.12, "low_cut_hz": 60, "compress": 0.08, "delay": 0.0, "reverb": 0.36},
            "pad": {"chorus": 0.0, "low_cut_hz": 45, "high_cut_hz": 0.0, "compress": 0.0, "reverb": 0.40},
            "voice": {"compress": 0.15, "delay": 0.0, "reverb": 0.40},
        },
        tilt_db=4.0,
        glue=0.0,
    ),
    # As large as it gets: low drums, strings as wide as the screen, a long hall.
    "cinematic": Sound(
        strips={
            "drums": {"gain_db": 0.5, "reverb": 0.36, "drive": 0.15, "width": 1.3},
            "percussion": {"reverb": 0.36, "width": 1.4},
            "bass": {"gain_db": -1.5, "reverb": 0.10, "drive": 0.15, "width": 0.6},
            "chords": {"low_cut_hz": 60, "compress": 0.10, "reverb": 0.38, "width": 1.25},
            "lead": {"gain_db": 0.5, "compress": 0.15, "reverb": 0.42, "delay": 0.10, "low_cut_hz": 90},
            "pad": {"gain_db": 1.5, "low_cut_hz": 60, "chorus": 0.15, "reverb": 0.50, "width": 1.5},
            "voice": {"reverb": 0.45},
            "fx": {"gain_db": 1.0, "low_cut_hz": 30, "reverb": 0.45},
        },
        tilt_db=0.8,
        glue=0.3,
    ),
    # Mostly the space itself.
    "ambient": Sound(
        strips={
            "drums": {"gain_db": -5.0, "compress": 0.10, "reverb": 0.45, "delay": 0.20},
            "percussion": {"gain_db": -3.0, "delay": 0.40, "reverb": 0.55},
            "bass": {
                "gain_db": -7.0,
                "compress": 0.20,
                "drive": 0.12,
                "reverb": 0.15,
                "low_cut_hz": 36,
                "high_cut_hz": 3_000,
            },
            "chords": {"low_cut_hz": 90, "compress": 0.0, "chorus": 0.20, "delay": 0.30, "reverb": 0.48, "width": 0.9},
            "lead": {"gain_db": -0.5, "compress": 0.10, "delay": 0.45, "reverb": 0.60},
            "pad": {"gain_db": 2.0, "low_cut_hz": 70, "chorus": 0.25, "compress": 0.0, "reverb": 0.50, "width": 0.6},
            "voice": {"gain_db": -1.5, "delay": 0.30, "reverb": 0.60},
            "fx": {"reverb": 0.55, "delay": 0.25},
        },
        tilt_db=3.0,
        glue=0.1,
    ),
}

USUAL_TARGET = -14.0
#: How bright a finished mix is before anyone tilts it (`music.analyze` measures it as `tilt_db`), so that a
#: reference's brightness becomes a difference.
USUAL_TILT_DB = -10.0
MOST_TILT_DB = 6.0
LOUDEST_MATCH, QUIETEST_MATCH = -8.0, -24.0


def settings(
    *,
    genre: str,
    energy: float,
    stems: Iterable[str],
    loudness_target: float = USUAL_TARGET,
    true_peak: float = -1.0,
    reference: Mapping[str, Any] | None = None,
    strength: float = 0.0,
) -> Mix:
    """The mix of a piece. `reference` is an analysis of another; `strength` says how far to follow it."""
    sound = SOUNDS[genre]
    present = set(stems)
    followed = dict(reference or {}) if strength > 0.0 else {}
    return Mix(
        strips={stem: _strip(stem, sound, energy) for stem in STEMS if stem in present},
        loudness_target=_target(loudness_target, followed, strength),
        true_peak=true_peak,
        tilt_db=_tilt(sound.tilt_db + 1.2 * (energy - 0.5), followed, strength),
        glue=_share(sound.glue * (0.7 + 0.6 * energy)),
    )


def _strip(stem: str, sound: Sound, energy: float) -> Strip:
    strip = replace(USUAL[stem], **sound.strips.get(stem, {}))
    # Calm music is further away and left to breathe; driven music is close and dense.
    return replace(
        strip,
        reverb=_share(strip.reverb * (1.15 - 0.3 * energy)),
        compress=_share(strip.compress * (0.75 + 0.5 * energy)),
        drive=_share(strip.drive * (0.8 + 0.4 * energy)),
    )


def _target(target: float, reference: Mapping[str, Any], strength: float) -> float:
    """A target that was asked for stands; the usual one gives way to the reference."""
    loudness = reference.get("loudness")
    if loudness is None or target != USUAL_TARGET:
        return target
    wanted = min(max(float(loudness), QUIETEST_MATCH), LOUDEST_MATCH)
    return round(target + strength * (wanted - target), 2)


def _tilt(tilt: float, reference: Mapping[str, Any], strength: float) -> float:
    measured = reference.get("tilt_db")
    if measured is not None:
        tilt += strength * (float(measured) - USUAL_TILT_DB - tilt)
    return round(min(max(tilt, -MOST_TILT_DB), MOST_TILT_DB), 3)


def _share(value: float) -> float:
    return round(min(max(value, 0.0), 1.0), 4)

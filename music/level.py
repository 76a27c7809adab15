"""How loud a plan will be, estimated from its notes: a stream has to choose its gain before it has heard the track."""

from dataclasses import dataclass

import numpy as np

from music.plan import Plan, Track

TARGET_LUFS = -15.0
#: What the estimate leaves out (weighting, room, limiter), measured over renders of every genre.
CORRECTION_DB = 1.8
QUIETEST_GAIN, LOUDEST_GAIN = 0.05, 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Strength:
    """A tone's level at full touch, and how fast it dies away (per second, at 330 Hz)."""

    level: float
    decay: float


STRENGTHS = {
    "electric_piano": Strength(level=0.30, decay=1.17),
    "pluck": Strength(level=0.37, decay=2.4),
    "bass": Strength(level=0.42, decay=0.55),
    "pad": Strength(level=0.093, decay=0.0),
}


def gain(plan: Plan) -> float:
    """What to multiply the mix by so that the track comes out near the target."""
    power = sum(_energy(track, plan.seconds_per_beat) for track in plan.tracks) / plan.duration_seconds
    if power <= 0.0:
        return 1.0
    # Both channels carry the same power, each half the square of the amplitude: the two factors cancel.
    expected_lufs = 10 * np.log10(power) - 0.69 + CORRECTION_DB
    return float(np.clip(10 ** ((TARGET_LUFS - expected_lufs) / 20), QUIETEST_GAIN, LOUDEST_GAIN))


def _energy(track: Track, seconds_per_beat: float) -> float:
    strength = STRENGTHS[track.instrument]
    seconds = np.array([note.beats for note in track.notes]) * seconds_per_beat
    touch = np.array([note.velocity for note in track.notes])
    lasting = seconds if not strength.decay else -np.expm1(-2 * strength.decay * seconds) / (2 * strength.decay)
    return float((strength.level**2 * touch**2 * lasting).sum())

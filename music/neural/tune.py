"""The tune of a plan as a model follows it that was trained on melodies: which of the twelve tones sounds when."""

import numpy as np
import numpy.typing as npt

from music.plan import Plan

#: (seconds, pitch class), in order; each until the next.
Tune = tuple[tuple[float, int], ...]
TONES = 12
#: Who carries it, first choice first.
CARRIERS = ("lead", "voice")


def tune_of(plan: Plan) -> Tune:
    """Of what sounds at once, the highest. Empty where nobody carries a tune."""
    for stem in CARRIERS:
        highest: dict[float, int] = {}
        for note in (note for track in plan.tracks if track.stem == stem for note in track.notes):
            highest[note.start] = max(highest.get(note.start, 0), note.pitch)
        if highest:
            return tuple((start * plan.seconds_per_beat, highest[start] % TONES) for start in sorted(highest))
    return ()


def chroma(tune: Tune, starts: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """(frames, tones): one tone in every frame, of which the start is given. Silence is the first tone."""
    begins, tones = np.array([begin for begin, _ in tune]), np.array([0, *(tone for _, tone in tune)])
    found = np.zeros((len(starts), TONES), dtype=np.float32)
    found[np.arange(len(starts)), tones[np.searchsorted(begins, starts, side="right")]] = 1.0
    return found

"""What a sampled model is given to hear before it plays: an excerpt of somebody's recording, which it goes on from."""

import numpy as np
import soxr

from music import fields
from music.neural.resolved import path_of, value_of
from music.neural.windows import Audio
from music.plan import Plan

#: As far as a model looks back from one window into the one before.
EXCERPT_SECONDS = 12.0
#: Frames in which loudness is looked at, and how loud one must be beside the loudest to be music and not its fading.
FRAME_SECONDS = 0.1
AUDIBLE = 0.03


def ending(audio: Audio, rate: int) -> Audio:
    """The last seconds before a recording fades away: what a piece that continues it goes on from."""
    loudness = _loudness(audio, rate)
    heard = np.flatnonzero(loudness >= AUDIBLE * loudness.max())
    end = min(audio.shape[1], round((heard[-1] + 1) * FRAME_SECONDS * rate))
    return audio[:, max(0, end - round(EXCERPT_SECONDS * rate)) : end]


def fullest(audio: Audio, rate: int) -> Audio:
    """The seconds in which most is heard: what stands for a recording whose sound is to be followed."""
    power = np.concatenate([[0.0], np.cumsum(_loudness(audio, rate) ** 2)])
    frames = min(round(EXCERPT_SECONDS / FRAME_SECONDS), len(power) - 1)
    start = round(int(np.argmax(power[frames:] - power[:-frames])) * FRAME_SECONDS * rate)
    return audio[:, start : start + round(EXCERPT_SECONDS * rate)]


def prompt_of(plan: Plan, excerpt: Audio | None, rate: int, wanted_rate: int) -> Audio | None:
    """Of an excerpt, as much as the plan wants to be heard, in stereo, at the model's rate: all of what is continued,
    and of a reference the more the closer it is to be followed."""
    if excerpt is None:
        return None
    share = 1.0
    if "continue_from" not in plan.resolved:
        share = fields.number(value_of(plan, "strength", 1.0), path_of("strength"), low=0, high=1)
    count = min(excerpt.shape[1], round(share * EXCERPT_SECONDS * rate))
    if count == 0:
        return None
    stereo = np.broadcast_to(excerpt[:, excerpt.shape[1] - count :], (2, count))
    return np.ascontiguousarray(soxr.resample(stereo.T, rate, wanted_rate, quality="HQ").T, dtype=np.float32)


def _loudness(audio: Audio, rate: int) -> Audio:
    """Root mean square by frame; what is left over at the end belongs to the last one."""
    size = round(FRAME_SECONDS * rate)
    power = np.einsum("cs,cs->s", audio, audio)
    starts = np.arange(max(1, len(power) // size)) * size
    lengths = np.diff(np.append(starts, len(power)))
    found: Audio = np.sqrt(np.add.reduceat(power, starts) / lengths)
    return found

"""What is heard while a piece is still being rendered: dry stems at fixed levels, and a soft ceiling. The loudness of
the whole is not known yet, so this is a sketch of the mix and not its beginning."""

from collections.abc import Mapping

import numpy as np

from music.mix.blocks import Audio, amplitude
from music.mix.staging import LEVELS
from music.plan import Plan, Strip

#: The level that a rendered stem is taken to have until it can be measured: the usual one over all genres.
RENDERED_LUFS = {
    "drums": -18.0,
    "percussion": -25.0,
    "bass": -24.5,
    "chords": -18.5,
    "lead": -24.0,
    "pad": -23.0,
    "voice": -23.0,
    "fx": -21.0,
}
PREVIEW_GAIN_DB = 5.0
KNEE = 0.6


def preview(plan: Plan, stems: Mapping[str, Audio], loudness: Mapping[str, float] | None = None) -> Audio:
    """The sum of blocks of dry stems, all of one length; `loudness` is what is known of the stems so far."""
    known = loudness or {}
    mix: Audio | None = None
    for stem, block in stems.items():
        part = block * np.float32(preview_gain(plan, stem, known.get(stem)))
        mix = part if mix is None else mix + part
    return _rounded(mix) if mix is not None else np.zeros((2, 0), dtype=np.float32)


def preview_gain(plan: Plan, stem: str, loudness: float | None = None) -> float:
    """What to multiply a dry stem by; of one that was not measured, the usual loudness is taken."""
    strip = plan.mix.strips.get(stem, Strip())
    heard = RENDERED_LUFS[stem] if loudness is None else loudness
    return amplitude(LEVELS[stem] + strip.gain_db - heard + PREVIEW_GAIN_DB)


def _rounded(mix: Audio) -> Audio:
    """What goes over the knee bends, and never reaches full scale."""
    room = np.float32(0.98 - KNEE)
    over = np.maximum(np.abs(mix) - np.float32(KNEE), 0.0)
    bent: Audio = np.where(over > 0.0, np.copysign(KNEE + room * np.tanh(over / room), mix), mix).astype(np.float32)
    return bent

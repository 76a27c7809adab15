"""From hits on a grid to notes that somebody plays: swing, who is early and who is late, and hands of flesh."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from music.groove.feels import Feel
from music.groove.score import Hit
from music.instruments import CLOSED_HAT, CRASH, KICK, OPEN_HAT, PEDAL_HAT, RIDE, RIDE_BELL
from music.plan import Note
from music.request import Composition
from music.rhythm import SWUNG_SIXTEENTHS

Floats = npt.NDArray[np.float64]
#: Beats that a hit lasts. Kits die away by themselves; only the open hat is closed by the next one.
LENGTHS = {CRASH: 4.0, RIDE: 1.0, RIDE_BELL: 1.0, OPEN_HAT: 1.0}
SHORT = 0.2
#: The share of the jitter common to everything struck at once: the player's own pulse wanders, the limbs add theirs.
COMMON, OWN = 0.6, 0.8
#: Standard deviations beyond which nobody strays.
FURTHEST = 2.5


def swung(beats: Floats, swing: float, span: float) -> Floats:
    """Delays what is half way through every `span` of beats, and the rest in proportion: `rhythm.swung` for many."""
    whole, phase = np.divmod(beats / span + 1e-9, 1.0)
    late = np.where(phase < 0.5, 2.0 * swing * phase, swing + 2.0 * (1.0 - swing) * (phase - 0.5))
    swinging: Floats = span * (whole + late)
    return swinging


def perform(hits: Sequence[Hit], wanted: Composition, feel: Feel, draw: np.random.Generator) -> tuple[Note, ...]:
    """Notes in order of time; nothing before the start or after the end."""
    playable = _playable(hits, wanted, feel)
    if not playable:
        return ()
    grid = np.array([hit.at for hit in playable])
    pieces = np.array([hit.piece for hit in playable])
    starts = grid
    if wanted.meter.divisions == 2:
        straight = np.array([hit.straight for hit in playable])
        starts = np.where(straight, grid, swung(grid, wanted.swing, 0.5 if wanted.genre in SWUNG_SIXTEENTHS else 1.0))
    per_ms = wanted.bpm / 60_000.0
    starts = np.maximum(starts + per_ms * (_lateness(pieces, feel) + _jitter(grid, pieces, feel, draw)), 0.0)
    # Hats breathe more than the drums.
    loose = np.where(np.isin(pieces, (CLOSED_HAT, RIDE)), 1.5, 1.0) * feel.velocity_jitter
    touch = 1.0 + loose * np.clip(draw.standard_normal(len(pieces)), -FURTHEST, FURTHEST)
    velocities = np.clip(np.array([hit.level for hit in playable]) * touch, 0.04, 1.0)
    order = np.argsort(starts, kind="stable")
    return _notes(starts[order], pieces[order], velocities[order], wanted.beats)


def _playable(hits: Sequence[Hit], wanted: Composition, feel: Feel) -> list[Hit]:
    """Of two hits on a piece too close to be played, the harder one; a piece is struck once at a time."""
    closest = feel.quickest_ms * wanted.bpm / 60_000.0 - 1e-9
    kept: dict[int, list[Hit]] = {}
    for hit in sorted(hits):
        struck = kept.setdefault(hit.piece, [])
        if not struck or hit.at - struck[-1].at >= closest:
            struck.append(hit)
        elif hit.level > struck[-1].level:
            struck[-1] = hit
    return sorted(hit for struck in kept.values() for hit in struck if hit.at < wanted.beats)


def _lateness(pieces: npt.NDArray[np.int64], feel: Feel) -> Floats:
    late = np.zeros(128)
    for piece, by_ms in feel.late_ms.items():
        late[piece] = by_ms
    return late[pieces]


def _jitter(grid: Floats, pieces: npt.NDArray[np.int64], feel: Feel, draw: np.random.Generator) -> Floats:
    times, where = np.unique(np.round(grid, 4), return_inverse=True)
    common = draw.standard_normal(len(times))[where]
    own = draw.standard_normal(len(grid))
    share = np.where(pieces == KICK, feel.kick_jitter, 1.0)
    strayed: Floats = feel.jitter_ms * share * np.clip(COMMON * common + OWN * own, -FURTHEST, FURTHEST)
    return strayed


def _notes(starts: Floats, pieces: npt.NDArray[np.int64], velocities: Floats, end: float) -> tuple[Note, ...]:
    closing = starts[np.isin(pieces, (CLOSED_HAT, PEDAL_HAT, OPEN_HAT))]
    after = np.append(closing, np.inf)[np.searchsorted(closing, starts, side="right")]
    lengths = np.full(128, SHORT)
    for piece, beats in LENGTHS.items():
        lengths[piece] = beats
    held = np.minimum(lengths[pieces], np.where(pieces == OPEN_HAT, after - starts, np.inf))
    held = np.clip(held, 0.05, np.maximum(end - starts, 0.05))
    columns = zip(
        np.round(starts, 6).tolist(),
        np.round(held, 6).tolist(),
        pieces.tolist(),
        np.round(velocities, 4).tolist(),
        strict=True,
    )
    return tuple(
        Note(start=start, beats=beats, pitch=pitch, velocity=velocity)
        for start, beats, pitch, velocity in columns
        if start < end
    )

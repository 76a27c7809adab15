"""Tones that are held: wave tables made for each pitch from the partials that fit below the Nyquist frequency.

Two kinds. A **stack** holds single cycles of the same tone through a filter that opens, and is read at any speed, so
that pitch and colour can move. A **loop** is three seconds of many players at once, made in one inverse transform; what
it holds is periodic, so it can be read round and round. Neither can alias.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from music.synth.signals import HIGHEST, Audio, Phase, looped

CYCLE = 4096
LOOP = 1 << 17

Numbers = npt.NDArray[np.float64]
#: From frequencies to levels.
Response = Callable[[Numbers], Numbers]


def partials(frequency: float, rate: int, *, most: int = CYCLE // 4) -> Numbers:
    """The numbers of the harmonics that can sound."""
    return np.arange(1.0, 1.0 + max(1, min(most, int(HIGHEST * rate / frequency))))


def lowpass(frequencies: Numbers, cutoff: npt.ArrayLike, *, resonance: float = 0.8, order: int = 2) -> Numbers:
    """The level of a resonant filter of 12 dB an octave, or of two in a row."""
    at: Numbers = frequencies / np.asarray(cutoff, dtype=np.float64)
    first: Numbers = 1.0 / np.sqrt((1.0 - at**2) ** 2 + (at / resonance) ** 2)
    return first if order == 2 else first / np.sqrt(1.0 + at**4)


def peaks(frequencies: Numbers, centres: npt.ArrayLike, widths: npt.ArrayLike, levels: npt.ArrayLike) -> Numbers:
    """A sum of resonances: formants of a voice, the body of a violin."""
    c, w, level = (np.asarray(a, dtype=np.float64)[:, np.newaxis] for a in (centres, widths, levels))
    total: Numbers = (level / np.sqrt(1.0 + ((frequencies - c) / (0.5 * w)) ** 2)).sum(axis=0)
    return total


@dataclass(frozen=True, slots=True)
class Stack:
    """(layers, samples and one more) of a single cycle each, from dull to bright."""

    cycles: Audio

    def read(self, phase: Phase, layer: Audio | float = 0.0) -> Audio:
        """Between the samples and between the layers lie straight lines."""
        width = self.cycles.shape[1]
        shift = 33 - width.bit_length()
        index = (phase >> np.uint32(shift)).astype(np.intp)
        between: Audio = (phase & np.uint32((1 << shift) - 1)).astype(np.float32)
        between *= np.float32(2.0**-shift)
        flat = self.cycles.reshape(-1)
        if isinstance(layer, float):
            return _between(flat[round(layer) * width :], index, between)
        top = np.clip(layer, 0.0, np.float32(len(self.cycles) - 1.001))
        floor = top.astype(np.int32)
        top -= floor
        floor *= width
        index += floor
        low = _between(flat, index, between)
        high = _between(flat[width:], index, between)
        high -= low
        high *= top
        high += low
        return high


def _between(flat: Audio, index: npt.NDArray[np.intp], between: Audio) -> Audio:
    # No index is out of bounds; to wrap it is only the fastest way to have it checked.
    low: Audio = flat.take(index, mode="wrap")
    high: Audio = flat[1:].take(index, mode="wrap")
    high -= low
    high *= between
    high += low
    return high


def stack(levels: Numbers, phases: Numbers | None = None, *, size: int = CYCLE, reference: int = -1) -> Stack:
    """One cycle for each row of levels (layers, harmonics). The layer `reference` has an RMS of 1."""
    rows = np.atleast_2d(levels)
    spectrum = np.zeros((len(rows), size // 2 + 1), dtype=np.complex64)
    turned = -1j if phases is None else -1j * np.exp(2j * np.pi * phases)
    spectrum[:, 1 : rows.shape[1] + 1] = rows * turned
    cycles: Audio = fft.irfft(spectrum, axis=1) * np.float32(size / 2)
    cycles /= np.sqrt(np.mean(cycles[reference] ** 2)) + np.float32(1e-9)
    return Stack(np.concatenate([cycles, cycles[:, :1]], axis=1))


def harmonics(cycle: Audio, most: int) -> npt.NDArray[np.complex64]:
    """The partials of a drawn cycle, the first one first."""
    found: npt.NDArray[np.complex64] = fft.rfft(cycle)[1 : most + 1]
    return found


@dataclass(frozen=True, slots=True)
class Players:
    """How far apart in pitch and how loud the voices of a loop are."""

    cents: tuple[float, ...]
    levels: tuple[float, ...]
    #: Each partial of each voice wanders off by about this much more: an ensemble rather than oscillators.
    scatter: float = 0.0


@dataclass(frozen=True, slots=True)
class Lines:
    """The spectrum of a loop, line by line."""

    frequencies: Numbers
    #: Which of the frequencies that fit the loop a whole number of times is nearest.
    bins: npt.NDArray[np.int64]
    values: npt.NDArray[np.complex128]


def loop(frequency: float, sound: Response, players: Players, rate: int, draw: np.random.Generator) -> Lines:
    """Several colours can be made from the same loop with `layer`."""
    numbers = partials(frequency, rate)
    cents = np.array(players.cents)[:, np.newaxis]
    scatter = draw.standard_normal((len(players.cents), len(numbers))) * players.scatter
    # The low partials of the first voice carry the pitch: they stand still, and the others pass them by.
    scatter[0, :4] = 0.0
    lines = frequency * numbers * 2.0 ** ((cents + scatter) / 1200.0)
    level = sound(numbers * frequency) * np.array(players.levels)[:, np.newaxis]
    # Were all as loud there, the fundamental would go out altogether now and then.
    level[1:] *= 1.0 - 0.6 * np.exp((1.0 - numbers) / 1.5)
    phases = draw.random((len(players.cents), len(numbers)))
    bins = np.rint(lines * (LOOP / rate)).astype(np.int64)
    fits = bins < LOOP * HIGHEST
    return Lines(lines[fits], bins[fits], (level * np.exp(2j * np.pi * phases))[fits])


def layer(lines: Lines, shape: Response | None = None) -> Audio:
    """The loop itself, through a filter; not normalised, so that layers keep their proportion."""
    values = lines.values if shape is None else lines.values * shape(lines.frequencies)
    spectrum = np.empty(LOOP // 2 + 1, dtype=np.complex64)
    spectrum.real = np.bincount(lines.bins, weights=values.real, minlength=len(spectrum))
    spectrum.imag = np.bincount(lines.bins, weights=values.imag, minlength=len(spectrum))
    looped: Audio = fft.irfft(spectrum, overwrite_x=True)
    return looped


def spread(source: Audio, start: int, count: int, width: float) -> Audio:
    """Two channels of a loop: the middle, and on the sides another part of it with opposite signs. In mono, the sides
    are gone and the middle remains."""
    middle = looped(source, start, count)
    side = looped(source, start + LOOP // 2, count) * np.float32(width)
    both = np.empty((2, count), dtype=np.float32)
    np.add(middle, side, out=both[0])
    np.subtract(middle, side, out=both[1])
    return both

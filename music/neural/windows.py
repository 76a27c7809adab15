"""How a piece longer than the model's memory is cut into windows, and how their sound is put together again.

Each window begins with the end of what was there before, which the model hears as its prompt and goes on from: of the
piece itself, and in the first one of what somebody else has played, if there is such. A codec does not end as cleanly
as it goes on, so the last moment of a window is kept back and faded into the next window's own version of it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reach:
    """What the model was trained on, and what it is given to go on from."""

    longest_seconds: float = 30.0
    carried_seconds: float = 12.0
    seam_seconds: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.seam_seconds <= self.carried_seconds <= self.longest_seconds - self.seam_seconds:
            raise ValueError(f"a window must be longer than what is carried, and that longer than a seam: {self}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """In frames of the codec, counted from the start of the piece."""

    start: int
    #: So many frames from `start` on are there already.
    carried: int
    new: int

    @property
    def end(self) -> int:
        return self.start + self.carried + self.new


def windows(total: int, *, longest: int, carried: int, heard: int = 0) -> tuple[Window, ...]:
    """The windows of a piece of `total` frames, which goes on from `heard` frames that are no part of it."""
    found = [Window(start=-heard, carried=heard, new=min(total, longest - heard))]
    while (done := found[-1].end) < total:
        found.append(Window(start=done - carried, carried=carried, new=min(longest - carried, total - done)))
    return tuple(found)


class Joiner:
    """Takes windows as they were decoded, what was carried included, and gives out the piece."""

    def __init__(self, seam: int) -> None:
        self._fade = np.linspace(0.0, 1.0, seam, dtype=np.float32)
        self._kept: Audio | None = None

    def join(self, decoded: Audio, carried: int, *, last: bool) -> Audio:
        """`carried` counts samples. Only the last window is given out to its end."""
        seam = len(self._fade)
        fresh = decoded[:, carried:]
        if self._kept is not None:
            again = decoded[:, carried - seam : carried]
            fresh = np.concatenate([self._kept + self._fade * (again - self._kept), fresh], axis=1)
        if last:
            return fresh
        self._kept = fresh[:, -seam:].copy()
        return fresh[:, :-seam]

"""Rendered stems as they lie in the store, a file for each section, read as if they were one."""

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np

from music.mix import Audio
from music.output import StemFile


class Sections:
    """The sections of a stem in order; called with a start and a count. Keeps one file open at a time."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """At least one."""
        self._paths = list(paths)
        lengths = []
        for path in self._paths:
            with StemFile(path) as file:
                lengths.append(file.frames)
                self.rate = file.rate
        self._ends = list(accumulate(lengths))
        self._starts = [0, *self._ends[:-1]]
        self._open: tuple[int, StemFile] | None = None

    def __call__(self, start: int, count: int) -> Audio:
        """(channels, samples) from a place on; silence after the last section."""
        audio = np.zeros((2, count), dtype=np.float32)
        for number, (first, end) in enumerate(zip(self._starts, self._ends, strict=True)):
            low, high = max(start, first), min(start + count, end)
            if low < high:
                audio[:, low - start : high - start] = self._file(number)(low - first, high - low)
        return audio

    def close(self) -> None:
        if self._open is not None:
            self._open[1].__exit__(None, None, None)
            self._open = None

    def _file(self, number: int) -> StemFile:
        if self._open is None or self._open[0] != number:
            self.close()
            self._open = number, StemFile(self._paths[number])
        return self._open[1]

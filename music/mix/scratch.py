"""Where a stage leaves its audio for the next one: in memory while it is short, in a nameless file when it is not.

Sound stays as it came, piece by piece and channel by channel: to interleave it for a file, and to take it apart again,
cost more than to write it.
"""

from bisect import bisect_right
from collections.abc import Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO

import numpy as np

from music.mix.blocks import Audio

#: About twenty seconds; a longer piece goes to the disk, and memory stays what it was.
IN_MEMORY_BYTES = 8 * 2**20
FRAME = 2 * np.dtype(np.float32).itemsize


class Scratch:
    def __init__(self) -> None:
        self.frames = 0
        #: The first frame of each piece.
        self._starts: list[int] = []
        #: The pieces, until they are too many: from then on there is a file.
        self._pieces: list[Audio] = []
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._pieces.clear()
        if self._file is not None:
            self._file.close()

    def append(self, audio: Audio) -> None:
        if not audio.shape[1]:
            return
        self._starts.append(self.frames)
        self.frames += audio.shape[1]
        if self._file is None and FRAME * self.frames <= IN_MEMORY_BYTES:
            self._pieces.append(audio.copy())
            return
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115 - closed by `close`
            for piece in self._pieces:
                _write(self._file, piece)
            self._pieces.clear()
        _write(self._file, audio)

    def read(self, start: int, count: int) -> Audio:
        """From anywhere: as many frames as are asked for, or are there."""
        end = min(start + count, self.frames)
        audio = np.empty((2, max(end - start, 0)), dtype=np.float32)
        piece = bisect_right(self._starts, start) - 1
        while piece < len(self._starts) and self._starts[piece] < end:
            self._copy(piece, start, end, audio)
            piece += 1
        return audio

    def blocks(self, count: int) -> Iterator[Audio]:
        """All of it in order, `count` frames at a time; writable copies."""
        for start in range(0, self.frames, count):
            yield self.read(start, count)

    def _copy(self, piece: int, start: int, end: int, audio: Audio) -> None:
        first = self._starts[piece]
        after = self._starts[piece + 1] if piece + 1 < len(self._starts) else self.frames
        low, high = max(start, first), min(end, after)
        if self._file is None:
            audio[:, low - start : high - start] = self._pieces[piece][:, low - first : high - first]
            return
        for channel in range(2):
            self._file.seek(FRAME * first + FRAME // 2 * (channel * (after - first) + low - first))
            self._file.readinto(audio[channel, low - start : high - start].data.cast("B"))  # type: ignore[attr-defined]


def _write(file: IO[bytes], audio: Audio) -> None:
    for channel in audio.astype(np.float32, copy=False):
        file.write(np.ascontiguousarray(channel).data)

"""Where a stage leaves its audio for the next one: in memory while it is short, in a nameless file when it is not."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from types import TracebackType

import numpy as np

from music.mix.blocks import Audio

#: About twenty seconds; a longer piece goes to the disk, and memory stays what it was.
IN_MEMORY_BYTES = 8 * 2**20


class Scratch:
    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `close`
        self.frames = 0

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()

    def append(self, audio: Audio) -> None:
        self._file.write(audio.T.tobytes())
        self.frames += audio.shape[1]

    def blocks(self, count: int) -> Iterator[Audio]:
        """All of it in order, `count` samples at a time; writable copies."""
        self._file.seek(0)
        while data := self._file.read(8 * count):
            yield np.ascontiguousarray(np.frombuffer(data, dtype=np.float32).reshape(-1, 2).T)

"""Reads what is to be stored: once to learn its size and digest, once more to copy it. Never the whole file at once.

Two passes, because both stores keep the digest beside the content from the first moment and S3 wants it up front. The
second pass proves that it copied what the first one measured. All of this blocks: call it in a thread.
"""

import hashlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from tutti.artifacts.blocking import Stop
from tutti.errors import InvalidInput

#: Bytes read at once while measuring.
CHUNK_SIZE = 1 << 20

Source = Path | bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    #: Size in bytes.
    size: int
    sha256: str


def measure(source: Source, stop: Stop) -> Measure:
    digest = hashlib.sha256()
    size = 0
    with _opened(source) as file:
        while chunk := file.read(CHUNK_SIZE):
            stop.check()
            digest.update(chunk)
            size += len(chunk)
    return Measure(size=size, sha256=digest.hexdigest())


def pieces(source: Source, expected: Measure, *, size: int) -> Generator[bytes, None, None]:
    """The content in pieces of `size` bytes, the last one shorter. Raises at the end unless it is what was measured."""
    digest = hashlib.sha256()
    with _opened(source) as file:
        while piece := file.read(size):
            digest.update(piece)
            yield piece
    if digest.hexdigest() != expected.sha256:
        raise InvalidInput(
            "The source changed while it was being stored; finish writing it first, then store it again.",
            field="source",
        )


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    if isinstance(source, bytes):
        yield BytesIO(source)
        return
    try:
        # A pipe or a device can be read only once or without end, and opening a pipe may wait for ever.
        if not source.is_file():
            raise InvalidInput(f"There is no regular file at {source}; pass a file or bytes.", field="source")
        with source.open("rb") as file:
            yield file
    except OSError as error:
        raise InvalidInput(f"Cannot read {source}: {error.strerror}.", field="source") from error

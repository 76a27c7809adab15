"""The port for keeping files: what every artifact store promises. How it does so is `directory` and `s3`.

Whatever is stored appears whole or not at all, and never changes: a key that is taken is given the same content again
without effect and different content never. All checks and bookkeeping are here, so the two stores differ only where
they must.
"""

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from uuid import uuid4

from tutti.artifacts.artifact import Artifact
from tutti.artifacts.blocking import Stop, run_blocking
from tutti.artifacts.keys import ArtifactKey, check_name, check_prefix, check_type
from tutti.artifacts.sources import Source, measure
from tutti.errors import Conflict, Internal, InvalidInput, NotFound, Unavailable

#: S3 signs for a week at most; the directory store keeps to the same so that changing stores changes nothing.
MAX_EXPIRY = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Download:
    """A part of an artifact on its way out. Use it as `async with`, or call `aclose()`, so that its file or
    connection is given back when the reader leaves early."""

    artifact: Artifact
    #: First byte.
    start: int
    #: One past the last byte.
    end: int
    chunks: AsyncGenerator[bytes, None]

    @property
    def size(self) -> int:
        return self.end - self.start

    async def aclose(self) -> None:
        await self.chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class ArtifactStore(ABC):
    """Use it as `async with`, or call `start()` and `close()`."""

    @abstractmethod
    async def start(self) -> None:
        """Raises at once, and says what to change, if files could not be stored."""

    @abstractmethod
    async def close(self) -> None: ...

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def put(self, key: str, source: Source, *, type: str) -> Artifact:
        """Conflict if the key holds different content. The same content again answers what is stored already, with
        the type it was stored under."""
        name = ArtifactKey.parse(key).name
        check_type(type)
        measured = await run_blocking(partial(measure, source), name=f"artifact-measure {key}")
        artifact = Artifact(name=name, type=type, size=measured.size, sha256=measured.sha256, key=key)
        existing = await self._find(key)
        if existing is None:
            if await self._publish(artifact, source):
                return artifact
            # Somebody else was faster between the look and the write; what they stored decides.
            existing = await self._find(key)
        if existing is None:
            raise Unavailable(f"{key} was being written or deleted at the same moment; try again.")
        if existing.sha256 != artifact.sha256:
            raise Conflict(
                f"{key} already holds different content; stored files never change, choose another name.",
                field="name",
                reason="ARTIFACT_EXISTS",
            )
        return existing

    async def stat(self, key: str) -> Artifact:
        ArtifactKey.parse(key)
        artifact = await self._find(key)
        if artifact is None:
            raise missing(key)
        return artifact

    async def open(self, key: str, start: int = 0, end: int | None = None) -> Download:
        """Bytes `start` up to and without `end`, or to the last one. An end past the last byte means the last one, as
        in HTTP; a start past it is InvalidInput with reason RANGE_NOT_SATISFIABLE and the size in its details."""
        artifact = await self.stat(key)
        end = artifact.size if end is None else min(end, artifact.size)
        if not 0 <= start <= end:
            raise InvalidInput(
                f"There are no bytes {start} to {end} in {key}; it has {artifact.size}.",
                field="range",
                reason="RANGE_NOT_SATISFIABLE",
                details={"size": str(artifact.size)},
            )
        return Download(artifact=artifact, start=start, end=end, chunks=self._checked_chunks(artifact, start, end))

    async def read(self, key: str, into: Path) -> Artifact:
        """Copies the file to `into`, replacing what is there only once all of it has come and its digest is right."""
        download = await self.open(key)
        partial_copy = into.with_name(f".{uuid4().hex}.part")
        try:
            async with download:
                with _opened_new(partial_copy) as file:
                    sha256 = await _copy(download, file)
            if download.artifact.sha256 not in ("", sha256):
                raise Internal(
                    f"{key} is damaged: its SHA-256 is {sha256} instead of {download.artifact.sha256}; "
                    "run the task again.",
                    reason="ARTIFACT_DAMAGED",
                )
            os.replace(partial_copy, into)
        finally:
            with suppress(FileNotFoundError):
                partial_copy.unlink()
        return download.artifact

    async def delete_prefix(self, prefix: str) -> int:
        """Deletes all files of a job, of a task or of an attempt, and says how many; none is no error."""
        return await self._delete(check_prefix(prefix))

    async def url(self, key: str, *, expires: timedelta, name: str, type: str) -> str:
        """A signed address from which anybody may fetch the file until it expires. Nothing is looked up: the address
        of a missing file answers 404."""
        ArtifactKey.parse(key)
        check_name(name)
        check_type(type)
        if not timedelta(seconds=1) <= expires <= MAX_EXPIRY:
            raise InvalidInput(
                f"An address lasts from one second to {MAX_EXPIRY.days} days; {expires} is outside.",
                field="expires",
            )
        return await self._address(key, expires=expires, name=name, type=type)

    async def _checked_chunks(self, artifact: Artifact, start: int, end: int) -> AsyncGenerator[bytes, None]:
        remaining = end - start
        if remaining == 0:
            return
        chunks = self._chunks(artifact, start, end)
        try:
            async for chunk in chunks:
                remaining -= len(chunk)
                yield chunk
        finally:
            # Closed here and now: an inner generator left to the garbage collector would hold its connection until
            # then, or for good if the loop ends first.
            await chunks.aclose()
        if remaining:
            raise Unavailable(f"{artifact.key} ended {remaining} bytes too early; try again.")

    @abstractmethod
    async def _find(self, key: str) -> Artifact | None: ...

    @abstractmethod
    async def _publish(self, artifact: Artifact, source: Source) -> bool:
        """Make the file visible, whole, unless the key is taken: then answer False and change nothing."""

    @abstractmethod
    def _chunks(self, artifact: Artifact, start: int, end: int) -> AsyncGenerator[bytes, None]: ...

    @abstractmethod
    async def _delete(self, prefix: str) -> int: ...

    @abstractmethod
    async def _address(self, key: str, *, expires: timedelta, name: str, type: str) -> str: ...


def missing(key: str) -> NotFound:
    return NotFound(f"There is no artifact {key}; it was never stored, or its job has been deleted.", field="key")


def _opened_new(path: Path) -> BinaryIO:
    try:
        return path.open("xb")
    except OSError as error:
        raise InvalidInput(f"Cannot write into {path.parent}: {error.strerror}.", field="into") from error


async def _copy(download: Download, file: BinaryIO) -> str:
    digest = hashlib.sha256()

    def keep(chunk: bytes, _: Stop) -> None:
        file.write(chunk)
        digest.update(chunk)

    async for chunk in download.chunks:
        await run_blocking(partial(keep, chunk), name=f"artifact-copy {download.artifact.key}")
    return digest.hexdigest()

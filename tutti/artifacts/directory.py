"""Keeps artifacts in a directory, for one machine or a shared file system.

    <root>/<job>/<task>/<attempt>/<name>/<name>           the content
    <root>/<job>/<task>/<attempt>/<name>/.artifact.json   its type, size and SHA-256
    <root>/.staging/<random>/                             files on their way in or out

An artifact is a directory of two files, built and synced in `.staging` and then moved into place by one rename. That
publishes content and record in the same instant, and the kernel refuses to rename over a directory that holds
something, so two writers can neither mix nor replace each other. Extended attributes would be lost by copying and are
missing on some file systems; a record beside the content would need two renames, with a crash in between leaving half
an artifact. Names never start with a dot, so none can collide with the record or with `.staging`.
"""

import errno
import json
import os
import shutil
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import time
from typing import BinaryIO
from uuid import uuid4

from tutti.artifacts.artifact import Artifact
from tutti.artifacts.blocking import Stop, run_blocking
from tutti.artifacts.keys import ArtifactKey
from tutti.artifacts.signing import UrlSigner
from tutti.artifacts.sources import Measure, Source, pieces
from tutti.artifacts.store import ArtifactStore, missing
from tutti.errors import Internal, InvalidInput, Unavailable

#: Bytes copied or sent at once.
CHUNK_SIZE = 1 << 20
#: What a killed process left in staging goes at the next start, once too old to be another process's work in hand.
ABANDONED_AFTER = timedelta(days=1)

_RECORD = ".artifact.json"
_STAGING = ".staging"
_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DirectoryStore(ArtifactStore):
    def __init__(self, root: Path, *, signer: UrlSigner) -> None:
        # Absolute from the start: a later change of the working directory must not move the store.
        self._root = root.absolute()
        self._staging = self._root / _STAGING
        #: Whoever serves /artifacts verifies addresses with this.
        self.signer = signer

    async def start(self) -> None:
        await run_blocking(self._prepare, name="artifact-prepare")

    async def close(self) -> None:
        """Nothing stays open between calls."""

    async def _find(self, key: str) -> Artifact | None:
        # Read in place: a small local file costs less than a thread does.
        try:
            record = json.loads((self._path(key) / _RECORD).read_bytes())
            return Artifact(
                name=ArtifactKey.parse(key).name,
                type=str(record["type"]),
                size=int(record["size"]),
                sha256=str(record["sha256"]),
                key=key,
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise Internal(f"The record of {key} is damaged; run the task again.") from error
        except OSError as error:
            raise self._translated(error) from error

    async def _publish(self, artifact: Artifact, source: Source) -> bool:
        return await run_blocking(partial(self._write, artifact, source), name=f"artifact-write {artifact.key}")

    async def _chunks(self, artifact: Artifact, start: int, end: int) -> AsyncGenerator[bytes, None]:
        path = self._path(artifact.key) / artifact.name
        try:
            file = path.open("rb")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing(artifact.key) from error
        except OSError as error:
            raise self._translated(error) from error
        with file:
            file.seek(start)
            while start < end:
                chunk = await run_blocking(
                    partial(_read, file, min(CHUNK_SIZE, end - start)), name=f"artifact-read {artifact.key}"
                )
                if not chunk:
                    return
                start += len(chunk)
                yield chunk

    async def _delete(self, prefix: str) -> int:
        return await run_blocking(partial(self._remove, prefix), name=f"artifact-delete {prefix}")

    async def _address(self, key: str, *, expires: timedelta, name: str, type: str) -> str:
        # Name and type are in the record, from which the gateway answers; the address need not repeat them.
        return self.signer.url(key, expires=expires)

    def _path(self, key: str) -> Path:
        return self._root.joinpath(*key.split("/"))

    def _prepare(self, stop: Stop) -> None:
        try:
            self._staging.mkdir(parents=True, exist_ok=True)
            probe = self._staging / uuid4().hex
            probe.mkdir()
            probe.rmdir()
        except OSError as error:
            raise InvalidInput(
                f"Cannot write into ARTIFACT_DIR {self._root}: {error.strerror}; name a directory that this user may "
                "write to.",
                field="ARTIFACT_DIR",
            ) from error
        for entry in self._abandoned():
            stop.check()
            shutil.rmtree(entry, ignore_errors=True)

    def _abandoned(self) -> Iterator[Path]:
        limit = time() - ABANDONED_AFTER.total_seconds()
        with os.scandir(self._staging) as entries:
            for entry in entries:
                try:
                    if entry.stat(follow_symlinks=False).st_mtime < limit:
                        yield Path(entry.path)
                except FileNotFoundError:
                    continue  # Its owner finished meanwhile.

    def _write(self, artifact: Artifact, source: Source, stop: Stop) -> bool:
        with self._staged() as staged:
            measured = Measure(size=artifact.size, sha256=artifact.sha256)
            with (
                _durable(staged / artifact.name) as file,
                closing(pieces(source, measured, size=CHUNK_SIZE)) as content,
            ):
                for piece in content:
                    stop.check()
                    file.write(piece)
            with _durable(staged / _RECORD) as file:
                record = {"type": artifact.type, "size": artifact.size, "sha256": artifact.sha256}
                file.write(json.dumps(record).encode())
            _sync_directory(staged)
            return self._move_into_place(staged, self._path(artifact.key))

    def _move_into_place(self, staged: Path, target: Path) -> bool:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            staged.rename(target)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        # Attempt, task, job and root: without this a power cut could forget the names that lead to the file.
        for directory in target.parents[:4]:
            _sync_directory(directory)
        return True

    def _remove(self, prefix: str, _: Stop) -> int:
        trash = self._staging / uuid4().hex
        try:
            # Out of sight in one step, so that nobody finds a job half deleted.
            self._path(prefix).rename(trash)
        except (FileNotFoundError, NotADirectoryError):
            return 0
        except OSError as error:
            raise self._translated(error) from error
        count = sum(1 for _ in trash.glob(f"**/{_RECORD}"))
        shutil.rmtree(trash, ignore_errors=True)
        return count

    @contextmanager
    def _staged(self) -> Iterator[Path]:
        directory = self._staging / uuid4().hex
        try:
            directory.mkdir()
            yield directory
        except OSError as error:
            raise self._translated(error) from error
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _translated(self, error: OSError) -> Internal | Unavailable:
        if error.errno in _FULL:
            return Unavailable(
                f"{self._root} is full; free some space there, then try again.", reason="ARTIFACT_STORE_FULL"
            )
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return Internal(
                f"{error.strerror} in {self._root}; let this user write to it.", reason="ARTIFACT_STORE_REFUSED"
            )
        return Unavailable(f"{self._root} could not be used: {error.strerror}; try again.")


def _read(file: BinaryIO, size: int, _: Stop) -> bytes:
    return file.read(size)


@contextmanager
def _durable(path: Path) -> Iterator[BinaryIO]:
    with path.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Fetches a set of weights from S3 into a directory and checks it.

A file appears under its name only when all of it has arrived and its digest is right. What an earlier run has fetched
is used again where it is still right, and an unfinished file is gone on with from where it ends. One process at a time
works on a directory; another waits, and then finds everything there.
"""

import asyncio
import fcntl
import hashlib
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig

from tutti.artifacts.blocking import Stop, run_blocking
from tutti.artifacts.s3_errors import translated
from tutti.errors import NotFound, PreconditionFailed, Unavailable
from tutti.weights import manifest
from tutti.weights.manifest import MANIFEST, Fetched
from tutti.weights.settings import WeightsSettings

CHUNK_SIZE = 1 << 20
CONNECT_TIMEOUT_SECONDS = 5
#: Between two pieces of a file, not for all of it.
READ_TIMEOUT_SECONDS = 30
ATTEMPTS = 5
PARTIAL = ".partial"
LOCK = ".lock"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Listed:
    name: str
    size: int
    etag: str


async def fetch(settings: WeightsSettings) -> Path:
    """Return the directory once it holds everything that is under MODEL_S3_PATH."""
    directory = settings.directory
    directory.mkdir(parents=True, exist_ok=True)
    async with _locked(directory), _client(settings) as client:
        await _Fetching(client, settings, directory).run()
    return directory


@asynccontextmanager
async def _locked(directory: Path) -> AsyncIterator[None]:
    with (directory / LOCK).open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("waiting for another process that fetches into %s", directory)
            # Asked again and again: a thread that waits in flock could not be given up.
            while not _try_lock(file):  # noqa: ASYNC110  another process's lock has no event
                await asyncio.sleep(0.5)
        yield  # closing the file lets go of it


def _try_lock(file: Any) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@asynccontextmanager
async def _client(settings: WeightsSettings) -> AsyncIterator[Any]:
    config = AioConfig(
        signature_version="s3v4",
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 3},
        # Compatible stores rarely serve a bucket under its own host name.
        s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
        response_checksum_validation="when_required",
    )
    with translated("open a client"):
        opened = aioboto3.Session().client("s3", endpoint_url=settings.s3_endpoint or None, config=config)
        client = await opened.__aenter__()
    try:
        yield client
    finally:
        await opened.__aexit__(None, None, None)


class _Fetching:
    def __init__(self, client: Any, settings: WeightsSettings, directory: Path) -> None:
        self._client = client
        self._bucket, self._prefix, self._source = settings.bucket, settings.prefix, settings.s3_path
        self._directory = directory
        self._record = manifest.read_record(directory)

    async def run(self) -> None:
        listed = await self._listed()
        digests = await self._digests(listed)
        if digests is not None and (missing := sorted(digests.keys() - listed.keys())):
            raise PreconditionFailed(
                f"{self._source}: {MANIFEST} lists {missing[0]}, which is not there; upload it.",
                reason="WEIGHTS_INCOMPLETE",
            )
        wanted = [each for name, each in listed.items() if digests is None or name in digests]
        for number, each in enumerate(wanted, 1):
            right = None if digests is None else digests[each.name]
            if await self._is_there(each, right):
                continue
            _log.info("fetching %s, %d of %d, %.1f MB", each.name, number, len(wanted), each.size / 1e6)
            await self._fetch(each, right)
        _log.info("%d files of weights in %s", len(wanted), self._directory)

    async def _listed(self) -> dict[str, _Listed]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        found = {}
        with translated(f"list {self._source}"):
            async for page in pages:
                for entry in page.get("Contents", ()):
                    name = entry["Key"].removeprefix(self._prefix)
                    # Consoles make empty objects that stand for folders.
                    if name and not name.endswith("/") and not manifest.is_hidden(name):
                        manifest.check_name(name, self._source)
                        found[name] = _Listed(name=name, size=entry["Size"], etag=entry["ETag"].strip('"'))
        if not found.keys() - {MANIFEST}:
            raise NotFound(f"MODEL_S3_PATH: there is nothing under {self._source}; check the bucket and the prefix.")
        return found

    async def _digests(self, listed: dict[str, _Listed]) -> Mapping[str, str] | None:
        """What the owner of the weights says; None if he says nothing. Takes the manifest itself off the list."""
        if listed.pop(MANIFEST, None) is None:
            return None
        with translated(f"read {MANIFEST}"):
            answer = await self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}{MANIFEST}")
            body = answer["Body"]
            async with body:
                text = (await body.read()).decode(errors="replace")
        return manifest.parse(text, f"{self._source.rstrip('/')}/{MANIFEST}")

    async def _is_there(self, listed: _Listed, right: str | None) -> bool:
        path = self._directory / listed.name
        known = self._record.get(listed.name)
        if right is None:
            # Without a manifest, the file is right as long as neither side has changed since it was fetched.
            if known is None or (known.size, known.etag) != (listed.size, listed.etag):
                return False
            right = known.sha256
        if not path.is_file() or path.stat().st_size != listed.size:
            return False
        return await run_blocking(lambda _: manifest.digest(path), name=f"digest of {listed.name}") == right

    async def _fetch(self, listed: _Listed, right: str | None) -> None:
        # By its version, so that what was begun of one is never gone on with as another.
        version = hashlib.sha256(f"{listed.name} {listed.etag} {listed.size}".encode()).hexdigest()[:16]
        partial = self._directory / PARTIAL / version
        partial.parent.mkdir(exist_ok=True)
        await self._complete(listed, partial)
        found = await run_blocking(lambda _: manifest.digest(partial), name=f"digest of {listed.name}")
        if right is not None and found != right:
            partial.unlink()
            raise PreconditionFailed(
                f"{self._source}: {listed.name} has the SHA-256 {found}, but {MANIFEST} says {right}; "
                "upload the file or the manifest again.",
                reason="WEIGHTS_CHECKSUM",
            )
        await run_blocking(lambda _: _publish(partial, self._directory / listed.name), name=f"keep {listed.name}")
        self._record[listed.name] = Fetched(size=listed.size, etag=listed.etag, sha256=found)
        manifest.write_record(self._directory, self._record)

    async def _complete(self, listed: _Listed, partial: Path) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._append(listed, partial)
            except Unavailable as error:
                if attempt == ATTEMPTS:
                    raise
                _log.warning("%s broke off, and is gone on with from there: %s", listed.name, error)
                await asyncio.sleep(0.2 * attempt)
            else:
                return

    async def _append(self, listed: _Listed, partial: Path) -> None:
        start = partial.stat().st_size if partial.exists() else 0
        if start > listed.size:
            partial.unlink()
            start = 0
        if start == listed.size:
            partial.touch()
            return
        with translated(f"fetch {self._source.rstrip('/')}/{listed.name}"), partial.open("ab") as file:
            # Not of another version, should somebody be uploading one just now.
            answer = await self._client.get_object(
                Bucket=self._bucket, Key=f"{self._prefix}{listed.name}", Range=f"bytes={start}-", IfMatch=listed.etag
            )
            body = answer["Body"]
            # Without "as": what the body returns on entering is the bare HTTP response, which checks no length.
            async with body:
                while chunk := await body.read(CHUNK_SIZE):
                    await run_blocking(_written(file, chunk), name=f"write {listed.name}")


def _written(file: Any, chunk: bytes) -> Any:
    def write(_: Stop) -> None:
        file.write(chunk)

    return write


def _publish(partial: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # On the disk before it has its name: a crash must not leave half a file that looks whole.
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, path)

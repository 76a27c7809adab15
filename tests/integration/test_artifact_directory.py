"""What is particular to the directory store: its own signed addresses, full disks, what a crash leaves."""

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fixtures.artifact_stores import HMAC_KEY, HOUR, KEY, MIB, WAV, DirectoryBackend
from tutti.artifacts.directory import ABANDONED_AFTER, DirectoryStore
from tutti.artifacts.signing import UrlSigner
from tutti.errors import InvalidInput, NotFound, PermissionDenied, Unavailable


async def test_addresses_are_refused_once_changed_or_expired(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    signer = UrlSigner(secret=HMAC_KEY.encode(), public_url="http://host", clock=lambda: now)
    backend = DirectoryBackend(tmp_path)
    backend.store = DirectoryStore(tmp_path, signer=signer)
    backend.signer = signer
    async with backend.store as store:
        await store.put(KEY, b"tutti", type=WAV)
        url = await store.url(KEY, expires=HOUR, name="song.wav", type=WAV)
        assert await backend.fetch(url) == (b"tutti", WAV)
        for changed in (url.replace("job-1", "job-2"), url.replace("expires=18", "expires=19"), url[:-1]):
            with pytest.raises(PermissionDenied, match="signature does not match"):
                await backend.fetch(changed)
        now += HOUR
        with pytest.raises(PermissionDenied, match="fetch the job again"):
            await backend.fetch(url)


async def test_a_full_disk_is_unavailable_and_leaves_nothing(tmp_path: Path) -> None:
    async with DirectoryBackend(tmp_path / "artifacts").store as store:
        with files_no_bigger_than(4 * MIB), pytest.raises(Unavailable, match="full"):
            await store.put(KEY, b"x" * (5 * MIB), type=WAV)
        assert not list((tmp_path / "artifacts/.staging").iterdir())
        with pytest.raises(NotFound):
            await store.stat(KEY)


async def test_a_start_sweeps_only_what_was_abandoned(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".staging/old", tmp_path / ".staging/fresh"
    for directory in (old, fresh):
        directory.mkdir(parents=True)
        (directory / "song.wav").write_bytes(b"half")
    long_ago = time.time() - ABANDONED_AFTER.total_seconds() - 1
    os.utime(old, (long_ago, long_ago))
    async with DirectoryBackend(tmp_path).store:
        assert not old.exists()
        assert fresh.exists()


async def test_an_unusable_directory_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidInput) as caught:
        await DirectoryBackend(tmp_path / "file").store.start()
    assert caught.value.field == "ARTIFACT_DIR"


@contextmanager
def files_no_bigger_than(size: int) -> Iterator[None]:
    """Writing more fails in the middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

"""The contract of every artifact store, over a real disk and a real HTTP S3."""

import asyncio
import hashlib
import os
import signal
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.fixtures import artifact_stores, s3
from tests.fixtures.artifact_stores import HOUR, KEY, MIB, WAV, Backend, DirectoryBackend, S3Backend
from tests.fixtures.s3 import S3Server
from tutti.artifacts import Artifact, ArtifactStore
from tutti.artifacts.s3 import PART_SIZE
from tutti.errors import Conflict, Internal, InvalidInput, NotFound

s3_server = s3.s3_server
s3_environment = artifact_stores.s3_environment
pytestmark = pytest.mark.usefixtures("s3_environment")

#: Stores one file, as a worker would, with the settings of its environment.
PUT = """
import asyncio, sys
from pathlib import Path
from tutti.artifacts.settings import ArtifactSettings, build

async def main():
    async with build(ArtifactSettings()) as store:
        await store.put(sys.argv[1], Path(sys.argv[2]), type="audio/wav")

asyncio.run(main())
"""


@pytest.fixture(params=["directory", "s3"])
async def backend(
    request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Server, s3_environment: None
) -> AsyncIterator[Backend]:
    backend: Backend
    if request.param == "s3":
        backend = S3Backend(s3_server, prefix=tmp_path.name)
    else:
        backend = DirectoryBackend(tmp_path / "artifacts")
    async with backend.store:
        yield backend


@pytest.fixture
def store(backend: Backend) -> ArtifactStore:
    return backend.store


@pytest.fixture
def big_file(tmp_path: Path) -> Path:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(20 * MIB))
    return path


async def eventually(predicate: Callable[[], Awaitable[bool]], *, within: timedelta = timedelta(seconds=30)) -> None:
    deadline = time.monotonic() + within.total_seconds()
    while not await predicate():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.002)


async def content_of(store: ArtifactStore, key: str, start: int = 0, end: int | None = None) -> bytes:
    async with await store.open(key, start, end) as download:
        content = b"".join([chunk async for chunk in download.chunks])
    assert len(content) == download.size
    return content


class TestContract:
    async def test_what_is_put_is_described_and_read_back(self, store: ArtifactStore, tmp_path: Path) -> None:
        stored = await store.put(KEY, b"tutti", type=WAV)

        digest = hashlib.sha256(b"tutti").hexdigest()
        assert stored == Artifact(name="song.wav", type=WAV, size=5, sha256=digest, key=KEY)
        assert await store.stat(KEY) == stored
        assert await store.read(KEY, tmp_path / "copy") == stored
        assert (tmp_path / "copy").read_bytes() == b"tutti"

    async def test_an_empty_file_is_a_file(self, store: ArtifactStore, tmp_path: Path) -> None:
        assert (await store.put(KEY, b"", type=WAV)).size == 0
        assert await content_of(store, KEY) == b""
        await store.read(KEY, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == b""

    @pytest.mark.parametrize("name", ["größe 100% + 'ü'.wav", "曲.mid", "a..b", "artifact.json", "a&b=c?#;:.wav"])
    async def test_names_may_hold_any_letters(self, backend: Backend, name: str) -> None:
        key = f"job-1/mix[2]/1/{name}"
        await backend.store.put(key, b"tutti", type=WAV)

        assert (await backend.store.stat(key)).name == name
        url = await backend.store.url(key, expires=HOUR, name=name, type=WAV)
        assert await backend.fetch(url) == (b"tutti", WAV)

    @pytest.mark.parametrize("name", ["../x", "..", "a/b", "a\\b", "", "x\0", "x\n", ".hidden", "é" * 101, " x"])
    async def test_names_are_never_paths(self, store: ArtifactStore, name: str) -> None:
        with pytest.raises(InvalidInput) as caught:
            await store.put(f"job-1/mix/1/{name}", b"tutti", type=WAV)
        assert caught.value.field == "name"

    @pytest.mark.parametrize("key", ["../../etc/passwd", "job/mix/0/x", "job/../1/x", "/job/mix/1", "job", ""])
    async def test_bad_keys_are_refused_by_every_call(self, store: ArtifactStore, key: str, tmp_path: Path) -> None:
        for call in (
            store.put(key, b"", type=WAV),
            store.stat(key),
            store.open(key),
            store.read(key, tmp_path / "copy"),
            store.url(key, expires=HOUR, name="x", type=WAV),
        ):
            with pytest.raises(InvalidInput):
                await call

    @pytest.mark.parametrize(
        ("start", "end", "expected"),
        [(0, None, b"0123456789"), (3, 7, b"3456"), (9, None, b"9"), (4, 99, b"456789"), (10, None, b""), (5, 5, b"")],
    )
    async def test_a_range_gives_just_those_bytes(
        self, store: ArtifactStore, start: int, end: int | None, expected: bytes
    ) -> None:
        await store.put(KEY, b"0123456789", type=WAV)
        assert await content_of(store, KEY, start, end) == expected

    @pytest.mark.parametrize(("start", "end"), [(11, None), (-1, None), (7, 3)])
    async def test_a_range_outside_the_file_is_refused_with_its_size(
        self, store: ArtifactStore, start: int, end: int | None
    ) -> None:
        await store.put(KEY, b"0123456789", type=WAV)
        with pytest.raises(InvalidInput) as caught:
            await store.open(KEY, start, end)
        assert (caught.value.reason, caught.value.details) == ("RANGE_NOT_SATISFIABLE", {"size": "10"})

    async def test_a_reader_may_leave_early(self, store: ArtifactStore, big_file: Path) -> None:
        await store.put(KEY, big_file, type=WAV)
        async with await store.open(KEY, 1) as download:
            first = await anext(download.chunks)
        assert big_file.read_bytes()[1:].startswith(first)
        assert (await store.stat(KEY)).size == 20 * MIB

    async def test_a_big_file_is_never_in_memory_as_a_whole(
        self, store: ArtifactStore, big_file: Path, tmp_path: Path
    ) -> None:
        tracemalloc.start()
        try:
            await store.put(KEY, big_file, type=WAV)
            await store.read(KEY, tmp_path / "copy")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (tmp_path / "copy").read_bytes() == big_file.read_bytes()
        assert peak < 18 * MIB

    async def test_a_missing_artifact_is_not_found(self, store: ArtifactStore, tmp_path: Path) -> None:
        for call in (store.stat(KEY), store.open(KEY), store.read(KEY, tmp_path / "copy")):
            with pytest.raises(NotFound):
                await call
        assert not list(tmp_path.glob("*copy*"))

    async def test_the_same_content_again_changes_nothing(self, store: ArtifactStore) -> None:
        first = await store.put(KEY, b"tutti", type=WAV)
        assert await store.put(KEY, b"tutti", type="audio/flac") == first
        assert await store.stat(KEY) == first

    @pytest.mark.parametrize("size", [5, PART_SIZE + 5])
    async def test_different_content_under_the_same_key_is_a_conflict(self, store: ArtifactStore, size: int) -> None:
        first = await store.put(KEY, b"a" * size, type=WAV)
        with pytest.raises(Conflict):
            await store.put(KEY, b"b" * size, type=WAV)
        assert await store.stat(KEY) == first

    @pytest.mark.parametrize("size", [5, PART_SIZE + 5])
    async def test_of_concurrent_writers_one_wins_whole(self, store: ArtifactStore, size: int) -> None:
        contents = [bytes([letter]) * size for letter in b"aabbcc"]
        outcomes = await asyncio.gather(
            *(store.put(KEY, content, type=WAV) for content in contents), return_exceptions=True
        )
        stored = await store.stat(KEY)
        assert len([outcome for outcome in outcomes if outcome == stored]) == 2
        assert len([outcome for outcome in outcomes if isinstance(outcome, Conflict)]) == 4
        assert hashlib.sha256(await content_of(store, KEY)).hexdigest() == stored.sha256

    async def test_a_killed_writer_leaves_nothing_visible(self, backend: Backend, tmp_path: Path) -> None:
        source = sparse(tmp_path / "source")
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PUT, KEY, str(source), env=os.environ | backend.environment
        )
        try:
            await eventually(backend.is_writing)
        finally:
            writer.kill()
        assert await writer.wait() == -signal.SIGKILL

        with pytest.raises(NotFound):
            await backend.store.stat(KEY)
        stored = await backend.store.put(KEY, b"the next try", type=WAV)
        assert await backend.store.stat(KEY) == stored

    async def test_a_cancelled_put_leaves_nothing_behind(self, backend: Backend, tmp_path: Path) -> None:
        source = sparse(tmp_path / "source")
        put = asyncio.create_task(backend.store.put(KEY, source, type=WAV), name="put")
        await eventually(backend.is_writing)
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put

        assert not await backend.is_writing()
        with pytest.raises(NotFound):
            await backend.store.stat(KEY)

    async def test_a_source_that_changes_meanwhile_is_refused(self, backend: Backend, big_file: Path) -> None:
        with scribbling(big_file), pytest.raises(InvalidInput) as caught:
            await backend.store.put(KEY, big_file, type=WAV)
        assert caught.value.field == "source"
        assert not await backend.is_writing()
        with pytest.raises(NotFound):
            await backend.store.stat(KEY)

    async def test_a_source_must_be_a_file_that_can_be_read(self, store: ArtifactStore, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        for source in (tmp_path / "missing", tmp_path, tmp_path / "pipe"):
            with pytest.raises(InvalidInput) as caught:
                await store.put(KEY, source, type=WAV)
            assert caught.value.field == "source"

    async def test_damage_is_noticed_and_never_copied(self, backend: Backend, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        copy.write_bytes(b"what was here before")
        await backend.damage(await backend.store.put(KEY, b"tutti", type=WAV))

        with pytest.raises(Internal, match="damaged"):
            await backend.store.read(KEY, copy)
        assert copy.read_bytes() == b"what was here before"
        assert not list(tmp_path.glob(".*.part"))

    async def test_deleting_a_job_leaves_its_namesakes_alone(self, store: ArtifactStore) -> None:
        for key in ("job-1/a/1/x", "job-1/a/2/x", "job-1/b/1/x", "job-10/a/1/x"):
            await store.put(key, b"tutti", type=WAV)
        assert await store.delete_prefix("job-1/a/1") == 1
        assert await store.delete_prefix("job-1") == 2
        assert await store.delete_prefix("job-1") == 0
        assert (await store.stat("job-10/a/1/x")).size == 5

    @pytest.mark.parametrize("prefix", ["", "/", "..", "job/../x", "/job", ".staging", "job/mix/1/x", "job//1"])
    async def test_only_whole_parts_can_be_deleted(self, store: ArtifactStore, prefix: str) -> None:
        with pytest.raises(InvalidInput):
            await store.delete_prefix(prefix)

    @pytest.mark.parametrize("expires", [timedelta(0), timedelta(seconds=-1), timedelta(days=8)])
    async def test_addresses_last_for_a_bounded_time(self, store: ArtifactStore, expires: timedelta) -> None:
        with pytest.raises(InvalidInput) as caught:
            await store.url(KEY, expires=expires, name="x", type=WAV)
        assert caught.value.field == "expires"

    async def test_a_type_cannot_smuggle_a_header(self, store: ArtifactStore) -> None:
        with pytest.raises(InvalidInput) as caught:
            await store.put(KEY, b"tutti", type="audio/wav\r\nX-Evil: 1")
        assert caught.value.field == "type"


def sparse(path: Path) -> Path:
    """Big enough that storing it can be interrupted."""
    with path.open("wb") as file:
        file.truncate(192 * MIB)
    return path


@contextmanager
def scribbling(path: Path) -> Iterator[None]:
    """Rewrites the first bytes without end, as a careless encoder would, so that no two reads see the same."""
    done = threading.Event()

    def scribble() -> None:
        with path.open("r+b", buffering=0) as file:
            while not done.is_set():
                file.seek(0)
                file.write(time.monotonic_ns().to_bytes(8, "big"))
                done.wait(0.0005)

    thread = threading.Thread(target=scribble, name="scribble")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()

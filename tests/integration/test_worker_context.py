"""Which files an attempt may read: those of its own job, and those that its order names."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.worker.context import AttemptContext
from services.worker.lines import LineLimit
from tests.builders import order
from tests.fixtures.artifact_stores import DirectoryBackend
from tutti import errors
from tutti.artifacts import Artifact, ArtifactStore
from tutti.v1 import task_pb2


@pytest.fixture
async def artifacts(tmp_path: Path) -> AsyncIterator[ArtifactStore]:
    async with DirectoryBackend(tmp_path / "artifacts").store as store:
        yield store


def context_of(artifacts: ArtifactStore, tmp_path: Path, *readable: str) -> AttemptContext:
    lease = task_pb2.Lease(lease_id="1-1", order=order("mine", readable_keys=readable))
    return AttemptContext(lease, say=lambda _: None, artifacts=artifacts, work_dir=tmp_path, lines=LineLimit())


async def other_file(artifacts: ArtifactStore, content: bytes = b"theirs") -> Artifact:
    return await artifacts.put("theirs/main/1/a.txt", content, type="text/plain")


async def test_an_attempt_reads_what_its_own_job_stored(artifacts: ArtifactStore, tmp_path: Path) -> None:
    context = context_of(artifacts, tmp_path)
    stored = await context.artifact("a.txt", b"mine", type="text/plain")

    await context.read(stored, tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == b"mine"


async def test_a_file_of_another_job_is_refused(artifacts: ArtifactStore, tmp_path: Path) -> None:
    stored = await other_file(artifacts)

    with pytest.raises(errors.PermissionDenied, match="another job"):
        await context_of(artifacts, tmp_path, "theirs/main/1/b.txt", "theirs/main/1/").read(stored, tmp_path / "copy")

    assert not (tmp_path / "copy").exists()


async def test_a_file_that_the_order_names_is_read(artifacts: ArtifactStore, tmp_path: Path) -> None:
    stored = await other_file(artifacts)

    await context_of(artifacts, tmp_path, stored.key).read(stored, tmp_path / "copy")

    assert (tmp_path / "copy").read_bytes() == b"theirs"


async def test_a_file_described_with_the_digest_of_another_is_refused(artifacts: ArtifactStore, tmp_path: Path) -> None:
    context = context_of(artifacts, tmp_path)
    stored = await context.artifact("a.txt", b"mine", type="text/plain")

    with pytest.raises(errors.InvalidInput, match="another SHA-256"):
        await context.read(replace(stored, sha256="a" * 64), tmp_path / "copy")

    assert not (tmp_path / "copy").exists()

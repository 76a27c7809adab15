"""Weights fetched from a real S3 API into a directory."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures import artifact_stores, s3
from tests.fixtures.artifact_stores import raw_client
from tests.fixtures.s3 import REVOKED_KEY, S3Server
from tutti.errors import Internal, NotFound, PreconditionFailed, TuttiError
from tutti.weights.fetch import LOCK, PARTIAL, fetch
from tutti.weights.manifest import MANIFEST, RECORD
from tutti.weights.settings import WeightsSettings

s3_server = s3.s3_server
s3_environment = artifact_stores.s3_environment
pytestmark = pytest.mark.usefixtures("s3_environment")

BUCKET = "weights"
FILES = {"config.json": b'{"model_type": "musicgen"}', "model.safetensors": b"w" * 3_000_000, "parts/1.bin": b"1"}


def sums(files: dict[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items()).encode()


class Bucket:
    def __init__(self, server: S3Server, prefix: str, directory: Path) -> None:
        self.prefix, self.server, self.directory = prefix, server, directory
        self.settings = WeightsSettings(
            engine="musicgen",
            s3_path=f"s3://{BUCKET}/{prefix}",
            s3_endpoint=server.endpoint_url,
            model_dir=directory,
        )
        self._client: Callable[[], Any] = raw_client(server)

    async def upload(self, files: dict[str, bytes]) -> None:
        async with self._client() as client:
            await client.create_bucket(Bucket=BUCKET)
            for name, content in files.items():
                await client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", Body=content)

    def held(self) -> dict[str, bytes]:
        """What a model would find."""
        files = [path for path in self.directory.rglob("*") if path.is_file()]
        found = {str(path.relative_to(self.directory)): path.read_bytes() for path in files}
        return {name: content for name, content in found.items() if not name.startswith(".")}

    def changed(self) -> dict[str, int]:
        return {name: (self.directory / name).stat().st_mtime_ns for name in self.held()}


@pytest.fixture
def bucket(s3_server: S3Server, tmp_path: Path, request: pytest.FixtureRequest) -> Bucket:
    test = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    return Bucket(s3_server, f"models/{test}", tmp_path / "weights")


@pytest.mark.parametrize("manifest", [True, False])
async def test_everything_arrives_once_and_is_used_again(bucket: Bucket, manifest: bool) -> None:
    extra = {MANIFEST: sums(FILES)} if manifest else {}
    await bucket.upload({**FILES, **extra, "folder/": b"", ".gitattributes": b"not for us"})
    assert await fetch(bucket.settings) == bucket.directory
    assert bucket.held() == FILES
    before = bucket.changed()
    await fetch(bucket.settings)
    assert bucket.changed() == before


@pytest.mark.parametrize("manifest", [True, False])
async def test_what_was_spoilt_or_replaced_is_fetched_again_and_nothing_else(bucket: Bucket, manifest: bool) -> None:
    replaced = {**FILES, "config.json": b'{"model_type": "musicgen", "a": 1}'}
    await bucket.upload({**FILES, **({MANIFEST: sums(FILES)} if manifest else {})})
    await fetch(bucket.settings)
    before = bucket.changed()
    (bucket.directory / "parts/1.bin").write_bytes(b"2")
    await bucket.upload({**replaced, **({MANIFEST: sums(replaced)} if manifest else {})})
    await fetch(bucket.settings)
    assert bucket.held() == replaced
    assert bucket.changed()["model.safetensors"] == before["model.safetensors"]


async def test_only_what_the_manifest_names_is_fetched(bucket: Bucket) -> None:
    await bucket.upload({**FILES, "pytorch_model.bin": b"the same again", MANIFEST: sums(FILES)})
    await fetch(bucket.settings)
    assert bucket.held() == FILES


async def test_a_wrong_digest_stops_the_start_and_leaves_no_file(bucket: Bucket) -> None:
    await bucket.upload({**FILES, MANIFEST: sums({**FILES, "model.safetensors": b"other"})})
    with pytest.raises(PreconditionFailed, match=r"model\.safetensors has the SHA-256") as caught:
        await fetch(bucket.settings)
    assert caught.value.reason == "WEIGHTS_CHECKSUM"
    assert "model.safetensors" not in bucket.held()
    assert list((bucket.directory / PARTIAL).iterdir()) == []


LARGE = {"model.safetensors": FILES["model.safetensors"]}


async def begun(bucket: Bucket, content: bytes) -> None:
    """Leave a download as a process leaves it that was killed, with `content` so far."""
    await bucket.upload({**LARGE, MANIFEST: sums(LARGE)})
    fetching = asyncio.create_task(fetch(bucket.settings), name="fetching")
    async with asyncio.timeout(10):
        while not (found := list(bucket.directory.glob(f"{PARTIAL}/*"))):  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0)
    fetching.cancel()
    await asyncio.wait([fetching])
    (partial,) = found
    partial.write_bytes(content)


@pytest.mark.parametrize("kept", [0, 1_000_000, 3_000_000, 3_000_001])
async def test_an_unfinished_file_is_gone_on_with(bucket: Bucket, kept: int) -> None:
    await begun(bucket, b"w" * kept)
    await fetch(bucket.settings)
    assert bucket.held() == LARGE


async def test_an_unfinished_file_that_is_wrong_is_begun_again_after_all(bucket: Bucket) -> None:
    await begun(bucket, b"x" * 1_000_000)
    with pytest.raises(PreconditionFailed):
        await fetch(bucket.settings)
    await fetch(bucket.settings)
    assert bucket.held() == LARGE


async def test_two_that_fetch_into_one_directory_take_turns(bucket: Bucket) -> None:
    await bucket.upload(FILES)
    await asyncio.gather(fetch(bucket.settings), fetch(bucket.settings))
    assert bucket.held() == FILES
    assert {path.name for path in bucket.directory.iterdir() if path.name.startswith(".")} == {LOCK, PARTIAL, RECORD}


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (b"no digest at all", "WEIGHTS_MANIFEST_INVALID"),
        (b"\n", "WEIGHTS_MANIFEST_INVALID"),
        (sums({"../outside": b""}), "WEIGHTS_MANIFEST_INVALID"),
        (sums({"/etc/passwd": b""}), "WEIGHTS_MANIFEST_INVALID"),
        (sums({"gone.bin": b""}), "WEIGHTS_INCOMPLETE"),
    ],
    ids=["garbage", "empty", "outside", "absolute", "incomplete"],
)
async def test_a_manifest_that_cannot_be_is_explained(bucket: Bucket, manifest: bytes, reason: str) -> None:
    await bucket.upload({**FILES, MANIFEST: manifest})
    with pytest.raises(PreconditionFailed) as caught:
        await fetch(bucket.settings)
    assert caught.value.reason == reason
    assert bucket.held() == {}


async def test_nothing_under_the_path_is_said_so(bucket: Bucket) -> None:
    await bucket.upload({})
    with pytest.raises(NotFound, match="MODEL_S3_PATH: there is nothing under s3://weights/models/"):
        await fetch(bucket.settings)


async def test_a_refused_credential_is_said_so(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    await bucket.upload(FILES)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", REVOKED_KEY)
    with pytest.raises(Internal, match="AWS credentials"):
        await fetch(bucket.settings)


async def test_a_bucket_that_is_not_there_is_said_so(bucket: Bucket) -> None:
    with pytest.raises(TuttiError, match="NoSuchBucket"):
        await fetch(bucket.settings.model_copy(update={"s3_path": "s3://no-such-bucket/models"}))


def run(bucket: Bucket, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tutti.weights", *arguments],
        env={
            **os.environ,
            "MUSCGEN_ENGINE": "musicgen",
            "MODEL_S3_PATH": bucket.settings.s3_path,
            "MODEL_S3_ENDPOINT": bucket.server.endpoint_url,
            "HOME": str(bucket.directory.parent),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_the_command_becomes_another_with_the_directory_set(bucket: Bucket) -> None:
    await bucket.upload({**FILES, MANIFEST: sums(FILES)})
    show = [sys.executable, "-c", "import os; print(os.environ['MUSCGEN_MODEL_DIR'])"]
    ran = await asyncio.to_thread(run, bucket, "--", *show)
    assert ran.returncode == 0, ran.stderr
    cached = bucket.directory.parent / ".cache/tutti/weights" / BUCKET / bucket.prefix
    assert ran.stdout.strip() == str(cached)
    assert (cached / "config.json").read_bytes() == FILES["config.json"]
    assert "3 files of weights" in ran.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MODEL_S3_PATH": "s3://weights/nowhere"}, "weights: MODEL_S3_PATH: there is nothing"),
        ({"MODEL_S3_PATH": "http://weights"}, "weights: MODEL_S3_PATH: "),
        ({"MODEL_S3_PATH": ""}, "set MUSCGEN_MODEL_DIR or MODEL_S3_PATH"),
    ],
)
async def test_what_cannot_be_fetched_starts_nothing(bucket: Bucket, environment: dict[str, str], said: str) -> None:
    await bucket.upload(FILES)
    ran = await asyncio.to_thread(run, bucket, "--", "echo", "started", **environment)
    assert ran.returncode != 0
    assert ran.stdout == ""
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


async def test_a_procedural_engine_fetches_nothing(bucket: Bucket) -> None:
    ran = await asyncio.to_thread(run, bucket, "--", "echo", "started", MUSCGEN_ENGINE="")
    assert (ran.returncode, ran.stdout) == (0, "started\n")

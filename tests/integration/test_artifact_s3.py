"""What is particular to the S3 store: presigned addresses, buckets, credentials, and servers that fail."""

import asyncio
import socket
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.fixtures import artifact_stores, s3
from tests.fixtures.artifact_stores import HOUR, KEY, WAV, raw_client, s3_store
from tests.fixtures.s3 import REVOKED_KEY, UNCONDITIONAL_BUCKET, S3Server
from tutti.artifacts.s3 import PART_SIZE, S3Store
from tutti.errors import Conflict, DeadlineExceeded, Internal, InvalidInput, TuttiError, Unavailable

s3_server = s3.s3_server
s3_environment = artifact_stores.s3_environment
pytestmark = pytest.mark.usefixtures("s3_environment")


async def test_an_address_tells_the_browser_name_and_type(s3_server: S3Server) -> None:
    async with s3_store(s3_server, prefix="named") as store:
        await store.put(KEY, b"tutti", type=WAV)
        url = await store.url(KEY, expires=HOUR, name="mein Lied.wav", type="audio/x-wav")
    async with httpx.AsyncClient() as client:
        answer = await client.get(url, headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"ut")
    assert answer.headers["content-type"] == "audio/x-wav"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''mein%20Lied.wav"
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["3600"]


async def test_addresses_name_the_public_endpoint(s3_server: S3Server) -> None:
    public = "https://files.example.org"
    endpoint = s3_server.endpoint_url
    async with S3Store(bucket="music", endpoint_url=endpoint, public_endpoint_url=public, create_bucket=True) as store:
        url = await store.url(KEY, expires=HOUR, name="x", type=WAV)
    assert url.startswith(f"{public}/music/{KEY}?")


@pytest.mark.parametrize("size", [5, PART_SIZE + 5])
async def test_a_store_without_conditional_writes_still_refuses_to_overwrite(s3_server: S3Server, size: int) -> None:
    async with s3_store(s3_server, bucket=UNCONDITIONAL_BUCKET, prefix=str(size)) as store:
        first = await store.put(KEY, b"a" * size, type=WAV)
        assert await store.put(KEY, b"a" * size, type=WAV) == first
        with pytest.raises(Conflict):
            await store.put(KEY, b"b" * size, type=WAV)
        assert await store.stat(KEY) == first


async def test_a_foreign_object_is_readable_without_a_digest(s3_server: S3Server, tmp_path: Path) -> None:
    async with s3_store(s3_server, prefix="foreign") as store:
        async with raw_client(s3_server)() as client:
            await client.put_object(Bucket="music", Key=f"foreign/{KEY}", Body=b"tutti")
        assert (await store.read(KEY, tmp_path / "copy")).sha256 == ""
        assert (tmp_path / "copy").read_bytes() == b"tutti"
        with pytest.raises(Conflict):
            await store.put(KEY, b"tutti", type=WAV)


async def test_a_job_of_more_files_than_one_listing_is_deleted_whole(s3_server: S3Server) -> None:
    async with s3_store(s3_server, prefix="many") as store:
        async with raw_client(s3_server)() as client:
            for start in range(0, 1001, 91):
                puts = (
                    client.put_object(Bucket="music", Key=f"many/job/mix/1/{n}", Body=b"")
                    for n in range(start, start + 91)
                )
                await asyncio.gather(*puts)
        assert await store.delete_prefix("job") == 1001
        assert await store.delete_prefix("job") == 0


async def test_a_missing_bucket_stops_the_start_unless_it_may_be_made(s3_server: S3Server) -> None:
    with pytest.raises(InvalidInput) as caught:
        await S3Store(bucket="no-such-bucket", endpoint_url=s3_server.endpoint_url).start()
    assert caught.value.field == "ARTIFACT_S3_BUCKET"
    async with s3_store(s3_server, bucket="made-at-the-start") as store:
        await store.put(KEY, b"tutti", type=WAV)
    async with S3Store(bucket="made-at-the-start", endpoint_url=s3_server.endpoint_url) as store:
        assert (await store.stat(KEY)).size == 5


async def test_refused_credentials_are_our_fault_and_say_so(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", REVOKED_KEY)
    with pytest.raises(Internal, match="AWS credentials"):
        await s3_store(s3_server).start()


async def test_missing_credentials_name_the_variables(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(Internal, match="AWS_ACCESS_KEY_ID"):
        await s3_store(s3_server).start()


async def test_an_unreachable_store_is_unavailable_within_a_bound() -> None:
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        store = S3Store(bucket="music", endpoint_url=f"http://127.0.0.1:{refusing.getsockname()[1]}")
        async with asyncio.timeout(15):
            with pytest.raises(Unavailable):
                await store.start()


async def test_a_silent_store_is_given_up_after_the_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store = S3Store(bucket="music", endpoint_url=endpoint, timeout=timedelta(seconds=0.5))
        async with asyncio.timeout(5):
            with pytest.raises(DeadlineExceeded):
                await store.start()


async def test_every_call_is_unavailable_once_the_store_is_gone(tmp_path: Path) -> None:
    with s3.serve() as server:
        store = s3_store(server)
        await store.start()
        await store.put(KEY, b"tutti", type=WAV)
    try:
        outcomes = await asyncio.gather(
            store.stat(KEY),
            store.put("job-1/mix/2/x", b"tutti", type=WAV),
            store.read(KEY, tmp_path / "copy"),
            store.delete_prefix("job-1"),
            return_exceptions=True,
        )
    finally:
        await store.close()
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 4
    assert all(isinstance(outcome, TuttiError) and "try again" in outcome.message for outcome in outcomes)

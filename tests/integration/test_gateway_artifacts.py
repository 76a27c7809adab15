"""Downloads of artifacts from the directory store, by signed address."""

import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fixtures.gateway import RunningGateway, running
from tests.fixtures.orchestrator import MemoryOrchestrator, serving
from tutti.artifacts.directory import DirectoryStore
from tutti.artifacts.signing import UrlSigner

CONTENT = bytes(range(256)) * 10_000
KEY = "job-1/render/1/mäx, take 1.wav"
DIGEST = f'"{hashlib.sha256(CONTENT).hexdigest()}"'


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[DirectoryStore]:
    signer = UrlSigner(secret=b"0123456789abcdef", public_url="http://music.example", clock=clock)
    async with DirectoryStore(tmp_path / "artifacts", signer=signer) as store:
        await store.put(KEY, CONTENT, type="audio/wav")
        yield store


@pytest.fixture
async def gateway(store: DirectoryStore) -> AsyncIterator[RunningGateway]:
    async with serving(MemoryOrchestrator()) as orchestrator, running(orchestrator, store=store) as gateway:
        yield gateway


@pytest.fixture
async def address(store: DirectoryStore) -> str:
    url = await store.url(KEY, expires=timedelta(minutes=1), name="mäx, take 1.wav", type="audio/wav")
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def refused(answer: httpx.Response, status: int, reason: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == reason


async def test_a_signed_address_gives_the_file(gateway: RunningGateway, address: str) -> None:
    answer = await gateway.http.get(address)
    assert answer.status_code == 200
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''m%C3%A4x%2C%20take%201.wav"
    assert answer.headers["etag"] == DIGEST
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["accept-ranges"] == "bytes"


async def test_head_says_what_get_would(gateway: RunningGateway, address: str) -> None:
    head, get = await gateway.http.head(address), await gateway.http.get(address)
    assert (head.status_code, head.content) == (200, b"")
    unlike = ("date", "x-request-id")
    assert [item for item in head.headers.items() if item[0] not in unlike] == [
        item for item in get.headers.items() if item[0] not in unlike
    ]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=1048570-1048590", 1048570, 1048591), ("bytes=-7", len(CONTENT) - 7, len(CONTENT))],
)
async def test_a_player_can_seek(gateway: RunningGateway, address: str, asked: str, start: int, end: int) -> None:
    answer = await gateway.http.get(address, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == CONTENT[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"
    assert answer.headers["content-length"] == str(end - start)


async def test_a_range_past_the_end_is_a_problem_that_names_the_size(gateway: RunningGateway, address: str) -> None:
    answer = await gateway.http.get(address, headers={"Range": f"bytes={len(CONTENT)}-"})
    refused(answer, 416, "RANGE_NOT_SATISFIABLE")
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


async def test_what_the_client_has_is_not_sent_again(gateway: RunningGateway, address: str) -> None:
    answer = await gateway.http.get(address, headers={"If-None-Match": f'"other", W/{DIGEST}'})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == DIGEST


async def test_a_range_of_other_content_becomes_the_whole(gateway: RunningGateway, address: str) -> None:
    answer = await gateway.http.get(address, headers={"Range": "bytes=5-", "If-Range": '"other"'})
    assert (answer.status_code, len(answer.content)) == (200, len(CONTENT))
    answer = await gateway.http.get(address, headers={"Range": "bytes=5-", "If-Range": DIGEST})
    assert answer.status_code == 206


@pytest.mark.parametrize("change", [("signature=", "signature=0"), ("expires=", "expires=9"), ("job-1", "job-2")])
async def test_an_address_that_was_changed_is_refused(
    gateway: RunningGateway, address: str, change: tuple[str, str]
) -> None:
    refused(await gateway.http.get(address.replace(*change)), 403, "SIGNATURE_MISMATCH")


async def test_an_address_without_a_signature_is_refused(gateway: RunningGateway, address: str) -> None:
    refused(await gateway.http.get(address.partition("?")[0]), 403, "SIGNATURE_MISMATCH")


async def test_an_expired_address_says_so(gateway: RunningGateway, address: str, clock: Clock) -> None:
    clock.now += timedelta(minutes=2)
    answer = await gateway.http.get(address)
    refused(answer, 403, "SIGNATURE_EXPIRED")
    assert "expired" in answer.json()["detail"]


async def test_a_file_that_is_gone_is_a_problem(gateway: RunningGateway, address: str, store: DirectoryStore) -> None:
    await store.delete_prefix("job-1")
    refused(await gateway.http.get(address), 404, "NOT_FOUND")


async def test_an_empty_file_is_an_empty_answer(gateway: RunningGateway, store: DirectoryStore) -> None:
    await store.put("job-1/render/1/empty.txt", b"", type="text/plain")
    url = urlsplit(
        await store.url("job-1/render/1/empty.txt", expires=timedelta(minutes=1), name="empty.txt", type="text/plain")
    )
    answer = await gateway.http.get(f"{url.path}?{url.query}")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


async def test_with_artifacts_in_s3_there_is_nothing_to_download_here(address: str) -> None:
    async with serving(MemoryOrchestrator()) as orchestrator, running(orchestrator) as gateway:
        refused(await gateway.http.get(address), 404, "NOT_FOUND")

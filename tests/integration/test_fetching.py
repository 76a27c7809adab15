"""Fetching what callers name: from the internet only, whatever names and redirects say, and not without end."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from tutti.errors import DeadlineExceeded, InvalidInput, Unavailable
from tutti.fetching import Fetched, Limits, fetch

HERE = (ipaddress.ip_network("127.0.0.1/32"),)
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


class Site:
    """A server that answers each connection with what it is told to."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.answer: bytes | None = b""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        if self.answer is None:
            await reader.read()  # until the other hangs up
        else:
            writer.write(self.answer)
            await writer.drain()
        writer.close()

    def says(self, status: str, body: bytes = b"", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    yield site
    server.close()


async def get(site: Site, tmp_path: Path, *, most: int = 1000, seconds: float = 10.0) -> Fetched:
    limits = Limits(most_bytes=most, seconds=seconds)
    url = f"http://localhost:{site.port}/a.wav?b=c"
    return await fetch(
        url, tmp_path / "got", field="url", limits=limits, allowed=[*HERE, ipaddress.ip_network("::1/128")]
    )


async def test_what_the_address_holds_is_saved(site: Site, tmp_path: Path) -> None:
    site.says("200 OK", b"music", **{"content-type": "audio/wav; x=y"})

    found = await get(site, tmp_path)

    assert (found.type, found.size, (tmp_path / "got").read_bytes()) == ("audio/wav", 5, b"music")
    assert site.requests[0].startswith(b"GET /a.wav?b=c HTTP/1.1\r\n")
    assert f"Host: localhost:{site.port}".encode() in site.requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://172.16.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://224.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
    ],
)
async def test_nothing_inside_is_fetched(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        await fetch(url, tmp_path / "got", field="reference_url", limits=Limits(seconds=5))
    assert (caught.value.field, caught.value.reason) == ("reference_url", "FORBIDDEN_ADDRESS")


@pytest.mark.parametrize("url", ["ftp://a.b/", "file:///etc/passwd", "http://", "http://u:p@a.b/", "http://a.b:99999/"])
async def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        await fetch(url, tmp_path / "got", field="url", limits=Limits(seconds=5))


async def test_a_redirect_is_followed_only_to_where_one_may_go(site: Site, tmp_path: Path) -> None:
    site.says("302 Found", location="http://169.254.169.254/latest")
    with pytest.raises(InvalidInput) as caught:
        await get(site, tmp_path)
    assert caught.value.reason == "FORBIDDEN_ADDRESS"


async def test_redirects_in_a_circle_end(site: Site, tmp_path: Path) -> None:
    site.says("302 Found", location="/again")
    with pytest.raises(InvalidInput, match="redirects"):
        await get(site, tmp_path)
    assert len(site.requests) == 6


async def test_what_is_too_large_is_not_taken(site: Site, tmp_path: Path) -> None:
    site.says("200 OK", b"x" * 2000)
    with pytest.raises(InvalidInput, match="1,000 bytes"):
        await get(site, tmp_path)
    # Nor when it does not say so beforehand.
    site.answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + b"x" * 2000
    with pytest.raises(InvalidInput, match="1,000 bytes"):
        await get(site, tmp_path)


async def test_what_never_comes_is_given_up(site: Site, tmp_path: Path) -> None:
    site.answer = None
    with pytest.raises(DeadlineExceeded):
        await get(site, tmp_path, seconds=0.3)


async def test_a_server_in_trouble_may_be_asked_again_and_one_without_it_not(site: Site, tmp_path: Path) -> None:
    site.says("503 Busy")
    with pytest.raises(Unavailable):
        await get(site, tmp_path)
    site.says("404 Not Found")
    with pytest.raises(InvalidInput, match="404"):
        await get(site, tmp_path)

"""Many watchers on one job, over the gateway's event streams: how many events a second reach them.

The watchers are raw sockets that count what arrives, because a full HTTP client would take more of the machine than the
gateway that it measures. One of them is looked at closely: every event once, in order.
"""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from tutti import process
from tutti.client import Client, task

#: What the mesh must be started with: the worker's limit on log lines is not what is measured.
ENVIRONMENT = {"TUTTI_LOG_BURST": "1000000", "TUTTI_LOG_LINES_PER_SECOND": "1000000"}

#: How an event with an id begins on the wire; lines within its data are escaped by JSON.
_MARK = b"\nid: "
_END = b"\nevent: end\n"
_SEQUENCE = re.compile(rb'"sequence":([0-9]+)')
#: Seconds for which the job keeps quiet, so that everyone is there when it begins.
_HEAD_START = 6.0
#: Connections that are opened at the same time.
_OPENING = 50


@dataclass(frozen=True, kw_only=True)
class Delivery:
    watchers: int
    events: int
    """Of the job; every watcher got each."""
    delivered_per_second: float
    """Over all watchers, from the job's first line to the moment when the last watcher was told of the end."""


class _Watcher(asyncio.Protocol):
    def __init__(self, request: bytes, *, keep: bool) -> None:
        loop = asyncio.get_running_loop()
        self.greeted: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.events = 0
        self.kept = bytearray()
        self._keep = keep
        self._request = request
        self._carried = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not to be asked for its class: uvloop's is none of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._keep:
            self.kept += data
        if not self.greeted.done():
            self.greeted.set_result(None)
        data = self._carried + data
        self.events += data.count(_MARK)
        # Too short for another whole mark, long enough for the beginning of one.
        self._carried = data[-(len(_MARK) - 1) :]
        if data.endswith((b"}\n\n\r\n", b"0\r\n\r\n")) and _END in data and not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.greeted, self.ended):
            if not future.done():
                future.set_exception(error or ConnectionError("the gateway hung up before the end"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def delivery(
    client: Client, gateway: str, *, watchers: int = 1000, lines: int = 2000, each: int = 5, pause: float = 0.01
) -> Delivery:
    """A job says so many lines, `each` at a time and `pause` seconds apart; everybody watches it from its beginning."""
    process.raise_file_limit()
    job_id = await client.submit(
        task("test.ticks", {"count": lines, "each": each, "pause": pause, "delay": _HEAD_START}), owner="local"
    )
    began = asyncio.create_task(_first_line(client, job_id), name="first line")
    crowd = await _opened(gateway, job_id, watchers)
    if began.done():
        raise RuntimeError(f"the job began before {watchers} watchers were there")
    start = await began
    await asyncio.gather(*(watcher.ended for watcher in crowd))
    seconds = time.perf_counter() - start
    for watcher in crowd:
        watcher.close()
    events = (await client.get(job_id)).revision
    if {watcher.events for watcher in crowd} != {events}:
        raise RuntimeError(f"a job of {events} events was seen as {sorted({watcher.events for watcher in crowd})}")
    if _sequences(crowd[0]) != list(range(1, events + 1)):
        raise RuntimeError("a watcher saw events twice, or out of order")
    return Delivery(watchers=watchers, events=events, delivered_per_second=watchers * events / seconds)


async def _first_line(client: Client, job_id: str) -> float:
    async for event in client.watch(job_id):
        if event.HasField("log"):
            return time.perf_counter()
    raise RuntimeError("the job said nothing")


async def _opened(gateway: str, job_id: str, count: int) -> list[_Watcher]:
    """Watchers that have been greeted."""
    address = urlsplit(gateway)
    host, port = address.hostname or "127.0.0.1", address.port or 80
    request = f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    loop, room = asyncio.get_running_loop(), asyncio.Semaphore(_OPENING)

    async def opened(number: int) -> _Watcher:
        async with room:
            _, watcher = await loop.create_connection(lambda: _Watcher(request, keep=number == 0), host, port)
            await watcher.greeted
            return watcher

    return list(await asyncio.gather(*(opened(number) for number in range(count))))


def _sequences(watcher: _Watcher) -> list[int]:
    # Chunks of HTTP may end anywhere in an event; what is between them is not part of it.
    body = b"".join(_chunks(bytes(watcher.kept).partition(b"\r\n\r\n")[2]))
    return [int(found) for found in _SEQUENCE.findall(body)]


def _chunks(body: bytes) -> list[bytes]:
    chunks = []
    while body:
        size, _, rest = body.partition(b"\r\n")
        chunks.append(rest[: int(size, 16)])
        body = rest[int(size, 16) + 2 :]
    return chunks

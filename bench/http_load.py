"""The lightest HTTP load that is still honest: keep-alive connections that write a request and wait for its answer.

A full HTTP client would take more of the machine than the gateway that it measures.
"""

import asyncio
import json
import time
from collections.abc import Mapping


async def post(
    host: str, port: int, path: str, body: Mapping[str, object], *, requests: int, connections: int
) -> float:
    """Requests per second that were answered 202 or 200; anything else raises."""
    content = json.dumps(body).encode()
    lines = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    message, begun = "\r\n".join([*lines, "", ""]).encode() + content, time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(connections):
            tasks.create_task(_talk(host, port, message, requests // connections))
    return requests // connections * connections / (time.perf_counter() - begun)


async def _talk(host: str, port: int, message: bytes, count: int) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for _ in range(count):
        writer.write(message)
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        lines = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
        await reader.readexactly(int(lines[b"content-length"]))
        if status not in (200, 202):
            raise RuntimeError(f"answered {status}")
    writer.close()
    await writer.wait_closed()

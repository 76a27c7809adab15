"""A process of clients whose servers hang up as soon as they are connected to; run by test_flapping_peers."""

import asyncio
import random
import sys

import grpc

from tutti import rpc

#: What a server of HTTP/2 begins with: an empty SETTINGS frame. After it, a client counts as connected.
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
CLIENTS = 20


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(SETTINGS)
    await asyncio.sleep(random.choice([0, 0, 0.0002, 0.001, 0.003]))
    writer.transport.abort()


async def _call(addresses: list[str], until: float) -> int:
    loop, calls = asyncio.get_running_loop(), 0
    while loop.time() < until:
        async with rpc.channel(random.sample(addresses, 2), service="tutti.v1.SomeService") as channel:
            method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/tutti.v1.SomeService/Some")
            hang_up = min(until, loop.time() + random.uniform(0, 0.6))
            while loop.time() < hang_up:
                try:
                    await method(b"", timeout=0.05)
                except grpc.aio.AioRpcError:
                    calls += 1
    return calls


async def main(seconds: float) -> None:
    servers = [await asyncio.start_server(_hang_up, "127.0.0.1", 0) for _ in range(4)]
    addresses = [f"127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    until = asyncio.get_running_loop().time() + seconds
    failed = sum(await asyncio.gather(*(_call(addresses, until) for _ in range(CLIENTS))))
    sys.stdout.write(f"failed calls: {failed}\n")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))

"""A peer whose process is stopped: its kernel goes on to acknowledge every packet, so only gRPC itself can notice."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tutti import rpc

SERVER = """
import asyncio
from tutti import rpc

async def main():
    server = rpc.Server(services=["tutti.test"])
    address = server.bind("127.0.0.1:0")
    await server.start()
    await server.serving(True)
    print(address, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@dataclass(frozen=True, kw_only=True)
class Peer:
    address: str
    pid: int


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", SERVER, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        address = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
        yield Peer(address=address, pid=process.pid)
    finally:
        process.kill()
        await process.wait()


@pytest.mark.parametrize("service", ["", "tutti.test"], ids=["plain", "with health checking"])
async def test_a_stream_to_a_hung_process_breaks(peer: Peer, service: str) -> None:
    async with rpc.channel([peer.address], service=service) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="tutti.test"))
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING

        os.kill(peer.pid, signal.SIGSTOP)

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            # It takes 4 s; without a limit of ours gRPC waits a minute.
            await asyncio.wait_for(watch.read(), 30)
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE

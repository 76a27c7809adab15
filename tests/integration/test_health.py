"""Health as clients see it: that is how they find the scheduler's leader."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tutti import rpc

SERVICE = "tutti.v1.SchedulerService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    def __init__(self, server: rpc.Server, channel: grpc.aio.Channel, address: str) -> None:
        self.server = server
        self.address = address
        self.stub = health_pb2_grpc.HealthStub(channel)

    def watch(self) -> Any:
        return self.stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=10)

    async def check(self, service: str) -> int:
        return int((await self.stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)).status)


@pytest_asyncio.fixture
async def health() -> AsyncIterator[Health]:
    server = rpc.Server(services=[SERVICE])
    address = server.bind("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield Health(server, channel, address)
    await server.stop(0)


async def next_state(watch: Any) -> int:
    return int((await watch.read()).status)


async def test_a_process_is_healthy_before_its_service_is(health: Health) -> None:
    assert await health.check("") == SERVING
    assert await health.check(SERVICE) == NOT_SERVING


async def test_an_unknown_service_is_not_found(health: Health) -> None:
    try:
        await health.check("tutti.v1.Nonsense")
    except grpc.aio.AioRpcError as error:
        code = error.code()
    assert code is grpc.StatusCode.NOT_FOUND


async def test_a_watcher_that_leaves_takes_no_other_along(health: Health) -> None:
    staying, leaving = health.watch(), health.watch()
    assert [await next_state(staying), await next_state(leaving)] == [NOT_SERVING, NOT_SERVING]

    leaving.cancel()
    await asyncio.wait([asyncio.create_task(leaving.wait_for_connection()), asyncio.create_task(leaving.code())])
    await health.check("")  # the server has had its turn to see the first one gone
    await health.server.serving(True)

    assert await next_state(staying) == SERVING


async def test_whoever_watches_hears_of_the_shutdown(health: Health) -> None:
    await health.server.serving(True)
    watch = health.watch()
    assert await next_state(watch) == SERVING
    stopping = asyncio.create_task(health.server.stop(1))
    assert await next_state(watch) == NOT_SERVING
    watch.cancel()
    await stopping


async def ask(*arguments: str) -> tuple[int, str]:
    """What a container's health check does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tutti.health", *arguments, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_a_container_asks_by_the_exit_code(health: Health) -> None:
    assert (await ask(health.address))[0] == 0
    code, said = await ask(health.address, SERVICE)
    assert (code, "NOT_SERVING" in said) == (1, True)
    await health.server.serving(True)
    assert (await ask(health.address, SERVICE))[0] == 0
    code, said = await ask(health.address, "tutti.v1.Nonsense")
    assert (code, "NOT_FOUND" in said) == (1, True)


async def test_a_container_whose_server_is_away_is_not_well() -> None:
    code, said = await ask("127.0.0.1:1", "--timeout", "1")
    assert code == 1
    assert "SERVING" not in said

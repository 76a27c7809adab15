"""Asking the parts of a mesh whether they are well, each in its own language."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tutti import errors, redis_client, rpc

PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 1.0


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    """Return once the check is true. Has no deadline of its own: the caller knows what it waits for."""
    while not await check():  # noqa: ASYNC110  the answer lies in another process
        await asyncio.sleep(PAUSE_SECONDS)


async def grpc_serving(address: str, service: str = "") -> bool:
    """Whether the process, or with `service` that service of it, says SERVING."""
    async with rpc.channel([address]) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        with contextlib.suppress(grpc.aio.AioRpcError):
            answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=ANSWER_SECONDS)
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
    return False


async def http_ok(url: str) -> bool:
    # Loopback only: no proxy of the environment, no certificates to load.
    async with httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, verify=False) as client:  # noqa: S501
        with contextlib.suppress(httpx.HTTPError):
            return (await client.get(url)).status_code == httpx.codes.OK
    return False


async def redis_pong(url: str) -> bool:
    """False also while Redis is loading its file."""
    client = redis_client.connect(url)
    try:
        with contextlib.suppress(errors.Unavailable), redis_client.translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                return bool(await client.ping())
    finally:
        await client.aclose()
    return False

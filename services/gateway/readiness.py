"""Whether this gateway can be of use: it can if some orchestrator says that it serves."""

import asyncio
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tutti import errors, rpc
from tutti.client.client import ORCHESTRATOR

#: Seconds for the whole check. Kubernetes gives a probe one second unless told otherwise.
_TIMEOUT_SECONDS = 0.9


class Readiness:
    def __init__(self, orchestrators: Sequence[str], closing: asyncio.Event) -> None:
        # Calls on this channel reach healthy servers only, so that one of several orchestrators is enough.
        self._channel = rpc.channel(orchestrators, service=ORCHESTRATOR)
        self._health = health_pb2_grpc.HealthStub(self._channel)
        self._closing = closing

    async def check(self) -> None:
        """Raises Unavailable, naming what is missing."""
        if self._closing.is_set():
            raise errors.Unavailable("the gateway is shutting down", reason="SHUTTING_DOWN")
        request = health_pb2.HealthCheckRequest(service=ORCHESTRATOR)
        try:
            answer = await self._health.Check(request, timeout=_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError as error:
            raise _missing() from error
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise _missing()

    async def close(self) -> None:
        await self._channel.close()


def _missing() -> errors.Unavailable:
    return errors.Unavailable("no orchestrator is serving", reason="ORCHESTRATOR_UNAVAILABLE")

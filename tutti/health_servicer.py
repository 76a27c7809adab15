"""grpc.health.v1 for asyncio servers. Not grpcio-health-checking's own: there, one watcher that leaves makes the server
forget all the other watchers of that service, who then never hear that a standby has become the leader."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

Status = health_pb2.HealthCheckResponse


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # the library has no types
    def __init__(self) -> None:
        self._states: dict[str, int] = {"": Status.SERVING}
        #: Replaced, not set again, at each change: whoever waits on the old one wakes, whoever comes later waits anew.
        self._changes: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._leaving = False

    async def Check(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        state = self._states.get(request.service)
        if state is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"no service {request.service!r} here")
        return Status(status=state)

    async def Watch(self, request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        said = None
        while True:
            change = self._changes[request.service]
            state = self._states.get(request.service, Status.SERVICE_UNKNOWN)
            if state != said:
                said = state
                yield Status(status=state)
            await change.wait()

    async def set(self, service: str, state: int) -> None:
        if not self._leaving:
            self._set(service, state)

    async def enter_graceful_shutdown(self) -> None:
        self._leaving = True
        for service in self._states:
            self._set(service, Status.NOT_SERVING)

    def _set(self, service: str, state: int) -> None:
        self._states[service] = state
        change = self._changes.pop(service, None)
        if change is not None:
            change.set()

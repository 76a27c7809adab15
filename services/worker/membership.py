"""The worker's place in the fleet: it registers with the scheduler's leader, beats, and says good-bye."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

import grpc

from services.worker.readiness import Readiness
from services.worker.runner import Runner
from tutti import backoff, errors, rpc
from tutti.client.client import SCHEDULER
from tutti.v1 import scheduler_pb2, scheduler_pb2_grpc

log = logging.getLogger(__name__)

CALL_SECONDS = 3.0
#: The reason with which the leader refuses a process whose name another one bears by now.
STALE_INCARNATION = "STALE_INCARNATION"


class Membership:
    def __init__(
        self,
        schedulers: Sequence[str],
        info: scheduler_pb2.WorkerInfo,
        runner: Runner,
        *,
        readiness: Readiness,
        on_member: Callable[[bool], Awaitable[None]],
    ) -> None:
        self._channel = rpc.channel(schedulers, service=SCHEDULER)
        self._stub = scheduler_pb2_grpc.SchedulerServiceStub(self._channel)
        self._info = info
        self._runner = runner
        self._readiness = readiness
        self._on_member = on_member
        self._epoch = ""
        #: Somebody asked for it to be drained; it remembers that for as long as it lives.
        self._told_to_drain = False
        #: It is shutting down, and has left.
        self._leaving = False
        self._left = False

    async def run(self) -> None:
        """Stay a member: beat while known, register where not. Ends with PreconditionFailed once another process is
        registered under this name: what this one runs is given to others."""
        interval, pauses = 0.0, backoff.delays(0.05, 1.0)
        while True:
            try:
                if not self._epoch and not self._left:
                    interval = await self._register()
                    await self._on_member(not self._leaving)
                elif self._epoch and not await self._beat():
                    self._epoch = ""
                    continue
                pauses = backoff.delays(0.05, 1.0)
                await self._pause(interval)
            except grpc.aio.AioRpcError as error:
                translated = rpc.from_grpc(error)
                if translated.reason == STALE_INCARNATION:
                    raise translated from error
                # Whoever leads next does not know this worker: find out by registering.
                self._epoch = ""
                log.warning("no scheduler answers", extra={"error": translated.message})
                await asyncio.sleep(next(pauses))

    async def _pause(self, seconds: float) -> None:
        """Wait for the next beat; a model that became ready is news that does not wait."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._readiness.changed.wait()
        self._readiness.changed.clear()

    @property
    def draining(self) -> bool:
        """Whether it takes nothing new and finishes what it has."""
        return self._told_to_drain or self._leaving

    async def drain(self) -> None:
        """Ask for nothing more, because the process is about to end; leases in hand go on."""
        self._leaving = True
        if self._epoch:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._beat()

    async def leave(self) -> None:
        self._left = True
        request = scheduler_pb2.DeregisterWorkerRequest(
            worker_id=self._info.worker_id, incarnation=self._info.incarnation
        )
        with contextlib.suppress(errors.TuttiError), rpc.translated():
            await self._stub.DeregisterWorker(request, timeout=1.0)

    async def close(self) -> None:
        await self._channel.close()

    async def _register(self) -> float:
        request = scheduler_pb2.RegisterWorkerRequest(
            info=self._info,
            running=self._runner.running(),
            ready_models=self._readiness.models(),
            draining=self.draining,
        )
        response = await self._stub.RegisterWorker(request, timeout=CALL_SECONDS)
        self._epoch = response.epoch
        log.info("registered", extra={"epoch": response.epoch})
        return response.heartbeat_interval_ms / 1000

    async def _beat(self) -> bool:
        request = scheduler_pb2.HeartbeatRequest(
            worker_id=self._info.worker_id,
            incarnation=self._info.incarnation,
            epoch=self._epoch,
            ready_models=self._readiness.models(),
            draining=self.draining,
        )
        response = await self._stub.Heartbeat(request, timeout=CALL_SECONDS)
        if response.drain and not self._told_to_drain:
            log.info("told to drain")
            self._told_to_drain = True
        return not response.register

"""The orchestrator's side of the pair orchestrator → scheduler: orders go right in batches, updates come back left.

Knows nothing of jobs: it is told what to hand over, and asks its owner again for everything that is outstanding when a
new leader begins its term.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

import grpc

from tutti import backoff, errors, rpc
from tutti.batching import Batcher
from tutti.client.client import SCHEDULER
from tutti.updates import Follower
from tutti.v1 import scheduler_pb2, scheduler_pb2_grpc, task_pb2

log = logging.getLogger(__name__)

CALL_SECONDS = 5.0
#: Updates are acknowledged with the next hand-over, or after so many seconds without one.
ACKNOWLEDGE_SECONDS = 1.0


class SchedulerLink:
    def __init__(
        self,
        addresses: Sequence[str],
        *,
        orchestrator_id: str,
        on_updates: Callable[[task_pb2.UpdateBatch], Awaitable[None]],
        outstanding: Callable[[], Iterable[task_pb2.TaskOrder]],
    ) -> None:
        self._id = orchestrator_id
        self._channel = rpc.channel(addresses, service=SCHEDULER)
        self._stub = scheduler_pb2_grpc.SchedulerServiceStub(self._channel)
        self._orders: Batcher[task_pb2.TaskOrder, None] = Batcher(self._send, name="schedule")
        self._stops: Batcher[task_pb2.AttemptRef, None] = Batcher(self._send_stops, name="stop-tasks")
        self._outstanding = outstanding
        self._follower = Follower(self._open, on_epoch=self._new_epoch, on_updates=on_updates, on_break=self._broken)
        #: The leader's term; empty until the first one is met.
        self.epoch = ""
        self._acknowledged = 0
        self._acknowledged_to_peer = 0

    def hand_over(self, order: task_pb2.TaskOrder) -> None:
        """Hand an order to the leader. With none it is dropped: a new term asks for all that is outstanding."""
        if self.epoch:
            self._orders.submit(order)

    def stop(self, attempt: task_pb2.AttemptRef) -> None:
        if self.epoch:
            self._stops.submit(attempt)

    def acknowledge(self, number: int) -> None:
        """Everything up to this update is recorded."""
        self._acknowledged = number

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follower.run(), name="follow-scheduler")
            tasks.create_task(self._acknowledge_when_idle(), name="acknowledge-updates")

    async def close(self) -> None:
        await self._orders.close()
        await self._stops.close()
        await self._channel.close()

    async def _open(self, after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        request = scheduler_pb2.WatchTasksRequest(orchestrator_id=self._id, after=after)
        async for response in self._stub.WatchTasks(request):
            yield response.batch

    async def _new_epoch(self, epoch: str) -> None:
        log.info("following a scheduler", extra={"epoch": epoch})
        self.epoch = epoch
        self._acknowledged = self._acknowledged_to_peer = 0
        for order in self._outstanding():
            self.hand_over(order)

    async def _broken(self, error: errors.TuttiError) -> None:
        log.warning("the scheduler's stream broke", extra={"error": error.message})

    async def _send(self, orders: Sequence[task_pb2.TaskOrder]) -> list[None]:
        epoch, pauses = self.epoch, backoff.delays(0.02, 1.0)
        request = scheduler_pb2.ScheduleRequest(
            orchestrator_id=self._id, epoch=epoch, orders=orders, acknowledged=self._acknowledged
        )
        # Orders of a term that is over are dropped: the next term was told of them when it began.
        while epoch == self.epoch:
            try:
                await self._stub.Schedule(request, timeout=CALL_SECONDS)
                self._acknowledged_to_peer = max(self._acknowledged_to_peer, request.acknowledged)
                break
            except grpc.aio.AioRpcError as error:
                translated = rpc.from_grpc(error)
                if isinstance(translated, errors.PreconditionFailed):
                    break
                log.warning("could not hand orders over", extra={"orders": len(orders), "error": translated.message})
            await asyncio.sleep(next(pauses))
        return [None] * len(orders)

    async def _send_stops(self, attempts: Sequence[task_pb2.AttemptRef]) -> list[None]:
        epoch, pauses = self.epoch, backoff.delays(0.02, 1.0)
        request = scheduler_pb2.CancelTasksRequest(orchestrator_id=self._id, attempts=attempts)
        while epoch == self.epoch:
            try:
                await self._stub.CancelTasks(request, timeout=CALL_SECONDS)
                break
            except grpc.aio.AioRpcError as error:
                log.warning("could not stop attempts", extra={"error": rpc.from_grpc(error).message})
            await asyncio.sleep(next(pauses))
        return [None] * len(attempts)

    async def _acknowledge_when_idle(self) -> None:
        while True:
            await asyncio.sleep(ACKNOWLEDGE_SECONDS)
            if self.epoch and self._acknowledged > self._acknowledged_to_peer:
                with contextlib.suppress(errors.TuttiError):
                    await self._send([])

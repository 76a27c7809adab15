"""The orchestrator's side of the pair orchestrator → scheduler: orders go right in batches, updates come back left.

Knows nothing of jobs: it is told what to hand over, and asks its owner again for everything that is outstanding when a
new leader begins its term.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from tutti import backoff, errors, rpc
from tutti.batching import Batcher
from tutti.client.client import SCHEDULER
from tutti.lanes import Lane
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
        on_new_leader: Callable[[], Awaitable[None]],
        stands: Callable[[task_pb2.TaskOrder], bool] = lambda order: True,
    ) -> None:
        self._id = orchestrator_id
        self._channel = rpc.channel(addresses, service=SCHEDULER)
        self._stub = scheduler_pb2_grpc.SchedulerServiceStub(self._channel)
        self._scheduling = Lane(self._stub.Schedule)
        # Orders and stops go through one batcher: a stop must never overtake the order that it is about.
        self._outgoing: Batcher[task_pb2.TaskOrder | task_pb2.AttemptRef, None] = Batcher(
            self._send, name="hand-over", weigh=lambda item: item.ByteSize(), max_weight=rpc.MAX_BATCH_BYTES
        )
        self._on_new_leader = on_new_leader
        self._stands = stands
        self._follower = Follower(self._open, on_epoch=self._new_epoch, on_updates=on_updates, on_break=self._broken)
        #: The leader's term; empty until the first one is met.
        self.epoch = ""
        #: Whether its stream is open. While it is not, nothing is sent, so that the next leader can place at once what
        #: no earlier one has heard of.
        self.connected = False
        #: Something was not sent.
        self._missed = False
        self._acknowledged = 0
        self._acknowledged_to_peer = 0

    def hand_over(self, order: task_pb2.TaskOrder) -> None:
        """Hand an order to the leader. With none it is dropped: the next stream asks for all that is outstanding."""
        self._submit(order)

    def stop(self, attempt: task_pb2.AttemptRef) -> None:
        self._submit(attempt)

    def _submit(self, item: task_pb2.TaskOrder | task_pb2.AttemptRef) -> None:
        if self.connected:
            self._outgoing.put(item)
        else:
            self._missed = True

    def acknowledge(self, number: int) -> None:
        """Everything up to this update is recorded."""
        self._acknowledged = number

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follower.run(), name="follow-scheduler")
            tasks.create_task(self._acknowledge_when_idle(), name="acknowledge-updates")

    async def close(self) -> None:
        await self._outgoing.close()
        await self._channel.close()

    async def _open(self, after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        request = scheduler_pb2.WatchTasksRequest(orchestrator_id=self._id, after=after)
        async for response in self._stub.WatchTasks(request):
            if not self.connected and response.batch.epoch == self.epoch:
                await self._back()
            yield response.batch

    async def _back(self) -> None:
        """The stream broke for a moment; the leader is the same."""
        self.connected, missed, self._missed = True, self._missed, False
        if missed:
            await self._on_new_leader()

    async def _new_epoch(self, epoch: str) -> None:
        log.info("following a scheduler", extra={"epoch": epoch})
        self.epoch, self.connected, self._missed = epoch, True, False
        self._acknowledged = self._acknowledged_to_peer = 0
        self._scheduling.leave()  # a leader before this one may still hold the other end
        await self._on_new_leader()

    async def _broken(self, error: errors.TuttiError) -> None:
        self.connected = False
        log.warning("the scheduler's stream broke", extra={"error": error.message})

    async def _send(self, items: Sequence[task_pb2.TaskOrder | task_pb2.AttemptRef]) -> list[None]:
        orders = [item for item in items if isinstance(item, task_pb2.TaskOrder)]
        stops = [item for item in items if isinstance(item, task_pb2.AttemptRef)]
        if orders:
            await self._schedule(orders)
        if stops:
            stop = scheduler_pb2.CancelTasksRequest(orchestrator_id=self._id, epoch=self.epoch, attempts=stops)
            await self._insist(lambda: self._cancel(stop))
        return [None] * len(items)

    async def _cancel(self, stop: scheduler_pb2.CancelTasksRequest) -> None:
        with rpc.translated():
            await self._stub.CancelTasks(stop, timeout=CALL_SECONDS)

    async def _schedule(self, orders: Sequence[task_pb2.TaskOrder]) -> None:
        acknowledged, epoch = self._acknowledged, self.epoch

        def call() -> Awaitable[object]:
            # Looked at before every try: however long an order was on its way, because this process was paused or no
            # leader answered, it goes out only while the job is this replica's.
            standing = [order for order in orders if self._stands(order)]
            request = scheduler_pb2.ScheduleRequest(
                orchestrator_id=self._id, epoch=epoch, orders=standing, acknowledged=acknowledged
            )
            return self._scheduling.call(request, timeout=CALL_SECONDS)

        if await self._insist(call):
            self._acknowledged_to_peer = max(self._acknowledged_to_peer, acknowledged)

    async def _insist(self, call: Callable[[], Awaitable[object]]) -> bool:
        """Repeat a call until it is answered or the term is over: the next leader is told everything anew."""
        epoch, pauses = self.epoch, backoff.delays(0.02, 1.0)
        while epoch == self.epoch:
            try:
                await call()
                return True
            except errors.PreconditionFailed:
                return False
            except errors.TuttiError as error:
                log.warning("could not reach the scheduler", extra={"error": error.message})
            await asyncio.sleep(next(pauses))
        return False

    async def _acknowledge_when_idle(self) -> None:
        while True:
            await asyncio.sleep(ACKNOWLEDGE_SECONDS)
            if self.epoch and self._acknowledged > self._acknowledged_to_peer:
                await self._schedule([])

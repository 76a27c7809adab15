"""The scheduler's side of the pair scheduler → worker: leases go right in batches, updates come back left."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

import grpc

from tutti import backoff, clock, errors, rpc
from tutti.batching import Batcher
from tutti.lanes import Lane
from tutti.updates import Follower
from tutti.v1 import scheduler_pb2, task_pb2, worker_pb2, worker_pb2_grpc

log = logging.getLogger(__name__)

CALL_SECONDS = 5.0
#: A stream that stays broken for so long means that the worker's process is gone: a new one would have registered.
GIVE_UP_SECONDS = 0.4
ACKNOWLEDGE_SECONDS = 1.0
#: The reason with which a worker that is shutting down refuses leases.
DRAINING = "DRAINING"
#: The reason with which a worker refuses a leader when it has heard a later one.
STALE_EPOCH = "STALE_EPOCH"


class WorkerGone(errors.Unavailable):
    """The worker does not answer any more, or is another process than the one that registered."""

    default_reason = "WORKER_GONE"


class WorkerLink:
    """One registered worker process, from registration until it is lost."""

    def __init__(
        self,
        info: scheduler_pb2.WorkerInfo,
        *,
        term: int,
        on_updates: Callable[["WorkerLink", task_pb2.UpdateBatch], Awaitable[None]],
        on_accepted: Callable[[Sequence[task_pb2.Lease]], None],
        on_refused: Callable[[Sequence[task_pb2.Lease]], None],
        on_reachable: Callable[["WorkerLink", bool], None],
        on_superseded: Callable[[], None],
    ) -> None:
        self.info = info
        self.register_ms = self.heartbeat_ms = clock.now_ms()
        self.last_heard = time.monotonic()
        self.connected = False
        self._term = term
        self._on_updates = on_updates
        self._on_accepted = on_accepted
        self._on_refused = on_refused
        self._on_reachable = on_reachable
        self._on_superseded = on_superseded
        self._channel = rpc.channel([info.address])
        self._stub = worker_pb2_grpc.WorkerServiceStub(self._channel)
        self._executing = Lane(self._stub.Execute)
        # Leases and stops go through one batcher: a stop that overtook its lease would be answered as LOST, and the
        # attempt would begin after its job has ended.
        self._outgoing: Batcher[task_pb2.Lease | task_pb2.AttemptRef, None] = Batcher(
            self._send,
            name=f"tell-{info.worker_id}",
            weigh=lambda item: item.ByteSize(),
            max_weight=rpc.MAX_BATCH_BYTES,
        )
        self._follower = Follower(self._open, on_epoch=self._met, on_updates=self._updates, on_break=self._broken)
        self._broken_since = 0.0
        self._gone = False
        #: Batches passed on: their last number, and per orchestrator the number that its outbox gave it.
        self._passed: deque[tuple[int, Mapping[str, int]]] = deque()
        self._acknowledged = 0
        self._acknowledged_to_peer = 0

    def heard(self) -> None:
        self.heartbeat_ms, self.last_heard = clock.now_ms(), time.monotonic()

    def lives(self) -> None:
        """It has registered again: should its stream be broken, it will be back."""
        self.heard()
        self._broken_since = 0.0

    def execute(self, lease: task_pb2.Lease) -> None:
        self._outgoing.put(lease)

    def stop(self, attempt: task_pb2.AttemptRef) -> None:
        self._outgoing.put(attempt)

    def passed_on(self, number: int, to: Mapping[str, int]) -> None:
        """Everything up to this number lies in orchestrators' outboxes; the worker may forget it once they have it."""
        self._passed.append((number, to))

    def acknowledge(self, acknowledged: Callable[[str], int]) -> bool:
        """Work out how far orchestrators have recorded what came from here; returns whether that is all of it."""
        while self._passed and all(acknowledged(name) >= n for name, n in self._passed[0][1].items()):
            self._acknowledged = self._passed.popleft()[0]
        return not self._passed

    async def run(self) -> None:
        """Follow the worker until it is gone (WorkerGone) or this is cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follower.run(), name=f"follow-{self.info.worker_id}")
                tasks.create_task(self._acknowledge_when_idle(), name=f"acknowledge-{self.info.worker_id}")
        except* errors.TuttiError as group:
            raise group.exceptions[0] from None
        finally:
            self._gone = True
            await self._channel.close()

    async def _open(self, after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        async for response in self._stub.WatchAttempts(worker_pb2.WatchAttemptsRequest(term=self._term, after=after)):
            self._broken_since = 0.0
            yield response.batch
            # After the first batch, which tells whether this is the process that registered.
            self._reachable(True)

    async def _met(self, epoch: str) -> None:
        if epoch != self.info.incarnation:
            raise WorkerGone("another process answers at its address")
        self._reachable(True)

    def _reachable(self, reachable: bool) -> None:
        if self.connected != reachable:
            self.connected = reachable
            self._on_reachable(self, reachable)

    async def _updates(self, batch: task_pb2.UpdateBatch) -> None:
        await self._on_updates(self, batch)

    async def _broken(self, error: errors.TuttiError) -> None:
        now = time.monotonic()
        self._reachable(False)
        self._broken_since = self._broken_since or now
        self._check_term(error)
        if isinstance(error, errors.PreconditionFailed) or now - self._broken_since > GIVE_UP_SECONDS:
            raise WorkerGone(error.message) from error

    async def _send(self, items: Sequence[task_pb2.Lease | task_pb2.AttemptRef]) -> list[None]:
        leases = [item for item in items if isinstance(item, task_pb2.Lease)]
        stops = [item for item in items if isinstance(item, task_pb2.AttemptRef)]
        if leases:
            await self._execute(leases)
        if stops and not self._gone:
            await self._stop(stops)
        return [None] * len(items)

    async def _execute(self, leases: Sequence[task_pb2.Lease]) -> None:
        """Give leases out, as often as it takes: a lease that the worker knows already changes nothing there. What is
        never answered is lost with the worker; what is refused can be placed elsewhere as it is."""
        request = worker_pb2.ExecuteRequest(term=self._term, leases=leases, acknowledged=self._acknowledged)
        for pause in backoff.delays(0.05, 0.5):
            if self._gone:
                break  # its channel is closed
            try:
                await self._executing.call(request, timeout=CALL_SECONDS)
            except errors.TuttiError as error:
                log.warning("leases were not taken", extra={"worker": self.info.worker_id, "error": error.message})
                self._check_term(error)
                if error.reason == DRAINING:
                    self._on_refused(leases)
                    break
            else:
                self._acknowledged_to_peer = max(self._acknowledged_to_peer, request.acknowledged)
                self._on_accepted(leases)
                break
            await asyncio.sleep(pause)

    async def _stop(self, attempts: Sequence[task_pb2.AttemptRef]) -> None:
        request = worker_pb2.WorkerServiceCancelTasksRequest(term=self._term, attempts=attempts)
        try:
            await self._stub.CancelTasks(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            # A worker that cannot be told is about to be lost, and its attempts with it.
            translated = rpc.from_grpc(error)
            log.warning("could not stop attempts", extra={"error": translated.message})
            self._check_term(translated)

    def _check_term(self, error: errors.TuttiError) -> None:
        if error.reason == STALE_EPOCH:
            self._on_superseded()

    async def _acknowledge_when_idle(self) -> None:
        while True:
            await asyncio.sleep(ACKNOWLEDGE_SECONDS)
            if self._acknowledged > self._acknowledged_to_peer:
                await self._execute([])

"""What the client asks of the scheduler's leader: the fleet and the queues. For operators."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import grpc

from tutti import errors
from tutti.v1 import scheduler_pb2, scheduler_pb2_grpc

Q = TypeVar("Q")
A = TypeVar("A")


class FleetCalls(ABC):
    #: None where no scheduler was named.
    _scheduler_channel: grpc.aio.Channel | None

    @abstractmethod
    async def _call(self, method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]", request: Q, owner: str = "") -> A: ...

    async def workers(self) -> Sequence[scheduler_pb2.Worker]:
        """The fleet, as the scheduler's leader sees it; workers that were lost stand in it for a while, too."""
        workers: list[scheduler_pb2.Worker] = []
        token = ""
        while True:
            request = scheduler_pb2.ListWorkersRequest(page_size=1000, page_token=token)
            page = await self._call(self._scheduler().ListWorkers, request)
            workers += page.workers
            token = page.next_page_token
            if not token:
                return workers

    async def drain(self, worker_id: str) -> scheduler_pb2.Worker:
        """Give a worker nothing new, until it is started anew; it finishes what it has."""
        request = scheduler_pb2.DrainWorkerRequest(worker_id=worker_id)
        return (await self._call(self._scheduler().DrainWorker, request)).worker

    async def remove_stale(self) -> Sequence[str]:
        """Forget workers that were lost; returns who they were."""
        request = scheduler_pb2.RemoveStaleWorkersRequest()
        return list((await self._call(self._scheduler().RemoveStaleWorkers, request)).worker_ids)

    async def queues(self) -> scheduler_pb2.GetQueuesResponse:
        """What waits, how much runs, and which kinds are held."""
        return await self._call(self._scheduler().GetQueues, scheduler_pb2.GetQueuesRequest())

    async def pause(self, kind: str) -> None:
        """Place nothing of a kind until it is resumed; jobs are accepted as ever."""
        await self._call(self._scheduler().PauseQueue, scheduler_pb2.PauseQueueRequest(kind=kind))

    async def resume(self, kind: str) -> None:
        await self._call(self._scheduler().ResumeQueue, scheduler_pb2.ResumeQueueRequest(kind=kind))

    def _scheduler(self) -> scheduler_pb2_grpc.SchedulerServiceStub:
        if self._scheduler_channel is None:
            raise errors.InvalidInput("this client was made without scheduler addresses", field="schedulers")
        return scheduler_pb2_grpc.SchedulerServiceStub(self._scheduler_channel)

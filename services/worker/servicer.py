"""WorkerService: between the contract's messages and the runner. Fences off leaders of earlier terms."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from services.worker import metrics
from services.worker.runner import Runner
from tutti import errors, rpc
from tutti.v1 import scheduler_pb2, worker_pb2, worker_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class WorkerServicer(worker_pb2_grpc.WorkerServiceServicer):
    def __init__(self, runner: Runner, info: scheduler_pb2.WorkerInfo, ready_models: Callable[[], list[str]]) -> None:
        self._runner = runner
        self._info = info
        self._ready_models = ready_models
        #: The highest term that has spoken to this worker.
        self._term = 0
        self.draining = False

    async def Execute(
        self, requests: AsyncIterator[worker_pb2.ExecuteRequest], context: Context
    ) -> AsyncIterator[worker_pb2.ExecuteResponse]:
        async for request in requests:
            self._check_term(request.term)
            if self.draining and request.leases:
                raise errors.Unavailable("this worker is shutting down; place the leases elsewhere", reason="DRAINING")
            self._runner.acknowledge(request.acknowledged)
            self._runner.execute(request.leases)
            await rpc.answer_after_what_follows()
            yield worker_pb2.ExecuteResponse()

    async def WatchAttempts(
        self, request: worker_pb2.WatchAttemptsRequest, context: Context
    ) -> AsyncIterator[worker_pb2.WatchAttemptsResponse]:
        self._check_term(request.term)
        async for batch in self._runner.outbox.read(request.after):
            yield worker_pb2.WatchAttemptsResponse(batch=batch)

    async def CancelTasks(
        self, request: worker_pb2.WorkerServiceCancelTasksRequest, context: Context
    ) -> worker_pb2.WorkerServiceCancelTasksResponse:
        self._check_term(request.term)
        self._runner.stop(request.attempts)
        return worker_pb2.WorkerServiceCancelTasksResponse()

    async def GetStatus(self, request: worker_pb2.GetStatusRequest, context: Context) -> worker_pb2.GetStatusResponse:
        return worker_pb2.GetStatusResponse(
            info=self._info,
            running=self._runner.running(),
            free_slots=self._runner.free_slots,
            ready_models=self._ready_models(),
        )

    def _check_term(self, term: int) -> None:
        if term < self._term:
            metrics.STALE_CALLS.inc()
            raise errors.PreconditionFailed(
                f"a leader of term {self._term} has spoken to this worker; term {term} is over", reason="STALE_EPOCH"
            )
        self._term = term

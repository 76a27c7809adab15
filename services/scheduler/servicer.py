"""SchedulerService: between the contract's messages and the leader's dispatcher. On a standby, every call says so."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import jsonschema_rs

from services.scheduler.dispatch import Dispatcher
from services.scheduler.leader import Election
from services.scheduler.lost import LostWorker
from services.scheduler.workers import WorkerLink
from tutti import errors, rpc
from tutti.v1 import scheduler_pb2, scheduler_pb2_grpc

DEFAULT_PAGE, LARGEST_PAGE = 100, 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class SchedulerServicer(scheduler_pb2_grpc.SchedulerServiceServicer):
    def __init__(self, election: Election) -> None:
        self._election = election
        #: The leader's, as long as this process leads.
        self.dispatcher: Dispatcher | None = None
        #: Holds and releases one at a time: what Redis knows and what the leader does must not come apart.
        self._holding = asyncio.Lock()

    def _leading(self) -> Dispatcher:
        if self.dispatcher is None:
            raise errors.Unavailable("this scheduler is a standby; the leader answers", reason="NOT_LEADER")
        return self.dispatcher

    async def Schedule(
        self, requests: AsyncIterator[scheduler_pb2.ScheduleRequest], context: Context
    ) -> AsyncIterator[scheduler_pb2.ScheduleResponse]:
        async for request in requests:
            dispatcher = self._leading()
            _require(request.orchestrator_id, "orchestrator_id")
            dispatcher.check_epoch(request.epoch)
            dispatcher.acknowledge(request.orchestrator_id, request.acknowledged)
            dispatcher.schedule(request.orchestrator_id, request.orders)
            await rpc.answer_after_what_follows()
            yield scheduler_pb2.ScheduleResponse()

    async def WatchTasks(
        self, request: scheduler_pb2.WatchTasksRequest, context: Context
    ) -> AsyncIterator[scheduler_pb2.WatchTasksResponse]:
        dispatcher = self._leading()
        _require(request.orchestrator_id, "orchestrator_id")
        async for batch in dispatcher.watch(request.orchestrator_id, request.after):
            yield scheduler_pb2.WatchTasksResponse(batch=batch)

    async def CancelTasks(
        self, request: scheduler_pb2.CancelTasksRequest, context: Context
    ) -> scheduler_pb2.CancelTasksResponse:
        dispatcher = self._leading()
        _require(request.orchestrator_id, "orchestrator_id")
        dispatcher.check_epoch(request.epoch)
        dispatcher.cancel(request.orchestrator_id, request.attempts)
        return scheduler_pb2.CancelTasksResponse()

    async def RegisterWorker(
        self, request: scheduler_pb2.RegisterWorkerRequest, context: Context
    ) -> scheduler_pb2.RegisterWorkerResponse:
        self._leading()
        info = request.info
        for field in ("worker_id", "incarnation", "address"):
            _require(getattr(info, field), f"info.{field}")
        if info.slots < 1 or not info.kinds:
            field = "info.slots" if info.slots < 1 else "info.kinds"
            raise errors.InvalidInput(f"{field}: a worker serves at least one kind in at least one slot", field=field)
        for kind in info.kinds:
            _check_schema(kind)
        # Known kinds are durable before the worker counts, or a job for it could be refused at the door.
        await self._election.publish_kinds(info.kinds)
        # Asked again: the term may have ended while Redis was waited for.
        dispatcher = self._leading()
        dispatcher.register(request)
        return scheduler_pb2.RegisterWorkerResponse(
            epoch=dispatcher.epoch, heartbeat_interval_ms=dispatcher.heartbeat_interval_ms
        )

    async def Heartbeat(
        self, request: scheduler_pb2.HeartbeatRequest, context: Context
    ) -> scheduler_pb2.HeartbeatResponse:
        return self._leading().heartbeat(request)

    async def DeregisterWorker(
        self, request: scheduler_pb2.DeregisterWorkerRequest, context: Context
    ) -> scheduler_pb2.DeregisterWorkerResponse:
        self._leading().deregister(request.worker_id, request.incarnation)
        return scheduler_pb2.DeregisterWorkerResponse()

    async def ListWorkers(
        self, request: scheduler_pb2.ListWorkersRequest, context: Context
    ) -> scheduler_pb2.ListWorkersResponse:
        dispatcher = self._leading()
        if not 0 <= request.page_size <= LARGEST_PAGE:
            raise errors.InvalidInput(f"page_size: {request.page_size}; use 1 to {LARGEST_PAGE}", field="page_size")
        size = request.page_size or DEFAULT_PAGE
        everyone: dict[str, WorkerLink | LostWorker] = {lost.info.worker_id: lost for lost in dispatcher.roster.lost}
        everyone.update((link.info.worker_id, link) for link in dispatcher.roster)
        ids = sorted(worker_id for worker_id in everyone if worker_id > request.page_token)
        return scheduler_pb2.ListWorkersResponse(
            workers=[_worker(dispatcher, everyone[worker_id]) for worker_id in ids[:size]],
            next_page_token=ids[size - 1] if len(ids) > size else "",
        )

    async def GetWorker(
        self, request: scheduler_pb2.GetWorkerRequest, context: Context
    ) -> scheduler_pb2.GetWorkerResponse:
        dispatcher = self._leading()
        worker = dispatcher.roster.find(request.worker_id) or dispatcher.roster.lost.find(request.worker_id)
        if worker is None:
            raise _no_worker(request.worker_id)
        return scheduler_pb2.GetWorkerResponse(worker=_worker(dispatcher, worker))

    async def DrainWorker(
        self, request: scheduler_pb2.DrainWorkerRequest, context: Context
    ) -> scheduler_pb2.DrainWorkerResponse:
        link = self._leading().roster.find(request.worker_id)
        if link is None:
            raise _no_worker(request.worker_id)
        await self._election.drain(request.worker_id, link.info.incarnation)
        # Asked again: the term may have ended while Redis was waited for, and the worker may have left.
        dispatcher = self._leading()
        link = dispatcher.roster.find(request.worker_id)
        if link is None:
            raise _no_worker(request.worker_id)
        dispatcher.roster.drain(link)
        return scheduler_pb2.DrainWorkerResponse(worker=_worker(dispatcher, link))

    async def RemoveStaleWorkers(
        self, request: scheduler_pb2.RemoveStaleWorkersRequest, context: Context
    ) -> scheduler_pb2.RemoveStaleWorkersResponse:
        return scheduler_pb2.RemoveStaleWorkersResponse(worker_ids=self._leading().roster.lost.clear())

    async def GetQueues(
        self, request: scheduler_pb2.GetQueuesRequest, context: Context
    ) -> scheduler_pb2.GetQueuesResponse:
        dispatcher = self._leading()
        queue = dispatcher.placement.queue
        response = scheduler_pb2.GetQueuesResponse(leased=len(dispatcher.leases), paused_kinds=queue.paused())
        for found in queue.depths():
            of_group = response.queues.add(
                kind=found.kind, priority=found.priority, owner=found.owner, depth=found.depth
            )
            of_group.oldest_time.FromMilliseconds(found.oldest_ms)
        return response

    async def PauseQueue(
        self, request: scheduler_pb2.PauseQueueRequest, context: Context
    ) -> scheduler_pb2.PauseQueueResponse:
        dispatcher = self._leading()
        _require(request.kind, "kind")
        async with self._holding:
            await self._election.pause(request.kind)
            dispatcher.placement.pause(request.kind)
        return scheduler_pb2.PauseQueueResponse()

    async def ResumeQueue(
        self, request: scheduler_pb2.ResumeQueueRequest, context: Context
    ) -> scheduler_pb2.ResumeQueueResponse:
        dispatcher = self._leading()
        _require(request.kind, "kind")
        async with self._holding:
            await self._election.resume(request.kind)
            dispatcher.resume(request.kind)
        return scheduler_pb2.ResumeQueueResponse()


def _worker(dispatcher: Dispatcher, known: WorkerLink | LostWorker) -> scheduler_pb2.Worker:
    if isinstance(known, LostWorker):
        worker = scheduler_pb2.Worker(
            info=known.info,
            state=scheduler_pb2.WORKER_STATE_LOST,
            ready_models=sorted(known.ready_models),
            lost_message=known.message,
        )
    else:
        member = dispatcher.placement.fleet.member(known.info.worker_id)
        state = scheduler_pb2.WORKER_STATE_READY if known.connected else scheduler_pb2.WORKER_STATE_CONNECTING
        worker = scheduler_pb2.Worker(
            info=known.info,
            state=scheduler_pb2.WORKER_STATE_DRAINING if member.closed else state,
            leases=[held.ref() for held in dispatcher.leases.of_worker(known.info.worker_id)],
            ready_models=sorted(member.ready_models),
        )
    worker.heartbeat_time.FromMilliseconds(known.heartbeat_ms)
    worker.register_time.FromMilliseconds(known.register_ms)
    return worker


def _no_worker(worker_id: str) -> errors.NotFound:
    return errors.NotFound(
        f"no worker {worker_id[:64]!r}; list them with ListWorkers", field="worker_id", reason="WORKER_NOT_FOUND"
    )


def _check_schema(kind: scheduler_pb2.KindInfo) -> None:
    try:
        if kind.input_schema:
            jsonschema_rs.validator_for(json.loads(kind.input_schema))
    except ValueError as error:
        raise errors.InvalidInput(
            f"info.kinds: the input schema of {kind.kind!r} is not a JSON Schema: {str(error)[:200]}",
            field="info.kinds",
        ) from error


def _require(value: str, field: str) -> None:
    if not value:
        raise errors.InvalidInput(f"{field}: must not be empty", field=field)

"""The workers of a term: who has registered, who was told to drain, who is lost. Knows nothing of leases; the listener
answers for those, and hears of everything that matters to them.
"""

import asyncio
import contextvars
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from services.scheduler import metrics, stale
from services.scheduler.lost import LostWorker, LostWorkers
from services.scheduler.placement import Placement
from services.scheduler.workers import WorkerGone, WorkerLink
from tutti import clock
from tutti.v1 import scheduler_pb2, task_pb2

log = logging.getLogger(__name__)


class Listener(Protocol):
    async def on_updates(self, link: WorkerLink, batch: task_pb2.UpdateBatch) -> None: ...

    def on_accepted(self, leases: Sequence[task_pb2.Lease]) -> None: ...

    def on_refused(self, leases: Sequence[task_pb2.Lease]) -> None: ...

    def on_gone(self, worker_id: str, why: str) -> None:
        """A worker was taken out of the fleet, and all its leases with it."""

    def place(self) -> None:
        """There may be room where there was none."""

    @property
    def superseded(self) -> asyncio.Event:
        """To be set when a worker has heard a later leader."""


class Roster:
    def __init__(
        self,
        placement: Placement,
        listener: Listener,
        drained: Mapping[str, str],
        *,
        term: int,
        heartbeat_ttl: float,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.lost = LostWorkers()
        self._placement = placement
        self._listener = listener
        self._term = term
        self._heartbeat_ttl = heartbeat_ttl
        self._tasks = tasks
        self._links: dict[str, WorkerLink] = {}
        self._link_tasks: dict[str, asyncio.Task[None]] = {}
        #: Incarnations that somebody wants drained, by worker.
        self._drained = dict(drained)

    def __len__(self) -> int:
        return len(self._links)

    def __iter__(self) -> Iterator[WorkerLink]:
        return iter(self._links.values())

    def __getitem__(self, worker_id: str) -> WorkerLink:
        return self._links[worker_id]

    def find(self, worker_id: str) -> WorkerLink | None:
        return self._links.get(worker_id)

    def register(self, request: scheduler_pb2.RegisterWorkerRequest) -> bool:
        """Take a worker in; False for one that is here already and merely repeats itself."""
        info = request.info
        known = self._links.get(info.worker_id)
        if known is not None and info.incarnation < known.info.incarnation:
            raise stale.incarnation(info.worker_id)
        repeated = known is not None and known.info.incarnation == info.incarnation
        if known is not None and repeated:
            # It could not reach this leader for a moment. What it has is still its own.
            known.lives()
        else:
            if known is not None:
                self._remove(known, "it registered anew")
            self._join(request)
        if request.draining or self._is_drained(info):
            self._placement.fleet.close(info.worker_id)
        return not repeated

    def _join(self, request: scheduler_pb2.RegisterWorkerRequest) -> None:
        info = request.info
        link = WorkerLink(
            info,
            term=self._term,
            on_updates=self._listener.on_updates,
            on_accepted=self._listener.on_accepted,
            on_refused=self._listener.on_refused,
            on_reachable=self._reachable,
            on_superseded=self._listener.superseded.set,
        )
        self.lost.forget(info.worker_id)
        self._links[info.worker_id] = link
        self._placement.join(info, request.ready_models)
        self._link_tasks[info.worker_id] = self._tasks.create_task(
            self._follow(link),
            name=f"worker-{info.worker_id}",
            context=contextvars.Context(),  # not the journey of the call that happened to register it
        )
        metrics.WORKERS.set(len(self._links))
        log.info(
            "a worker joined", extra={"worker": info.worker_id, "slots": info.slots, "running": len(request.running)}
        )

    def heartbeat(self, request: scheduler_pb2.HeartbeatRequest) -> WorkerLink | None:
        """Note a sign of life; None for a worker that was given up and should register again."""
        link = self._links.get(request.worker_id)
        if link is None:
            return None
        if link.info.incarnation != request.incarnation:
            raise stale.incarnation(request.worker_id)
        link.heard()
        if request.draining:
            self._placement.fleet.close(request.worker_id)
        self._placement.set_ready_models(request.worker_id, request.ready_models)
        return link

    def deregister(self, worker_id: str, incarnation: str) -> None:
        link, lost = self._links.get(worker_id), self.lost.find(worker_id)
        if lost is not None and lost.info.incarnation == incarnation:
            self.lost.forget(worker_id)
        if link is not None and link.info.incarnation != incarnation:
            raise stale.incarnation(worker_id)
        if link is not None:
            self._drained.pop(worker_id, None)
            self._remove(link, "it left")

    def drain(self, link: WorkerLink) -> None:
        """Give a worker nothing more, now and when it registers anew; it learns of it with its next heartbeat, and then
        says so to every leader."""
        self._drained[link.info.worker_id] = link.info.incarnation
        self._placement.fleet.close(link.info.worker_id)

    def wants_drained(self, link: WorkerLink) -> bool:
        return self._is_drained(link.info)

    def forgive(self, seconds: float) -> None:
        """So much of everybody's silence was nobody's fault."""
        for link in self:
            link.last_heard += seconds

    def give_up_silent(self) -> None:
        now = time.monotonic()
        for link in [link for link in self if now - link.last_heard > self._heartbeat_ttl]:
            self._lose(link, "it missed its heartbeats")
        self.lost.expire(clock.now_ms())

    def _is_drained(self, info: scheduler_pb2.WorkerInfo) -> bool:
        return self._drained.get(info.worker_id) == info.incarnation

    def _reachable(self, link: WorkerLink, reachable: bool) -> None:
        """Give nothing to a worker whose stream is broken: should it be gone, each lease would cost an attempt."""
        if self._links.get(link.info.worker_id) is link:
            self._placement.suspend(link.info.worker_id, not reachable)
            self._listener.place()

    async def _follow(self, link: WorkerLink) -> None:
        try:
            await link.run()
        except WorkerGone as error:
            if self._links.get(link.info.worker_id) is link:
                self._lose(link, error.message)
                self._listener.place()

    def _lose(self, link: WorkerLink, why: str) -> None:
        lost = LostWorker(
            info=link.info,
            ready_models=self._placement.fleet.member(link.info.worker_id).ready_models,
            register_ms=link.register_ms,
            heartbeat_ms=link.heartbeat_ms,
            lost_ms=clock.now_ms(),
            message=why,
        )
        self._remove(link, why)
        self.lost.add(lost)

    def _remove(self, link: WorkerLink, why: str) -> None:
        worker_id = link.info.worker_id
        del self._links[worker_id]
        self._placement.fleet.leave(worker_id)
        task = self._link_tasks.pop(worker_id)
        if task is not asyncio.current_task():
            task.cancel()
        self._listener.on_gone(worker_id, why)
        metrics.WORKERS.set(len(self._links))
        log.warning("a worker left", extra={"worker": worker_id, "why": why})

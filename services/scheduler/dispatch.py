"""A leader's term: orders in, leases out, updates passed on. Lives from one election to the next.

Everything here is soft. A new leader begins with nothing: workers register with what they run, orchestrators hand over
again what has not ended, and what fits together is attached to instead of being run twice.
"""

import asyncio
import contextvars
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence

from services.scheduler import metrics
from services.scheduler.fleet import Fleet
from services.scheduler.leases import Held, Leases, belongs_to_job, is_outdated, is_terminal, lease_term
from services.scheduler.orders import AttemptKey, Shapes, TaskKey
from services.scheduler.peers import Peers
from services.scheduler.queue import TaskQueue, Waiting
from services.scheduler.workers import WorkerGone, WorkerLink
from tutti import clock, errors
from tutti.telemetry import context as trace_context
from tutti.telemetry import tracing
from tutti.v1 import scheduler_pb2, task_pb2

log = logging.getLogger(__name__)

#: A lease that was accepted and has not begun for so long, in seconds, is announced.
ANNOUNCE_SECONDS = 0.05
#: A lease of an earlier term that no orchestrator has asked for after so long, in seconds, is of a job that is over. By
#: then the jobs of every replica that died have long been taken over.
ORPHAN_SECONDS = 60.0


class Dispatcher:
    def __init__(
        self, *, term: int, settle_seconds: float, heartbeat_ttl_seconds: float, tasks: asyncio.TaskGroup
    ) -> None:
        self.term = term
        self.epoch = str(term)
        self.queue = TaskQueue()
        self.fleet = Fleet()
        self.leases = Leases(term)
        self._shapes = Shapes()
        self._peers = Peers(self.epoch)
        self._links: dict[str, WorkerLink] = {}
        self._link_tasks: dict[str, asyncio.Task[None]] = {}
        self._tasks = tasks
        self._heartbeat_ttl = heartbeat_ttl_seconds
        self._settled_at = time.monotonic() + settle_seconds
        #: Recovered orders that came before workers had the time to say what they run.
        self._unsettled: dict[TaskKey, Waiting] = {}
        #: Attempts that were stopped in that time: a worker that still names one as running is told.
        self._stopped: set[AttemptKey] = set()
        #: Leases that were adopted, with the time by which somebody should have asked for them.
        self._adopted: deque[tuple[float, Held]] = deque()
        #: A worker has heard a later leader: this term is over.
        self.superseded = asyncio.Event()

    @property
    def heartbeat_interval_ms(self) -> int:
        return int(self._heartbeat_ttl * 1000 / 3)

    def link(self, worker_id: str) -> WorkerLink | None:
        return self._links.get(worker_id)

    def links(self) -> list[WorkerLink]:
        return [self._links[worker_id] for worker_id in sorted(self._links)]

    # --- orchestrators

    def check_epoch(self, epoch: str) -> None:
        if epoch != self.epoch:
            raise _stale_call(
                "STALE_EPOCH",
                f"this leader's term is {self.epoch}, not {epoch[:64] or 'unknown'}; watch or register again",
            )

    def schedule(self, orchestrator_id: str, orders: Iterable[task_pb2.TaskOrder]) -> None:
        for order in orders:
            self._take(orchestrator_id, order)
        self.place()

    def acknowledge(self, orchestrator_id: str, number: int) -> None:
        self._peers.heard(orchestrator_id)
        self._forget(self._peers.outbox(orchestrator_id).acknowledge(number))

    async def watch(self, orchestrator_id: str, after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        if after.epoch == self.epoch:
            self.acknowledge(orchestrator_id, after.number)
        async for batch in self._peers.read(orchestrator_id, after):
            yield batch

    def _forget(self, recorded: Iterable[task_pb2.Update]) -> None:
        """What an orchestrator has recorded need not be kept, here or at the workers that it came from."""
        for update in recorded:
            if is_terminal(update):
                self.leases.forget(update)
        for link in self._links.values():
            link.acknowledge(self._peers.acknowledged_by)

    def cancel(self, orchestrator_id: str, attempts: Iterable[task_pb2.AttemptRef]) -> None:
        for ref in attempts:
            key = (ref.job_id, ref.task)
            held = self.leases.find(key)
            if is_outdated(ref.job_epoch, held, self._find_waiting(key)):
                metrics.STALE_ORDERS.inc()
                continue
            self._forget_waiting(key, ref.attempt)
            if time.monotonic() < self._settled_at:
                self._stopped.add((*key, ref.attempt))
            if held is not None and held.attempt == ref.attempt:
                held.orchestrator_id, held.job_epoch = orchestrator_id, ref.job_epoch
                self._links[held.worker_id].stop(held.ref())
                continue
            ended = self.leases.how_ended((ref.job_id, ref.task, ref.attempt))
            stopped = task_pb2.Update(
                job_id=ref.job_id,
                task=ref.task,
                attempt=ref.attempt,
                lease_id=ref.lease_id,
                cancelled=task_pb2.Update.Cancelled(),
            )
            self._peers.outbox(orchestrator_id).extend(ended or [stopped])

    def _find_waiting(self, key: TaskKey) -> Waiting | None:
        return self._unsettled.get(key) or self.queue.find(key)

    def _forget_waiting(self, key: TaskKey, attempt: int) -> None:
        """Drop what waits for a task, unless it is a later attempt than the one that is not wanted any more."""
        waiting = self.queue.find(key)
        if waiting is not None and waiting.order.attempt <= attempt:
            self.queue.remove(key)
        waiting = self._unsettled.get(key)
        if waiting is not None and waiting.order.attempt <= attempt:
            del self._unsettled[key]

    def _take(self, orchestrator_id: str, order: task_pb2.TaskOrder) -> None:
        key = (order.job_id, order.task)
        held, known = self.leases.find(key), self._find_waiting(key)
        if is_outdated(order.job_epoch, held, known):
            metrics.STALE_ORDERS.inc()
            return
        ended = self.leases.how_ended((*key, order.attempt))
        if ended:
            self._peers.outbox(orchestrator_id).extend(ended)
            return
        if held is not None and held.attempt > order.attempt:
            return  # an orchestrator that was taken over; its successor is further
        if held is not None and held.attempt == order.attempt:
            self._attach(held, orchestrator_id, order)
            return
        if held is not None:
            # A later attempt was decided on while this one still runs: it no longer counts.
            self._revoke(held)
        if known is not None and known.order.attempt == order.attempt:
            # Said again, or overtaken by its own repetition: it keeps its place.
            known.orchestrator_id, known.order.job_epoch = orchestrator_id, order.job_epoch
            return
        waiting = self._waiting(orchestrator_id, order)
        if order.recovered and time.monotonic() < self._settled_at:
            self._unsettled[key] = waiting
        else:
            self.queue.push(waiting)

    def _attach(self, held: Held, orchestrator_id: str, order: task_pb2.TaskOrder) -> None:
        metrics.ATTACHED.inc()
        held.orchestrator_id, held.order, held.job_epoch = orchestrator_id, order, order.job_epoch
        outbox = self._peers.outbox(orchestrator_id)
        unheard, held.kept = [update for _, update in held.kept], []
        if held.started:
            outbox.put(held.update(started=task_pb2.Update.Started(worker_id=held.worker_id)))
        else:
            outbox.put(held.update(leased=task_pb2.Update.Leased(worker_id=held.worker_id)))
        for update in (*unheard, *held.backlog):
            self._say(held, update)
        held.backlog.clear()

    # --- placement

    def place(self) -> None:
        """Give leases out while something that waits fits a worker with room."""
        now_ms = clock.now_ms()
        while (found := self.queue.next(self.fleet.place)) is not None:
            waiting, worker_id = found
            order = waiting.order
            held = Held(
                lease_id=self.leases.mint(),
                job_id=order.job_id,
                task=order.task,
                attempt=order.attempt,
                kind=order.kind,
                worker_id=worker_id,
                orchestrator_id=waiting.orchestrator_id,
                order=order,
                job_epoch=order.job_epoch,
            )
            self.leases.add(held)
            self._links[worker_id].execute(task_pb2.Lease(lease_id=held.lease_id, order=order))
            metrics.PLACED.inc()
            if log.isEnabledFor(logging.DEBUG):
                log.debug("placed", extra={"lease": held.lease_id, "worker": worker_id, **_named(order)})
            metrics.WAIT_SECONDS.observe((now_ms - waiting.queued_ms) / 1000)
            if tracing.enabled():
                tracing.record(
                    "scheduler.wait",
                    order.traceparent,
                    start_ms=waiting.queued_ms,
                    end_ms=now_ms,
                    attributes={"tutti.job_id": order.job_id, "tutti.task": order.task, "tutti.worker": worker_id},
                )

    def _accepted(self, leases: Sequence[task_pb2.Lease]) -> None:
        """The worker has taken them. Nearly all begin at once and need no announcement of their own, which would cost
        each of them a commit; those that have not begun in a moment get one."""
        if leases:
            asyncio.get_running_loop().call_later(ANNOUNCE_SECONDS, self._announce, leases)

    def _announce(self, leases: Sequence[task_pb2.Lease]) -> None:
        for lease in leases:
            held = self.leases.find((lease.order.job_id, lease.order.task))
            if held is not None and held.lease_id == lease.lease_id and not held.started:
                self._say(held, held.update(leased=task_pb2.Update.Leased(worker_id=held.worker_id)))

    def _refused(self, leases: Sequence[task_pb2.Lease]) -> None:
        """The worker is leaving and has not taken them: they are placed elsewhere, and it costs nobody an attempt."""
        for lease in leases:
            held = self.leases.find((lease.order.job_id, lease.order.task))
            if held is None or held.lease_id != lease.lease_id:
                continue
            self.leases.drop(held)
            self.fleet.release(held.worker_id, held.kind)
            if held.worker_id in self.fleet:
                self.fleet.close(held.worker_id)
            self.queue.push(self._waiting(held.orchestrator_id, lease.order))
        self.place()

    def _waiting(self, orchestrator_id: str, order: task_pb2.TaskOrder) -> Waiting:
        return Waiting(
            order=order,
            shape=self._shapes.of(order),
            orchestrator_id=orchestrator_id,
            queued_ms=clock.now_ms(),
        )

    # --- workers

    def register(self, request: scheduler_pb2.RegisterWorkerRequest) -> None:
        info = request.info
        known = self._links.get(info.worker_id)
        if known is not None:
            if info.incarnation < known.info.incarnation:
                raise _replaced(info.worker_id)
            if known.info.incarnation == info.incarnation:
                # It could not reach this leader for a moment. What it has is still its own.
                known.lives()
                return
            self._remove_worker(info.worker_id, "it registered anew")
        link = WorkerLink(
            info,
            term=self.term,
            on_updates=self._on_updates,
            on_accepted=self._accepted,
            on_refused=self._refused,
            on_reachable=self._reachable,
            on_superseded=self.superseded.set,
        )
        self._links[info.worker_id] = link
        self.fleet.join(info, request.ready_models)
        for ref in request.running:
            self._adopt(info, ref)
        self._link_tasks[info.worker_id] = self._tasks.create_task(
            self._follow(link),
            name=f"worker-{info.worker_id}",
            context=contextvars.Context(),  # not the journey of the call that happened to register it
        )
        metrics.WORKERS.set(len(self._links))
        log.info(
            "a worker joined", extra={"worker": info.worker_id, "slots": info.slots, "running": len(request.running)}
        )
        self.place()

    def _reachable(self, link: WorkerLink, reachable: bool) -> None:
        """Give nothing to a worker whose stream is broken: should it be gone, each lease would cost an attempt."""
        if self._links.get(link.info.worker_id) is link:
            self.fleet.suspend(link.info.worker_id, not reachable)
            self.place()

    def heartbeat(self, request: scheduler_pb2.HeartbeatRequest) -> bool:
        """Note a sign of life; False for a worker that was given up and should register again."""
        self.check_epoch(request.epoch)
        link = self._links.get(request.worker_id)
        if link is None:
            return False
        if link.info.incarnation != request.incarnation:
            raise _replaced(request.worker_id)
        link.heard()
        if request.draining:
            self.fleet.close(request.worker_id)
        self.fleet.set_ready_models(request.worker_id, request.ready_models)
        self.place()
        return True

    def deregister(self, worker_id: str, incarnation: str) -> None:
        link = self._links.get(worker_id)
        if link is None:
            return
        if link.info.incarnation != incarnation:
            raise _replaced(worker_id)
        self._remove_worker(worker_id, "it left")
        self.place()

    def _adopt(self, info: scheduler_pb2.WorkerInfo, ref: task_pb2.AttemptRef) -> None:
        """Take over a lease that an earlier leader gave out, until an orchestrator asks for it."""
        held = self.leases.find((ref.job_id, ref.task))
        if held is not None and held.lease_id == ref.lease_id:
            return
        waiting = self._find_waiting((ref.job_id, ref.task))
        term = lease_term(ref.lease_id)
        if (
            held is not None  # it was given to another meanwhile
            or term >= self.term  # this leader gave it out, and has given it up
            or (waiting is not None and waiting.order.attempt != ref.attempt)
            or (ref.job_id, ref.task, ref.attempt) in self._stopped
        ):
            self._links[info.worker_id].stop(ref)
            return
        adopted = Held(
            lease_id=ref.lease_id,
            job_id=ref.job_id,
            task=ref.task,
            attempt=ref.attempt,
            kind=ref.kind,
            worker_id=info.worker_id,
            orchestrator_id="",
            order=None,
            job_epoch=ref.job_epoch,
            started=True,
        )
        self.leases.add(adopted)
        self.fleet.occupy(info.worker_id, adopted.kind)
        if waiting is not None:
            self._forget_waiting(adopted.key, ref.attempt)
            self._take(waiting.orchestrator_id, waiting.order)
        else:
            self._adopted.append((time.monotonic() + ORPHAN_SECONDS, adopted))

    def _stop_orphans(self, now: float) -> None:
        """Stop what runs for nobody: a worker was away while its attempts ended elsewhere, under a leader before."""
        while self._adopted and self._adopted[0][0] < now:
            _, held = self._adopted.popleft()
            if self.leases.find(held.key) is not held or held.orchestrator_id:
                continue
            if self._peers.listening:
                log.info("nobody asked for an attempt", extra={"lease": held.lease_id, "worker": held.worker_id})
                self._links[held.worker_id].stop(held.ref())
            else:
                self._adopted.append((now + ORPHAN_SECONDS, held))

    async def _follow(self, link: WorkerLink) -> None:
        try:
            await link.run()
        except WorkerGone as error:
            if self._links.get(link.info.worker_id) is link:
                self._remove_worker(link.info.worker_id, error.message)
                self.place()

    def _remove_worker(self, worker_id: str, why: str) -> None:
        """Take a worker out of the fleet; its leases are lost."""
        del self._links[worker_id]
        self.fleet.leave(worker_id)
        task = self._link_tasks.pop(worker_id)
        if task is not asyncio.current_task():
            task.cancel()
        for held in self.leases.of_worker(worker_id):
            self._lose(held, f"worker {worker_id} is gone: {why}")
        metrics.WORKERS.set(len(self._links))
        log.warning("a worker left", extra={"worker": worker_id, "why": why})

    async def _on_updates(self, link: WorkerLink, batch: task_pb2.UpdateBatch) -> None:
        to: dict[str, int] = {}
        ended = False
        for update in batch.updates:
            held = self.leases.current(update)
            if held is None:
                self._stale(link, update)
                continue
            if is_terminal(update):
                ended = True
                self.leases.end(held, update)
                self.fleet.release(held.worker_id, held.kind)
            elif not held.started:
                held.started = True
            number = self._say(held, update)
            if number:
                to[held.orchestrator_id] = number
        link.passed_on(batch.number, to)
        link.acknowledge(self._peers.acknowledged_by)
        if ended:
            self.place()

    def _say(self, held: Held, update: task_pb2.Update) -> int:
        """Put an update on its orchestrator's stream; returns its number there."""
        if not held.orchestrator_id:
            held.backlog.append(update)
            return 0
        outbox = self._peers.outbox(held.orchestrator_id)
        number = outbox.put(update)
        if belongs_to_job(update):
            held.kept = [(n, kept) for n, kept in held.kept if n > outbox.acknowledged]
            held.kept.append((number, update))
        return number

    def _stale(self, link: WorkerLink, update: task_pb2.Update) -> None:
        """An update under a lease that is not current. What ended under an earlier leader, and was not recorded before
        it died, is kept for the orchestrator that will ask; a worker that still runs a stale lease is told to stop."""
        if lease_term(update.lease_id) < self.term:
            self.leases.collect(update)
            waiting = self._unsettled.get((update.job_id, update.task))
            if waiting is not None and is_terminal(update):
                del self._unsettled[waiting.key]
                self._take(waiting.orchestrator_id, waiting.order)
            return
        metrics.STALE_UPDATES.inc()
        if is_terminal(update):
            return
        link.stop(
            task_pb2.AttemptRef(
                job_id=update.job_id, task=update.task, attempt=update.attempt, lease_id=update.lease_id
            )
        )

    def _lose(self, held: Held, why: str) -> None:
        metrics.LOST.inc()
        if held.order is not None:
            log.info("an attempt is lost", extra={"lease": held.lease_id, "why": why, **_named(held.order)})
        update = held.update(lost=task_pb2.Update.Lost(worker_id=held.worker_id, message=why))
        self.leases.end(held, update)
        self.fleet.release(held.worker_id, held.kind)
        self._say(held, update)

    def _revoke(self, held: Held) -> None:
        self._links[held.worker_id].stop(held.ref())
        self.leases.drop(held)
        self.fleet.release(held.worker_id, held.kind)

    # --- upkeep

    async def upkeep(self) -> None:
        """Give up silent workers, settle recovered orders, forget orchestrators that are gone."""
        pause = min(0.2, self._heartbeat_ttl / 6)
        while True:
            due = time.monotonic() + pause
            await asyncio.sleep(pause)
            now = time.monotonic()
            if now - due > pause:
                # It was this process that paused: heartbeats that came meanwhile have not been read yet.
                for link in self.links():
                    link.last_heard += now - due
            for link in self.links():
                if now - link.last_heard > self._heartbeat_ttl:
                    self._remove_worker(link.info.worker_id, "it missed its heartbeats")
            if now >= self._settled_at:
                for waiting in self._unsettled.values():
                    self.queue.push(waiting)
                self._unsettled.clear()
                self._stopped.clear()
            self._stop_orphans(now)
            self._forget(self._peers.forget_gone())
            self.place()
            metrics.QUEUED.set(len(self.queue))
            metrics.LEASED.set(len(self.leases))

    def end_streams(self) -> None:
        """The term is over: orchestrators shall look for the next leader."""
        self._peers.end()


def _replaced(worker_id: str) -> errors.PreconditionFailed:
    return _stale_call(
        "STALE_INCARNATION",
        f"another process is registered as {worker_id[:64]!r}; stop this one, or give it a name of its own",
    )


def _stale_call(reason: str, message: str) -> errors.PreconditionFailed:
    metrics.STALE_CALLS.labels(reason=reason).inc()
    return errors.PreconditionFailed(message, reason=reason)


def _named(order: task_pb2.TaskOrder) -> dict[str, str]:
    return trace_context.named(
        request_id=order.request_id, traceparent=order.traceparent, job_id=order.job_id, task=order.task
    )

"""A leader's term: orders in, leases out, updates passed on. Lives from one election to the next.

Everything here is soft. A new leader begins with nothing: workers register with what they run, orchestrators hand over
again what has not ended, and what fits together is attached to instead of being run twice.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from services.scheduler import journal, metrics, stale
from services.scheduler.fleet import Claim
from services.scheduler.leases import Held, Leases, belongs_to_job, is_outdated, is_terminal, lease_term
from services.scheduler.orders import TaskKey
from services.scheduler.orphans import Orphans
from services.scheduler.peers import Peers
from services.scheduler.placement import Placement
from services.scheduler.roster import Roster
from services.scheduler.settling import Settling
from services.scheduler.turns import Waiting
from services.scheduler.workers import WorkerLink
from tutti import clock
from tutti.v1 import scheduler_pb2, task_pb2

log = logging.getLogger(__name__)

#: A lease that was accepted and has not begun for so long, in seconds, is announced.
ANNOUNCE_SECONDS = 0.05
#: How often what waits is looked at for having waited too long.
AGE_SECONDS = 1.0


class Dispatcher:
    def __init__(
        self,
        placement: Placement,
        *,
        drained: Mapping[str, str],
        term: int,
        settle_seconds: float,
        heartbeat_ttl_seconds: float,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self.term = term
        self.epoch = str(term)
        self.placement = placement
        self.leases = Leases(term)
        self.roster = Roster(placement, self, drained, term=term, heartbeat_ttl=heartbeat_ttl_seconds, tasks=tasks)
        self._peers = Peers(self.epoch)
        self._heartbeat_ttl = heartbeat_ttl_seconds
        self._settling = Settling(settle_seconds)
        self._aged_at = 0.0
        self._orphans = Orphans()
        #: A worker has heard a later leader: this term is over.
        self.superseded = asyncio.Event()
        #: Workers that still keep something until orchestrators have recorded it.
        self._keeping: set[WorkerLink] = set()

    @property
    def heartbeat_interval_ms(self) -> int:
        return int(self._heartbeat_ttl * 1000 / 3)

    # --- orchestrators

    def check_epoch(self, epoch: str) -> None:
        if epoch != self.epoch:
            raise stale.term(self.epoch, epoch)

    def schedule(self, orchestrator_id: str, orders: Iterable[task_pb2.TaskOrder]) -> None:
        for order in orders:
            self._take(orchestrator_id, order)
        self.place()

    def acknowledge(self, orchestrator_id: str, number: int) -> None:
        self._peers.heard(orchestrator_id)
        self._forget(self._peers.outbox(orchestrator_id).acknowledge(number))

    async def watch(self, orchestrator_id: str, after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        # What the cursor names was seen, not recorded: that is said with the next hand-over.
        self._peers.heard(orchestrator_id)
        async for batch in self._peers.read(orchestrator_id, after):
            yield batch

    def _forget(self, recorded: Iterable[task_pb2.Update]) -> None:
        """What an orchestrator has recorded need not be kept, here or at the workers that it came from."""
        for update in recorded:
            if is_terminal(update):
                self.leases.forget(update)
        for link in list(self._keeping):
            self._acknowledge(link)

    def _acknowledge(self, link: WorkerLink) -> None:
        if link.acknowledge(self._peers.acknowledged_by):
            self._keeping.discard(link)

    def cancel(self, orchestrator_id: str, attempts: Iterable[task_pb2.AttemptRef]) -> None:
        for ref in attempts:
            key = (ref.job_id, ref.task)
            held = self.leases.find(key)
            if is_outdated(ref.job_epoch, held, self._find_waiting(key)):
                metrics.STALE_ORDERS.inc()
                continue
            self._forget_waiting(key, ref.attempt)
            self._settling.stop((*key, ref.attempt))
            if held is not None and held.attempt == ref.attempt:
                held.orchestrator_id, held.job_epoch = orchestrator_id, ref.job_epoch
                self.roster[held.worker_id].stop(held.ref())
                continue
            ended = self.leases.how_ended((ref.job_id, ref.task, ref.attempt))
            stopped = task_pb2.Update(job_id=ref.job_id, task=ref.task, attempt=ref.attempt, lease_id=ref.lease_id)
            stopped.cancelled.SetInParent()
            self._peers.outbox(orchestrator_id).extend(ended or [stopped])

    def _find_waiting(self, key: TaskKey) -> Waiting | None:
        return self._settling.find(key) or self.placement.queue.find(key)

    def _forget_waiting(self, key: TaskKey, attempt: int) -> None:
        """Drop what waits for a task, unless it is a later attempt than the one that is not wanted any more."""
        waiting = self.placement.queue.find(key)
        if waiting is not None and waiting.order.attempt <= attempt:
            self.placement.queue.remove(key)
        waiting = self._settling.find(key)
        if waiting is not None and waiting.order.attempt <= attempt:
            self._settling.take(key)

    def _take(self, orchestrator_id: str, order: task_pb2.TaskOrder) -> None:
        key = (order.job_id, order.task)
        held, known = self.leases.find(key), self._find_waiting(key)
        if is_outdated(order.job_epoch, held, known):
            metrics.STALE_ORDERS.inc()
            return
        if held is not None and held.attempt > order.attempt:
            return  # an orchestrator that was taken over; its successor is further
        if held is not None and held.attempt == order.attempt:
            # Before any look at how it ended: that may be the end of an older lease of the same attempt, which a worker
            # that was thought gone has brought along.
            self._attach(held, orchestrator_id, order)
            return
        ended = self.leases.how_ended((*key, order.attempt))
        if ended:
            self._peers.outbox(orchestrator_id).extend(ended)
            return
        if held is not None:
            # A later attempt was decided on while this one still runs: it no longer counts.
            self._revoke(held)
        if known is not None and known.order.attempt == order.attempt:
            # Said again, or overtaken by its own repetition: it keeps its place.
            known.orchestrator_id, known.order.job_epoch = orchestrator_id, order.job_epoch
            return
        waiting = self._waiting(orchestrator_id, order)
        if order.recovered and not self._settling.over:
            self._settling.hold(waiting)
        else:
            self.placement.queue.push(waiting)

    def _attach(self, held: Held, orchestrator_id: str, order: task_pb2.TaskOrder) -> None:
        metrics.ATTACHED.inc()
        unheard: list[task_pb2.Update] = []
        if held.orchestrator_id != orchestrator_id:
            # What the one before has not recorded. Its own stream tells the same one everything anyway.
            self._forget_recorded(held)
            unheard = [update for _, update in held.kept]
            held.kept.clear()
        held.orchestrator_id, held.order, held.job_epoch = orchestrator_id, order, order.job_epoch
        self.placement.attach(held.claim, order)
        outbox = self._peers.outbox(orchestrator_id)
        if held.started:
            outbox.put(held.update(started=task_pb2.Update.Started(worker_id=held.worker_id)))
        else:
            outbox.put(held.update(leased=task_pb2.Update.Leased(worker_id=held.worker_id)))
        for update in (*unheard, *held.backlog):
            self._say(held, update)
        held.backlog.clear()

    def _forget_recorded(self, held: Held) -> None:
        if held.kept:
            held.recorded(self._peers.acknowledged_by(held.orchestrator_id))

    # --- placement

    def place(self) -> None:
        """Give leases out while something that waits fits a worker with room."""
        while (found := self.placement.next()) is not None:
            self._lease(*found)

    def _lease(self, waiting: Waiting, claim: Claim) -> None:
        order, worker_id = waiting.order, claim.worker_id
        held = Held(
            lease_id=self.leases.mint(),
            job_id=order.job_id,
            task=order.task,
            attempt=order.attempt,
            worker_id=worker_id,
            claim=claim,
            orchestrator_id=waiting.orchestrator_id,
            order=order,
            job_epoch=order.job_epoch,
        )
        self.leases.add(held)
        self.roster[worker_id].execute(task_pb2.Lease(lease_id=held.lease_id, order=order))
        journal.placed(held, waiting)

    def resume(self, kind: str) -> None:
        self.placement.resume(kind)
        self.place()

    def on_accepted(self, leases: Sequence[task_pb2.Lease]) -> None:
        """The worker has taken them. Nearly all begin at once and need no announcement of their own, which would cost
        each of them a commit; those that have not begun in a moment get one."""
        if leases:
            asyncio.get_running_loop().call_later(ANNOUNCE_SECONDS, self._announce, leases)

    def _announce(self, leases: Sequence[task_pb2.Lease]) -> None:
        for lease in leases:
            held = self.leases.find((lease.order.job_id, lease.order.task))
            if held is not None and held.lease_id == lease.lease_id and not held.started:
                self._say(held, held.update(leased=task_pb2.Update.Leased(worker_id=held.worker_id)))

    def on_refused(self, leases: Sequence[task_pb2.Lease]) -> None:
        """The worker is leaving and has not taken them: they are placed elsewhere, and it costs nobody an attempt."""
        for lease in leases:
            held = self.leases.find((lease.order.job_id, lease.order.task))
            if held is None or held.lease_id != lease.lease_id:
                continue
            self._drop(held)
            if held.worker_id in self.placement.fleet:
                self.placement.fleet.close(held.worker_id)
            self.placement.queue.push(self._waiting(held.orchestrator_id, lease.order))
        self.place()

    def _waiting(self, orchestrator_id: str, order: task_pb2.TaskOrder) -> Waiting:
        return self.placement.waiting(order, orchestrator_id=orchestrator_id, queued_ms=clock.now_ms())

    # --- workers

    def register(self, request: scheduler_pb2.RegisterWorkerRequest) -> None:
        if self.roster.register(request):
            for ref in request.running:
                self._adopt(request.info, ref)
            self.place()

    def heartbeat(self, request: scheduler_pb2.HeartbeatRequest) -> scheduler_pb2.HeartbeatResponse:
        self.check_epoch(request.epoch)
        link = self.roster.heartbeat(request)
        if link is None:
            return scheduler_pb2.HeartbeatResponse(register=True)
        self.place()
        return scheduler_pb2.HeartbeatResponse(drain=self.roster.wants_drained(link))

    def deregister(self, worker_id: str, incarnation: str) -> None:
        self.roster.deregister(worker_id, incarnation)
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
            or self._settling.was_stopped((ref.job_id, ref.task, ref.attempt))
        ):
            self.roster[info.worker_id].stop(ref)
            return
        adopted = Held(
            lease_id=ref.lease_id,
            job_id=ref.job_id,
            task=ref.task,
            attempt=ref.attempt,
            worker_id=info.worker_id,
            claim=self.placement.adopt(info.worker_id, ref.kind),
            orchestrator_id="",
            order=None,
            job_epoch=ref.job_epoch,
            started=True,
        )
        self.leases.add(adopted)
        if waiting is not None:
            self._forget_waiting(adopted.key, ref.attempt)
            self._take(waiting.orchestrator_id, waiting.order)
        else:
            self._orphans.add(adopted, time.monotonic())

    def _stop_orphans(self, now: float) -> None:
        for held in self._orphans.due(now):
            if self.leases.find(held.key) is not held:
                continue
            if self._peers.listening:
                log.info("nobody asked for an attempt", extra={"lease": held.lease_id, "worker": held.worker_id})
                self.roster[held.worker_id].stop(held.ref())
            else:
                self._orphans.add(held, now)  # nobody is there who could have asked

    def on_gone(self, worker_id: str, why: str) -> None:
        """The leases of a worker that was taken out of the fleet are lost."""
        for held in self.leases.of_worker(worker_id):
            self._lose(held, f"worker {worker_id} is gone: {why}")

    async def on_updates(self, link: WorkerLink, batch: task_pb2.UpdateBatch) -> None:
        to: dict[str, int] = {}
        ended = False
        for update in batch.updates:
            held = self.leases.current(update)
            if held is None:
                self._stale(link, update)
                continue
            if is_terminal(update):
                ended = True
                self._forget_recorded(held)
                self.leases.end(held, update)
                self.placement.end(held.claim)
            elif not held.started:
                held.started = True
            number = self._say(held, update)
            if number:
                to[held.orchestrator_id] = number
        link.passed_on(batch.number, to)
        self._keeping.add(link)
        self._acknowledge(link)
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
            held.recorded(outbox.acknowledged)
            held.keep(number, update)
        return number

    def _stale(self, link: WorkerLink, update: task_pb2.Update) -> None:
        """An update under a lease that is not current. What ended under an earlier leader, and was not recorded before
        it died, is kept for the orchestrator that will ask; a worker that still runs a stale lease is told to stop."""
        if lease_term(update.lease_id) < self.term:
            self.leases.collect(update)
            waiting = self._settling.take((update.job_id, update.task)) if is_terminal(update) else None
            if waiting is not None:
                self._take(waiting.orchestrator_id, waiting.order)
            return
        metrics.STALE_UPDATES.inc()
        if is_terminal(update):
            return
        job_id, task, attempt = update.job_id, update.task, update.attempt
        link.stop(task_pb2.AttemptRef(job_id=job_id, task=task, attempt=attempt, lease_id=update.lease_id))

    def _lose(self, held: Held, why: str) -> None:
        journal.lost(held, why)
        update = held.update(lost=task_pb2.Update.Lost(worker_id=held.worker_id, message=why))
        self._forget_recorded(held)
        self.leases.end(held, update)
        self.placement.end(held.claim)
        self._say(held, update)

    def _revoke(self, held: Held) -> None:
        self.roster[held.worker_id].stop(held.ref())
        self._drop(held)

    def _drop(self, held: Held) -> None:
        """The lease is over, and nothing is to be said of it."""
        self.leases.drop(held)
        self.placement.end(held.claim)

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
                self.roster.forgive(now - due)
            self.roster.give_up_silent()
            for waiting in self._settling.settled():
                self.placement.queue.push(waiting)
            self._stop_orphans(now)
            self._forget(self._peers.forget_gone())
            if now - self._aged_at >= AGE_SECONDS:
                self._aged_at = now
                self.placement.age(clock.now_ms())
                self._keeping.intersection_update(self.roster)
            self.place()
            metrics.QUEUED.set(len(self.placement.queue))
            metrics.LEASED.set(len(self.leases))

    def end_streams(self) -> None:
        """The term is over: orchestrators shall look for the next leader."""
        self._peers.end()

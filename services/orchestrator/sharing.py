"""Spares work: a task whose equal has been done gets its result, and one whose equal is being done waits for it.

The driver sends every attempt of a cacheable task through here before it is handed over. Each asks when it comes; of
equal ones that wait at this replica, the most urgent asks for all from then on, four times a second, which is when they
see what another replica has recorded or given back. It is never a reason not to run: where Redis does not answer, the
task is done. If this process dies, its claims expire, or go to the next drivers of their jobs.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from services.orchestrator import caching, metrics
from services.orchestrator.caching import Rule
from services.orchestrator.driven import Driven, Share
from services.orchestrator.job_record import READY, RUNNING, HandOver, JobRecord, TaskRecord, Transition
from services.orchestrator.plan.catalogue import Catalogue
from services.orchestrator.store.cache import Answer, Asked, CacheStore, How, Settled, Verdict
from services.orchestrator.store.jobs import JobStore
from tutti import errors
from tutti.batching import Batcher
from tutti.v1 import job_pb2, task_pb2

log = logging.getLogger(__name__)

#: How often those that wait are looked at, in seconds.
LOOK_SECONDS = 0.25
#: How long a claim lasts, in leases of a replica.
LEASES = 3
#: Away or full.
_REDIS_REFUSES = (errors.Unavailable, errors.QuotaExceeded)

#: The rule of a kind.
RuleOf = Callable[[str], Rule | None]
#: Hands an order over.
Go = Callable[[Driven, task_pb2.TaskOrder], None]
#: Ends a task with what an equal one left.
Serve = Callable[[Share, job_pb2.Task], None]


class Sharing:
    def __init__(self, store: CacheStore, rule_of: RuleOf, *, claim_seconds: float) -> None:
        self._store = store
        self._rule_of = rule_of
        self._renew_seconds = claim_seconds / 3
        self._go: Go = _unbound
        self._serve: Serve = _unbound
        #: By digest, oldest first.
        self._waiting: dict[str, list[Share]] = {}
        self._handed_over: dict[Share, None] = {}
        self._asks: dict[int, Batcher[Share, None]] = {}
        self._settles: dict[int, Batcher[Settled, None]] = {}
        self._closing = False

    @classmethod
    def of(cls, store: JobStore, catalogue: Catalogue, *, ttl_seconds: int, lease_seconds: float) -> "Sharing":
        """With no time to keep results for, no kind is cacheable."""
        # Longer than it takes to find a dead replica out: the next driver of its jobs finds its claims still there.
        claim_seconds = LEASES * lease_seconds
        cache = CacheStore(store, ttl_seconds=ttl_seconds, claim_seconds=claim_seconds)
        rule_of: RuleOf = (lambda kind: catalogue.kinds.cache_rule(kind)) if ttl_seconds else (lambda kind: None)
        return cls(cache, rule_of, claim_seconds=claim_seconds)

    def bind(self, go: Go, serve: Serve) -> None:
        self._go, self._serve = go, serve

    def rule(self, record: JobRecord, kind: str) -> Rule | None:
        """The rule by which a task takes part; most kinds have none, and this is all that it costs them."""
        rule = self._rule_of(kind)
        return None if rule is None or record.spec.cache == job_pb2.CACHE_POLICY_OFF else rule

    def enter(self, driven: Driven, order: task_pb2.TaskOrder, rule: Rule) -> bool:
        """Take an order that is about to be handed over; it will be, unless an equal task spares it. False where its
        input has no part in the cache."""
        digest = caching.digest(order.kind, rule, order.input)
        if not digest:
            return False
        share = Share(driven, order, digest, rule.version)
        driven.shares[share.task] = share
        state = driven.record.tasks[share.task].state
        if state != READY:
            # Taken over while a worker had it: it goes on, and others wait for it if they do not compute already.
            share.runs = state == RUNNING
            self._hand_over(share)
            self._ask(share)
            return True
        self._waiting.setdefault(digest, []).append(share)
        # Whoever else waits: its own claim may be there, of the attempt or the driver before.
        self._ask(share)
        return True

    def stopped(self, driven: Driven, task: str) -> None:
        """The task shall not run: forget it if it waits. One that was handed over keeps its claim until its end."""
        share = driven.shares.get(task)
        if share is not None and not share.handed_over:
            self._drop(share)

    def heard(self, driven: Driven, updates: Sequence[task_pb2.Update]) -> None:
        """A result is recorded only under the version of the handler that it came from: while a fleet is being
        upgraded, that may be another than the catalogue's."""
        for update in updates:
            share = driven.shares.get(update.task)
            if share is not None and update.HasField("succeeded"):
                share.computed = (update.lease_id, update.succeeded.cache_version)

    def committed(self, driven: Driven, transition: Transition) -> None:
        """What is recorded of tasks decides what becomes of their claims."""
        pausing = {
            effect.task for effect in transition.effects if isinstance(effect, HandOver) and effect.pause_seconds > 0
        }
        for share in [driven.shares[task] for task in transition.changed if task in driven.shares]:
            task = transition.job.tasks[share.task]
            if task.at_rest:
                self._drop(share)
                self._settle(share, _left_by(share, task))
            elif task.attempt != share.order.attempt:
                # Who pauses lets others go first; who is tried again at once, from its checkpoint, keeps its claim.
                self._drop(share)
                if share.task in pausing:
                    self._settle(share)
            elif task.state == RUNNING and not share.runs:
                share.runs = True
                self._ask(share)

    def forget(self, driven: Driven) -> None:
        """The job is no longer this replica's. What it claimed is the next driver's, or expires."""
        for share in list(driven.shares.values()):
            self._drop(share)

    async def run(self) -> None:
        renew_at = time.monotonic() + self._renew_seconds
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for digest in list(self._waiting):
                self._look(digest)
            if time.monotonic() >= renew_at:
                renew_at += self._renew_seconds
                for share in self._handed_over:
                    self._ask(share)

    async def close(self) -> None:
        self._closing = True
        for asks in self._asks.values():
            await asks.close()
        for settles in self._settles.values():
            await settles.close()

    def _look(self, digest: str) -> None:
        """The most urgent of those that wait asks for all; of several, the oldest."""
        if waiting := self._waiting.get(digest):
            self._ask(max(waiting, key=lambda share: share.order.priority))

    def _ask(self, share: Share) -> None:
        if share.asking or self._closing:
            return
        share.asking = True
        partition = self._store.partition_of(share.digest)
        if partition not in self._asks:

            async def flush(shares: list[Share]) -> list[None]:
                await self._ask_all(partition, shares)
                return [None] * len(shares)

            self._asks[partition] = Batcher(flush, name=f"cache-claim-{partition}")
        self._asks[partition].put(share)

    async def _ask_all(self, partition: int, shares: Sequence[Share]) -> None:
        try:
            answers = await self._store.ask(partition, [_asked(share) for share in shares])
        except _REDIS_REFUSES as error:
            log.warning("the cache does not answer", extra={"tasks": len(shares), "error": error.message})
            answers = [Answer(Verdict.CLAIMED)] * len(shares)
        finally:
            for share in shares:
                share.asking = False
        for share, answer in zip(shares, answers, strict=True):
            self._answered(share, answer)

    def _answered(self, share: Share, answer: Answer) -> None:
        if self._closing:
            return
        if not share.stands:
            # Stopped, or ended, while it asked. What a later attempt of the same task has claimed is that one's.
            if answer.verdict in (Verdict.CLAIMED, Verdict.MINE) and share.task not in share.driven.shares:
                self._settle(share)
            return
        match answer.verdict:
            case Verdict.HIT if answer.done is not None:
                self._hit(share, answer.done)
            case Verdict.CLAIMED | Verdict.MINE if not share.handed_over:
                if answer.verdict is Verdict.CLAIMED:
                    metrics.CACHE_MISSES.labels(kind=share.order.kind).inc()
                self._leave(share)
                self._hand_over(share)
            case _:
                pass
        for waiting in self._waiting.get(share.digest, ()):
            waiting.waited = True

    def _hit(self, share: Share, done: job_pb2.Task) -> None:
        # One that was handed over without waiting, and has not begun, is spared as well.
        late = [share] if share.handed_over else []
        for each in [*late, *self._waiting.pop(share.digest, ())]:
            counter = metrics.CACHE_MERGES if each.waited else metrics.CACHE_HITS
            counter.labels(kind=each.order.kind).inc()
            self._serve(each, done)

    def _hand_over(self, share: Share) -> None:
        share.handed_over = True
        self._handed_over[share] = None
        self._go(share.driven, share.order)

    def _drop(self, share: Share) -> None:
        if share.stands:
            del share.driven.shares[share.task]
        self._handed_over.pop(share, None)
        self._leave(share)

    def _leave(self, share: Share) -> None:
        """Wait no more."""
        waiting = self._waiting.get(share.digest, [])
        if share in waiting:
            waiting.remove(share)
            if not waiting:
                del self._waiting[share.digest]

    def _settle(self, share: Share, done: job_pb2.Task | None = None) -> None:
        """Record what a task left, or give its claim back."""
        if self._closing:
            return
        partition = self._store.partition_of(share.digest)
        if partition not in self._settles:

            async def flush(settled: list[Settled]) -> list[None]:
                await self._settle_all(partition, settled)
                return [None] * len(settled)

            self._settles[partition] = Batcher(flush, name=f"cache-settle-{partition}")
        self._settles[partition].put(
            Settled(share.digest, share.order.job_id, share.task, share.driven.epoch, done),
        )

    async def _settle_all(self, partition: int, settled: Sequence[Settled]) -> None:
        try:
            await self._store.settle(partition, settled)
        except _REDIS_REFUSES as error:
            # Claims expire; a result that is not recorded is computed again by whoever needs it.
            log.warning("the cache takes nothing", extra={"tasks": len(settled), "error": error.message})
            return
        for each in settled:
            self._look(each.digest)


def _asked(share: Share) -> Asked:
    how = How.RUN if share.runs else How.KEEP if share.handed_over else How.ASK
    order = share.order
    return Asked(share.digest, order.job_id, order.task, share.driven.epoch, order.priority, how)


def _left_by(share: Share, task: TaskRecord) -> job_pb2.Task | None:
    """What others may get of a task that is at rest; nothing of one that got its own result from elsewhere."""
    if (
        task.state != task_pb2.TASK_STATE_SUCCEEDED
        or task.cached
        or task.result is None
        or share.computed != (task.lease_id, share.version)
        or not caching.is_self_contained(task.result, task.artifacts)
    ):
        return None
    return job_pb2.Task(name=task.name, kind=task.kind, result=task.result, artifacts=task.artifacts)


def _unbound(*_: object) -> None:
    raise RuntimeError("nobody drives")

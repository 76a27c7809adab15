"""Drives jobs: feeds the pure machine, commits what it decides, then carries out the effects.

A job is in `_driven` from its claim to its end or until a commit is fenced. Its record there runs ahead of Redis by the
commits that are in flight; nothing outside sees that, because effects and events are let out only once committed, and
commits of a partition are flushed strictly in order. If this process dies, another replica claims the job, reads what
was committed and hands its open attempts over again.
"""

import asyncio
import logging
import math
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.orchestrator import bounds, ids, job, metrics, notes, orders
from services.orchestrator.driven import Driven, Share
from services.orchestrator.handover import SchedulerLink
from services.orchestrator.job_record import Effect, HandOver, JobRecord, Stop, TaskRecord, Transition
from services.orchestrator.sharing import Sharing
from services.orchestrator.store import records
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.values import Commit, Committed, stream_number
from services.orchestrator.watch import WatchHub
from tutti import backoff, errors
from tutti.batching import Batcher
from tutti.v1 import job_pb2, task_pb2

log = logging.getLogger(__name__)


#: Wishes that are remembered for jobs which are not in hand; older ones have long been read with the record.
MOST_WISHES = 10_000
#: Where the timer of the job itself is kept; no task has this name.
_THE_JOB = ""


class _Pending(NamedTuple):
    """A transition on its way into Redis."""

    commit: Commit
    driven: Driven
    transition: Transition
    receipt: "_Receipt | None"


@dataclass(slots=True)
class _Receipt:
    """How many commits of a batch of updates are still in flight; the batch is acknowledged when none is."""

    epoch: str
    number: int
    left: int


class Driver:
    def __init__(
        self,
        store: JobStore,
        hub: WatchHub,
        link: Callable[["Driver"], SchedulerLink],
        sharing: Sharing,
        *,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._sharing = sharing
        sharing.bind(self._send, self._serve)
        self._hub = hub
        self._link = link(self)
        self._clock_ms = clock_ms
        self._driven: dict[str, Driven] = {}
        self._commits: dict[int, Batcher[_Pending, None]] = {}
        self._receipts: deque[_Receipt] = deque()
        #: Jobs that somebody wants stopped, and that may be on their way into this replica's hands.
        self._wishes: OrderedDict[str, None] = OrderedDict()
        metrics.JOBS_DRIVEN.set_function(lambda: len(self._driven))
        #: Until when, by the monotonic clock, nobody else may have taken this replica's jobs over.
        self.trusted_until = math.inf
        #: Nothing more is taken or recorded: whoever drives these jobs next hears what is said from now on.
        self._closing = False

    @property
    def link(self) -> SchedulerLink:
        return self._link

    def __len__(self) -> int:
        return len(self._driven)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._driven

    def job_ids(self) -> list[str]:
        return list(self._driven)

    def take(
        self,
        record: JobRecord,
        *,
        epoch: int,
        entry: str,
        commits: int,
        effects: Iterable[Effect],
        driven_before: bool = False,
        recorded: int = 1,
    ) -> None:
        """Begin to drive a job that this replica has just created or claimed. Of one that was driven before, attempts
        may be running."""
        known = self._driven.get(record.job_id)
        if self._closing or (known is not None and known.epoch >= epoch):
            return
        if known is not None:
            self._let_go(known)
        driven = Driven(
            record=record,
            partition=ids.partition_of(record.job_id, self._store.partitions),
            epoch=epoch,
            commits=commits,
            entry=entry,
            recorded=recorded,
        )
        self._driven[record.job_id] = driven
        if log.isEnabledFor(logging.DEBUG):
            log.debug("driving a job", extra={"epoch": epoch, **notes.named(record)})
        for effect in effects:
            self._carry_out(driven, effect, told=driven_before)
        if record.deadline_ms and not record.expired:
            self._expire_later(driven)
        # A wish that is remembered may be older than the moment at which the job was run again; claims look at those.
        if record.cancel_requested or (record.job_id in self._wishes and not record.retry_ms):
            self._record(driven, job.cancelled(_unwished(record), self._clock_ms()))

    def cancel(self, job_id: str) -> None:
        """Somebody's wish is recorded in the job; act on it, if the job is in hand or about to be."""
        driven = self._driven.get(job_id)
        if driven is not None:
            self._record(driven, job.cancelled(driven.record, self._clock_ms()))
            return
        # A claim may be on its way whose record was read before the wish was written.
        self._wishes[job_id] = None
        if len(self._wishes) > MOST_WISHES:
            self._wishes.popitem(last=False)

    def epochs(self) -> dict[str, int]:
        return {job_id: driven.epoch for job_id, driven in self._driven.items()}

    def outstanding(self, job_id: str) -> dict[str, int]:
        """The attempts that the scheduler knows of, or should."""
        return {name: attempt for name, (attempt, _) in self._driven[job_id].open.items()}

    def shares(self, job_id: str) -> Mapping[str, Share]:
        """Its tasks that take part in the cache, and have not ended."""
        return self._driven[job_id].shares

    def stands(self, order: task_pb2.TaskOrder) -> bool:
        """Whether an order that is on its way to the scheduler may still go out. One that may not is handed over again
        by whoever drives the job then."""
        driven = self._driven.get(order.job_id)
        return driven is not None and driven.epoch == order.job_epoch and time.monotonic() <= self.trusted_until

    def disown(self, job_id: str, *, epoch: int) -> None:
        """Another drives what was claimed under this epoch. Should that be this replica itself, which has claimed it
        again meanwhile, it stays."""
        driven = self._driven.get(job_id)
        if driven is not None and driven.epoch == epoch:
            self._let_go(driven)

    async def on_updates(self, batch: task_pb2.UpdateBatch) -> None:
        """Apply a batch of updates: one commit for each job in it."""
        if self._closing:
            return  # and acknowledge nothing
        receipt = _Receipt(epoch=batch.epoch, number=batch.number, left=1)
        self._receipts.append(receipt)
        now_ms = self._clock_ms()
        by_job: dict[str, list[task_pb2.Update]] = {}
        for update in batch.updates:
            by_job.setdefault(update.job_id, []).append(update)
        for job_id, updates in by_job.items():
            driven = self._driven.get(job_id)
            if driven is None:
                # Ended, or driven by another replica by now: in either case not ours to record.
                metrics.STALE_UPDATES.inc(len(updates))
                continue
            self._apply(driven, updates, now_ms, receipt)
        self._done(receipt)

    def hand_over_again(self) -> None:
        """Tell a leader who knows nothing yet of every attempt that it should know of, or should stop."""
        for driven in list(self._driven.values()):
            for name, (attempt, told) in list(driven.open.items()):
                task = driven.record.tasks[name]
                if task.attempt == attempt and not task.at_rest and name not in driven.stopping:
                    self._hand_over(driven, name, told)
            for name, ref in driven.stopping.items():
                if not driven.record.tasks[name].at_rest:
                    self._link.stop(ref)

    async def close(self) -> None:
        """Finish the commits in flight and let go of everything."""
        self._closing = True
        for batcher in self._commits.values():
            await batcher.close()
        for driven in list(self._driven.values()):
            self._let_go(driven)
        await self._sharing.close()

    def _apply(self, driven: Driven, updates: Sequence[task_pb2.Update], now_ms: int, receipt: _Receipt) -> None:
        if driven.shares:
            self._sharing.heard(driven, updates)
        transition = job.apply(driven.record, updates, now_ms)
        if transition.stale:
            metrics.STALE_UPDATES.inc(transition.stale)
            log.info("refused stale updates", extra={"updates": transition.stale, **notes.named(driven.record)})
        self._record(driven, transition, receipt)

    def _record(self, driven: Driven, transition: Transition, receipt: _Receipt | None = None) -> None:
        """Commit a transition, then let its events and effects out."""
        record = driven.record = transition.job
        if driven.fenced or self._closing:
            return
        events = bounds.within(transition.events, driven.recorded)
        if not (events or transition.changed):
            # Nothing to write, as when a wish that is durable already reaches a task that runs.
            for effect in transition.effects:
                self._carry_out(driven, effect, told=False)
            return
        driven.commits += 1
        driven.recorded += len(events)
        commit = Commit(
            job_id=record.job_id,
            epoch=driven.epoch,
            number=driven.commits,
            fields=records.changed_fields(record, transition.changed),
            events=events,
            stream=stream_number(record.spec.priority) if record.at_rest else 0,
            entry=driven.entry,
            dead_ms=record.end_ms if record.state == job_pb2.JOB_STATE_FAILED else 0,
        )
        if receipt is not None:
            receipt.left += 1
        self._batcher(driven.partition).put(_Pending(commit, driven, transition, receipt))

    def _expire_later(self, driven: Driven) -> None:
        left_ms = driven.record.deadline_ms - self._clock_ms()
        loop = asyncio.get_running_loop()
        driven.timers[_THE_JOB] = loop.call_later(max(0.0, left_ms / 1000), self._expire, driven)

    def _expire(self, driven: Driven) -> None:
        self._record(driven, job.expired(driven.record, self._clock_ms()))

    def _batcher(self, partition: int) -> Batcher[_Pending, None]:
        if partition not in self._commits:

            async def flush(pending: list[_Pending]) -> list[None]:
                committed = await self._flush(partition, [each.commit for each in pending])
                for each, how in zip(pending, committed, strict=True):
                    self._committed(each, how)
                return [None] * len(pending)

            self._commits[partition] = Batcher(flush, name=f"commit-{partition}")
        return self._commits[partition]

    async def _flush(self, partition: int, commits: Sequence[Commit]) -> list[Committed]:
        """Commit, however long Redis is away: what a worker reported must not be lost for want of a retry."""
        pauses = backoff.delays(0.05, 1.0)
        while True:
            try:
                with metrics.COMMIT_SECONDS.time():
                    return await self._store.commit(partition, commits)
            except (errors.Unavailable, errors.QuotaExceeded) as error:
                log.warning("commit waits for Redis", extra={"commits": len(commits), "error": error.message})
            await asyncio.sleep(next(pauses))

    def _committed(self, pending: _Pending, committed: Committed) -> None:
        _, driven, transition, receipt = pending
        record = transition.job
        if committed.fenced:
            metrics.FENCED_COMMITS.inc()
            if not driven.fenced:
                log.warning("another replica drives the job", extra={"epoch": driven.epoch, **notes.named(record)})
            self._let_go(driven)
        else:
            if self._hub.watches(record.job_id):
                self._hub.publish(record.job_id, committed.events)
            if driven.shares:
                self._sharing.committed(driven, transition)
            for effect in transition.effects:
                self._carry_out(driven, effect, told=False)
            if record.at_rest:
                self._let_go(driven)
                notes.ended(record)
        if receipt is not None:
            self._done(receipt)

    def _done(self, receipt: _Receipt) -> None:
        receipt.left -= 1
        number, epoch = 0, self._link.epoch
        while self._receipts and self._receipts[0].left == 0:
            first = self._receipts.popleft()
            if first.epoch == epoch:
                number = first.number
        if number:
            self._link.acknowledge(number)

    def _carry_out(self, driven: Driven, effect: Effect, *, told: bool) -> None:
        match effect:
            case HandOver(task=name, pause_seconds=pause) if pause > 0:
                # Jittered, so that tasks which failed together are not tried again together.
                seconds = random.uniform(pause / 2, pause)  # noqa: S311  not a secret
                loop = asyncio.get_running_loop()
                driven.timers[name] = loop.call_later(seconds, self._hand_over, driven, name, told)
            case HandOver(task=name):
                self._hand_over(driven, name, told)
            case Stop(task=name, attempt=attempt, lease_id=lease_id):
                timer = driven.timers.pop(name, None)
                if timer is not None:
                    timer.cancel()
                if driven.shares:
                    self._sharing.stopped(driven, name)
                ref = task_pb2.AttemptRef(
                    job_id=driven.record.job_id,
                    task=name,
                    attempt=attempt,
                    lease_id=lease_id,
                    job_epoch=driven.epoch,
                )
                driven.stopping[name] = ref
                self._link.stop(ref)

    def _hand_over(self, driven: Driven, name: str, told: bool) -> None:
        driven.timers.pop(name, None)
        task = driven.record.tasks[name]
        if driven.fenced or task.at_rest:
            return
        order = self._order(driven, task)
        if order is None:
            return
        order.recovered = told
        rule = self._sharing.rule(driven.record, task.kind)
        # Once for each attempt: what was handed over before is handed over again without asking.
        if rule is None or name in driven.shares or not self._sharing.enter(driven, order, rule):
            self._send(driven, order)

    def _send(self, driven: Driven, order: task_pb2.TaskOrder) -> None:
        if time.monotonic() > self.trusted_until:
            # Another may drive the job by now, and have run this attempt to its end. `Claims` finds out first.
            driven.open[order.task] = (order.attempt, order.recovered)
            return
        driven.open[order.task] = (order.attempt, order.recovered or self._link.connected)
        self._link.hand_over(order)

    def _serve(self, share: Share, equal: job_pb2.Task) -> None:
        driven, order = share.driven, share.order
        now_ms, handed_over = self._clock_ms(), share.handed_over or order.recovered
        served = job.served(driven.record, order.task, order.attempt, equal, now_ms, handed_over=handed_over)
        self._record(driven, served)

    def _order(self, driven: Driven, task: TaskRecord) -> task_pb2.TaskOrder | None:
        record = driven.record
        try:
            return orders.order_of(record, task, job_epoch=driven.epoch)
        except errors.InvalidInput as error:
            failure = task_pb2.Failure(reason=error.reason, message=error.message)
            update = task_pb2.Update(
                job_id=record.job_id, task=task.name, attempt=task.attempt, lease_id=task.lease_id, failed=failure
            )
            self._record(driven, job.apply(record, [update], self._clock_ms()))
            return None

    def _let_go(self, driven: Driven) -> None:
        driven.fenced = True
        if driven.shares:
            self._sharing.forget(driven)
        for timer in driven.timers.values():
            timer.cancel()
        if self._driven.get(driven.record.job_id) is driven:
            del self._driven[driven.record.job_id]


def _unwished(record: JobRecord) -> JobRecord:
    """The record as it was before the wish: the wish has been recorded, but nobody has acted on it."""
    return record._replace(cancel_requested=False)

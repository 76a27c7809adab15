"""Watchers: everyone who follows a job's events, on the replica that they happen to be connected to.

The event stream in Redis is the truth. What this replica commits is handed to its watchers directly; what other
replicas commit is announced by a poke on pub/sub, upon which the stream is read. Sequence numbers tell whether anything
is missing in between, so that each watcher sees every event once, in order, whoever wrote it.
"""

import asyncio
import contextlib
import logging
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple

from services.orchestrator import ids
from services.orchestrator.job_record import JOB_AT_REST
from services.orchestrator.store import keys
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.values import Look
from tutti import backoff, errors, redis_client
from tutti.bell import Bell
from tutti.v1 import job_pb2

log = logging.getLogger(__name__)

#: What a watched job keeps of its events in memory; watchers further behind read from Redis.
TAIL_EVENTS, TAIL_BYTES = 1_000, 8 * 1024 * 1024
#: Events per read from Redis.
PAGE = 500
#: Channels that are subscribed to in one command after a break.
SUBSCRIBE_BATCH = 500
#: A job that this replica drives is quiet for so long, in seconds, before it is also listened for at other replicas.
QUIET_SECONDS = 0.1
#: For so long, in seconds, the first event of a job waits for what follows it: a message is a fifth of what a small job
#: costs, and most that are followed from the start have ended by then.
MOMENT_SECONDS = 0.005


class Tail:
    """The newest events of a job that somebody watches, shared by all its watchers."""

    def __init__(self) -> None:
        self.events: list[job_pb2.Event] = []
        self.watchers = 0
        #: Pokes by other replicas reach this one.
        self.subscribed = False
        #: Counts pokes: what was being read while one came may be short of what it announced.
        self.pokes = 0
        #: Rings when something may have happened.
        self.bell = Bell()
        #: Of the events, as they are recorded.
        self.bytes = 0
        #: Of many watchers who find the tail too short, one reads from Redis for all.
        self.fetching = asyncio.Lock()

    @property
    def last(self) -> int:
        return self.events[-1].sequence if self.events else 0

    def append(self, events: Sequence[job_pb2.Event]) -> bool:
        """Take events that follow on what is here; False where something in between is missing."""
        fresh = [event for event in events if event.sequence > self.last]
        if not fresh:
            return True
        if self.events and fresh[0].sequence != self.last + 1:
            return False
        self.events += fresh
        self.bytes += sum([event.ByteSize() for event in fresh])
        if len(self.events) > 2 * TAIL_EVENTS:
            self._drop(len(self.events) - TAIL_EVENTS)
        while self.bytes > TAIL_BYTES and len(self.events) > 1:
            self._drop((len(self.events) + 1) // 2)
        self.bell.ring()
        return True

    def replace(self, events: Sequence[job_pb2.Event]) -> None:
        """Take events that were read, where they are newer than what is here."""
        if events and not self.append(events):
            self.clear()
            self.append(events)

    def clear(self) -> None:
        self.events.clear()
        self.bytes = 0

    def _drop(self, count: int) -> None:
        self.bytes -= sum([event.ByteSize() for event in self.events[:count]])
        del self.events[:count]

    def after(self, sequence: int) -> list[job_pb2.Event] | None:
        """Events after a sequence number, or None where the tail cannot tell."""
        if not self.events or not self.events[0].sequence - 1 <= sequence <= self.last:
            return None
        return self.events[bisect_right(self.events, sequence, key=lambda event: event.sequence) :]


class Seen(NamedTuple):
    """What a watcher is given."""

    events: Sequence[job_pb2.Event]
    #: Nothing follows.
    last: bool


class WatchHub:
    def __init__(self, store: JobStore, *, replica: str = "") -> None:
        self._store = store
        self._replica = replica
        self._tails: dict[str, Tail] = {}
        #: The channel that is open; a new one after each break, of a cluster perhaps to another node.
        self._pubsub: redis_client.Connection = None
        self._pauses = backoff.delays(0.05, 1.0)
        self._stopping = False

    @property
    def watched_jobs(self) -> int:
        return len(self._tails)

    def watches(self, job_id: str) -> bool:
        return job_id in self._tails

    def publish(self, job_id: str, events: Sequence[job_pb2.Event]) -> None:
        """Hand over what this replica has just recorded; nothing, where only that something was is known."""
        tail = self._tails.get(job_id)
        if tail is not None and not (events and tail.append(events)):
            self.poke(job_id)

    def poke(self, job_id: str) -> None:
        """Something was recorded, by whomever."""
        tail = self._tails.get(job_id)
        if tail is not None:
            tail.pokes += 1
            tail.clear()
            tail.bell.ring()

    async def watch(
        self, job_id: str, after: str, *, owner: str = "", first: job_pb2.Event | None = None
    ) -> AsyncIterator[Seen]:
        """Everything after the cursor, then what happens, until the job is at rest and all is said. With an owner, the
        job of any other is not found. With its first event, it is one that this replica has just begun to drive: there
        is nothing to look for yet."""
        async with self._tail(job_id) as tail:
            pokes = tail.pokes
            look = await self._store.look(job_id, after, PAGE) if first is None else _begun(owner, self._replica, first)
            if owner and look.owner != owner:
                raise ids.no_such_job(job_id)
            events: Sequence[job_pb2.Event] = look.events
            cursor, sequence = after, 0
            if pokes == tail.pokes and not tail.events and len(look.events) < PAGE:
                tail.append(look.events)
            if not events and look.state in JOB_AT_REST and _not_before(cursor, look.last_event_id):
                return
            if first is not None:
                events = await _with_what_follows(tail, events)
            while True:
                if events:
                    cursor, sequence = events[-1].event_id, events[-1].sequence
                    # A job that was run again has come to rest before: only what was the end when this began, or
                    # came later, is one.
                    last = _ends(events[-1]) and _not_before(cursor, look.last_event_id)
                    yield Seen(events, last)
                    if last:
                        return
                if look.driver != self._replica:
                    await self._listen_to(job_id, tail)
                if self._stopping:
                    raise errors.Unavailable("this replica is shutting down; watch again", reason="SHUTTING_DOWN")
                news = tail.bell.news
                events = await self._next(job_id, tail, cursor, sequence)
                if not events:
                    await self._hear_of(job_id, tail, news)

    async def _next(self, job_id: str, tail: Tail, cursor: str, sequence: int) -> Sequence[job_pb2.Event]:
        events = tail.after(sequence) if sequence else None
        if events is not None:
            return events
        async with tail.fetching:
            events = tail.after(sequence) if sequence else None
            if events is None:
                pokes = tail.pokes
                events = await self._store.events(job_id, cursor, PAGE)
                # After a full page there is more: a tail that ended there would pass for all that has happened.
                if pokes == tail.pokes and len(events) < PAGE:
                    # Where one who is far behind read last, the tail has to be brought forward again: not appended to.
                    tail.replace(events)
        return events

    async def run(self) -> None:
        """Listen to pokes until cancelled. After a break nothing is assumed: every watched job is looked at again."""
        while True:
            try:
                with redis_client.translated():
                    await self._listen()
            except errors.Unavailable as error:
                log.warning("lost the event channel", extra={"error": error.message})
                await asyncio.sleep(next(self._pauses))
                for job_id in list(self._tails):
                    self.poke(job_id)

    def stop(self) -> None:
        """End every stream, so that watchers go on at another replica."""
        self._stopping = True
        for tail in self._tails.values():
            tail.bell.ring_now()

    async def _listen(self) -> None:
        async with self._store.blocking.pubsub() as pubsub:
            # A channel that nothing is published on keeps the connection subscribed while nobody watches.
            await pubsub.subscribe("tutti:watching")
            self._pubsub, self._pauses = pubsub, backoff.delays(0.05, 1.0)
            try:
                # Nothing is awaited in between: who begins to wait from here on subscribes by itself.
                channels = [self._channel(job_id) for job_id, tail in self._tails.items() if tail.subscribed]
                for first in range(0, len(channels), SUBSCRIBE_BATCH):
                    await pubsub.subscribe(*channels[first : first + SUBSCRIBE_BATCH])
                await self._hear_all(pubsub)
            finally:
                self._pubsub = None

    async def _hear_all(self, pubsub: redis_client.Connection) -> None:
        while True:
            message = await redis_client.heard(pubsub)
            channel = message["channel"].decode()
            if message["type"] == "subscribe":
                # What another replica recorded before the subscription took effect was announced to nobody here.
                self.poke(_job_of(channel))
            elif message["type"] == "message":
                self._hear(_job_of(channel), message["data"].decode())

    def _hear(self, job_id: str, cursor: str) -> None:
        tail = self._tails.get(job_id)
        # What this replica committed itself has reached the tail before its poke comes back.
        if tail is not None and not (tail.events and _not_before(tail.events[-1].event_id, cursor)):
            self.poke(job_id)

    @contextlib.asynccontextmanager
    async def _tail(self, job_id: str) -> AsyncIterator[Tail]:
        channel = self._channel(job_id)
        tail = self._tails.get(job_id)
        if tail is None:
            tail = self._tails[job_id] = Tail()
        tail.watchers += 1
        try:
            yield tail
        finally:
            tail.watchers -= 1
            if tail.watchers == 0:
                self._tails.pop(job_id, None)
                if tail.subscribed and self._pubsub is not None:
                    with contextlib.suppress(errors.Unavailable), redis_client.translated():
                        await self._pubsub.unsubscribe(channel)

    async def _hear_of(self, job_id: str, tail: Tail, news: asyncio.Event) -> None:
        """Wait for news. What this replica records itself comes without a channel, and many jobs end before one would
        be open; it is opened when nothing has come for a moment, for somebody else may drive the job by now. That makes
        the job be looked at anew, so nothing is missed, only learned so much later."""
        if not tail.subscribed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    await tail.bell.wait(news)
                    return
            await self._listen_to(job_id, tail)
        await tail.bell.wait(news)

    async def _listen_to(self, job_id: str, tail: Tail) -> None:
        """Hear of what other replicas record. Not done before a watcher has to wait: most look at what is over."""
        if tail.subscribed:
            return
        tail.subscribed = True
        if self._pubsub is None:
            # The next channel begins with everyone who waits.
            return
        try:
            with redis_client.translated():
                await self._pubsub.subscribe(self._channel(job_id))
        except BaseException:
            tail.subscribed = False
            raise

    def _channel(self, job_id: str) -> str:
        return keys.events(ids.partition_of(job_id, self._store.partitions), job_id)


async def _with_what_follows(tail: Tail, events: Sequence[job_pb2.Event]) -> Sequence[job_pb2.Event]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(MOMENT_SECONDS):
            await tail.bell.wait(tail.bell.news)
    return tail.after(0) or events


def _begun(owner: str, replica: str, first: job_pb2.Event) -> Look:
    return Look(
        owner=owner,
        state=job_pb2.JOB_STATE_QUEUED,
        last_event_id=first.event_id,
        driver=replica,
        events=[first],
    )


def _job_of(channel: str) -> str:
    return channel.removesuffix(":events").rpartition(":")[2]


def _ends(event: job_pb2.Event) -> bool:
    return event.HasField("job_moved") and event.job_moved.state in JOB_AT_REST


def _not_before(cursor: str, other: str) -> bool:
    """Whether a cursor is at another or after it."""
    return _cursor_key(cursor) >= _cursor_key(other)


def _cursor_key(cursor: str) -> tuple[int, int]:
    milliseconds, _, number = cursor.partition("-")
    return (int(milliseconds or 0), int(number or 0))

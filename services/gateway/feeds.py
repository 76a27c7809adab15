"""Feeds: one job's events, read once from upstream for everyone at this gateway who watches it under the same owner.

A feed follows the job from somewhere on and keeps the newest frames in a bounded tail, each rendered once. Watchers
come and go, each with a place of its own in it. One who is further behind than the tail reaches, because it came late
or is slow, reads the log from upstream until it has caught up, at no cost to the others.
"""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

from services.gateway.events import frame
from services.gateway.frames import Frames, Piece, Place, place_of
from services.gateway.jobs import job_status
from services.gateway.past import Past
from services.gateway.racing import first_of
from tutti import errors
from tutti.bell import Bell
from tutti.client import Client
from tutti.v1 import job_pb2

log = logging.getLogger(__name__)

#: What a feed keeps of the past, whichever bound is reached first. The last one because addresses of artifacts expire.
TAIL_EVENTS, TAIL_BYTES, TAIL_SECONDS = 2_000, 4 * 1024 * 1024, 300.0


class Feed:
    """The events of one job, as one owner may see them."""

    def __init__(self, client: Client, job: job_pb2.Job, owner: str, after: str) -> None:
        self._client = client
        self._job_id = job.job_id
        self._owner = owner
        self._bell = Bell()
        self._tail = Frames()
        #: When events were taken in, and how many had been by then.
        self._arrivals: deque[tuple[float, int]] = deque()
        #: Events that have left the tail again, the last of which is where the tail begins.
        self._dropped, self._floor = 0, place_of(after)
        self._last = after
        self._status = job.state
        #: Most watchers stand at the same place and are given the same bytes.
        self._newest: tuple[int, int, Piece] | None = None
        self._past = Past(client, job.job_id, owner)
        #: Heartbeats so far: how often nothing had happened for a while.
        self.beats = 0
        #: Nothing more will come. Without an error, everything was said.
        self.ended = False
        self.error: errors.TuttiError | None = None

    @property
    def news(self) -> asyncio.Event:
        return self._bell.news

    async def wait(self, news: asyncio.Event) -> None:
        await self._bell.wait(news)

    async def close(self) -> None:
        await self._past.close()

    def farewell(self) -> bytes:
        said = {"jobId": self._job_id, "status": job_status(self._status), "lastEventId": self._last}
        return frame("end", said)

    async def next(self, cursor: str, position: int) -> Piece | None:
        """What comes after, or None where nothing has come yet. The position is what the last piece said, or -1."""
        if position < self._dropped:
            place = place_of(cursor)
            if place < self._floor:
                return await self._from_the_past(place)
            if place > place_of(self._last):
                return None  # another gateway was ahead of this one; what comes next may be known to the watcher
            position = self._dropped + self._tail.after(place)
        end = self._dropped + len(self._tail)
        if position == end:
            return None
        if self._newest is None or self._newest[:2] != (position, end):
            first = position - self._dropped
            self._newest = position, end, self._tail.piece(first, len(self._tail), offset=self._dropped)
        return self._newest[2]

    async def run(self, closing: asyncio.Event, heartbeat_seconds: float) -> None:
        """Follow the job until it rests, the gateway closes, or the last watcher has gone and this is cancelled."""
        try:
            await first_of(
                **{
                    f"read {self._job_id}": self._read(),
                    f"heartbeat {self._job_id}": self._beat(heartbeat_seconds),
                    f"closing {self._job_id}": _closed(closing),
                }
            )
        except errors.TuttiError as error:
            self.error = error
        except Exception:
            log.exception("an event feed broke")
            self.error = errors.Internal("an unexpected error was logged")
        finally:
            self.ended = True
            self._bell.ring_now()

    async def _read(self) -> None:
        batches = self._client.watch_batches(self._job_id, after=self._last, owner=self._owner)
        async with aclosing(batches):
            async for events in batches:
                self._take(events)
                self._bell.ring()

    def _take(self, events: Sequence[job_pb2.Event]) -> None:
        self._tail.extend(events)
        self._last = events[-1].event_id
        for event in events:
            if event.WhichOneof("what") == "job_moved":
                self._status = event.job_moved.state
        self._arrivals.append((asyncio.get_running_loop().time(), self._dropped + len(self._tail)))
        # By halves, so that shortening a list is not what each event costs.
        if len(self._tail) > 2 * TAIL_EVENTS:
            self._drop(len(self._tail) - TAIL_EVENTS)
        if self._tail.bytes > 2 * TAIL_BYTES:
            self._drop(len(self._tail) - self._tail.within(TAIL_BYTES))

    def _drop(self, count: int) -> None:
        if count:
            self._floor = self._tail.places[count - 1]
            self._dropped += count
            self._tail.drop(count)
            while self._arrivals and self._arrivals[0][1] <= self._dropped:
                self._arrivals.popleft()

    async def _beat(self, seconds: float) -> None:
        """Now and then, let go of what is old and, where nothing has happened since, have everyone say a word."""
        loop = asyncio.get_running_loop()
        while True:
            taken = self._dropped + len(self._tail)
            await asyncio.sleep(seconds)
            await self._past.close()
            while self._arrivals and self._arrivals[0][0] < loop.time() - TAIL_SECONDS:
                self._drop(self._arrivals[0][1] - self._dropped)
            if taken == self._dropped + len(self._tail):
                self.beats += 1
                self._bell.ring()

    async def _from_the_past(self, place: Place) -> Piece:
        page = await self._past.after(place)
        # What the feed itself has not taken in yet will come from there: nobody gets ahead of it.
        first, end = page.after(place), page.after(place_of(self._last))
        if first == end:
            raise errors.NotFound("the job's events have expired", reason="JOB_NOT_FOUND")
        return page.piece(first, end, offset=None)


class Feeds:
    """The open feeds of a gateway."""

    def __init__(self, client: Client, *, heartbeat_seconds: float, closing: asyncio.Event) -> None:
        self._client = client
        self._heartbeat_seconds = heartbeat_seconds
        self._closing = closing
        self._open: dict[tuple[str, str], _Shared] = {}

    def __len__(self) -> int:
        return len(self._open)

    @asynccontextmanager
    async def joined(self, job: job_pb2.Job, owner: str, after: str) -> AsyncIterator[Feed]:
        """The feed of a job that its owner wants to watch; it ends when the last who joined has left."""
        key = (owner, job.job_id)
        shared = self._open.get(key)
        if shared is None or shared.feed.ended:
            shared = self._open[key] = self._shared(job, owner, after)
        shared.watchers += 1
        try:
            yield shared.feed
        finally:
            shared.watchers -= 1
            if not shared.watchers:
                if self._open.get(key) is shared:
                    del self._open[key]
                shared.task.cancel()
                await asyncio.gather(shared.task, return_exceptions=True)
                await shared.feed.close()

    def _shared(self, job: job_pb2.Job, owner: str, after: str) -> "_Shared":
        # A log that fits the tail is read in one go by the feed. Of a longer one the feed reads what is new; each
        # watcher reads the past at its own pace.
        feed = Feed(self._client, job, owner, after if job.revision <= TAIL_EVENTS else job.last_event_id)
        running = feed.run(self._closing, self._heartbeat_seconds)
        # In a context of its own: a feed belongs to the journeys of all its watchers, not to that of the first.
        task = asyncio.create_task(running, name=f"feed {job.job_id}", context=contextvars.Context())
        return _Shared(feed, task)


class _Shared:
    def __init__(self, feed: Feed, task: "asyncio.Task[None]") -> None:
        self.feed = feed
        self.task = task
        self.watchers = 0


async def _closed(closing: asyncio.Event) -> None:
    await closing.wait()
    raise errors.Unavailable("the gateway is shutting down", reason="SHUTTING_DOWN")

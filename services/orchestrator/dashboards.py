"""Dashboards: everyone who follows all jobs of an owner, live and from now on only.

Every script that records events says so on the channel of the job's owner, wherever a replica listens there. What is
heard is gathered for a moment and read in one go, so that a busy owner costs a few reads a second and not one a commit.
Nothing here is waited for: who does not keep up is sent away, and so is everyone when the channel breaks.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from services.orchestrator.listing import fits
from services.orchestrator.store import keys, news
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.news import Card, News
from tutti import backoff, errors, redis_client
from tutti.v1 import job_pb2, orchestrator_pb2

log = logging.getLogger(__name__)

#: Seconds for which what is heard gathers after a read.
TICK = 0.05
#: Jobs read at a time.
JOBS_A_READ = 200
#: Jobs of an owner whose place is remembered; one that was last heard of longer ago has long been read.
JOBS_KNOWN = 20_000
#: Events that may wait for one viewer, and how many are handed over at a time.
MOST_WAITING, MOST_AT_ONCE = 10_000, 500
#: Seconds within which Redis confirms that it was heard to listen.
CONFIRM_SECONDS = 10.0


class Viewer:
    def __init__(self, filter: orchestrator_pb2.JobFilter) -> None:
        self.filter = filter
        self.error: errors.TuttiError | None = None
        self._waiting: list[job_pb2.Event] = []
        self._news = asyncio.Event()

    def offer(self, events: Sequence[job_pb2.Event]) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self.end(errors.TooSlow("events came faster than they were read; list the jobs and watch again"))
            return
        self._waiting += events
        self._news.set()

    def end(self, error: errors.TuttiError) -> None:
        self.error = error
        self._waiting.clear()
        self._news.set()

    async def take(self) -> Sequence[job_pb2.Event]:
        await self._news.wait()
        if self.error is not None:
            raise self.error
        taken, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
        if not self._waiting:
            self._news.clear()
        return taken


@dataclass(slots=True)
class Known:
    """A job that was read before."""

    cursor: str
    card: Card


@dataclass(slots=True, eq=False)
class Board:
    """The jobs of an owner, for all who view them."""

    owner: str
    channels: frozenset[str]
    viewers: set[Viewer] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    #: Jobs to be read, and the first event that was heard of.
    due: dict[str, str] = field(default_factory=dict)
    known: OrderedDict[str, Known] = field(default_factory=OrderedDict)
    reading: "asyncio.Task[None] | None" = None

    def hear(self, job_id: str, cursor: str) -> bool:
        """Whether there is anything to read."""
        known = self.known.get(job_id)
        if known is not None and _order(cursor) <= _order(known.cursor):
            return False
        self.due.setdefault(job_id, cursor)
        return True

    def wanted(self) -> dict[str, str]:
        """Jobs to be read now, and from where in their logs."""
        wanted = {job_id: self.due.pop(job_id) for job_id in list(self.due)[:JOBS_A_READ]}
        # Asked for here and not when it was heard: a read may have been under way.
        return {
            job_id: f"({self.known[job_id].cursor}" if job_id in self.known else cursor
            for job_id, cursor in wanted.items()
        }

    def end(self, error: errors.TuttiError) -> None:
        for viewer in self.viewers:
            viewer.end(error)

    def take(self, found: News) -> None:
        """Hand events on to those whose filter the job fits, before or after each."""
        known = self.known.get(found.job_id)
        card = known.card if known is not None else found.card
        if not found.events or card is None:
            return
        states = _states(found.events, card.state if known is not None else _before(found.events, card.state))
        for viewer in list(self.viewers):
            if fits(viewer.filter, create_ms=card.create_ms, labels=card.labels):
                wanted = viewer.filter.states
                viewer.offer(
                    [
                        event
                        for event, (before, after) in zip(found.events, states, strict=True)
                        if not wanted or before in wanted or after in wanted
                    ]
                )
        last = found.events[-1].event_id
        self.known[found.job_id] = Known(cursor=last, card=replace(card, state=states[-1][1]))
        self.known.move_to_end(found.job_id)
        while len(self.known) > JOBS_KNOWN:
            self.known.popitem(last=False)
        if found.more:
            self.due.setdefault(found.job_id, last)


class Dashboards:
    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._boards: dict[str, Board] = {}
        self._pubsub = store.blocking.pubsub()
        # Listening and no longer listening must reach Redis in the order in which they were decided.
        self._changing = asyncio.Lock()
        self._stopping = False

    def __len__(self) -> int:
        return len(self._boards)

    async def watch(self, owner: str, filter: orchestrator_pb2.JobFilter) -> AsyncIterator[Sequence[job_pb2.Event]]:
        """First nothing, at once; then everything that is recorded from then on."""
        async with self._viewing(owner, filter) as viewer:
            yield ()
            while True:
                yield await viewer.take()

    async def run(self) -> None:
        """Listen until cancelled."""
        pauses = backoff.delays(0.05, 1.0)
        while True:
            try:
                with redis_client.translated():
                    await self._listen()
            except errors.Unavailable as error:
                log.warning("lost the channel of dashboards", extra={"error": error.message})
                await self._break_off()
                await asyncio.sleep(next(pauses))

    def stop(self) -> None:
        self._stopping = True
        for board in self._boards.values():
            board.end(errors.Unavailable("this replica is shutting down; watch again", reason="SHUTTING_DOWN"))

    async def close(self) -> None:
        for board in self._boards.values():
            await _stopped(board)
        await self._pubsub.aclose()

    async def _listen(self) -> None:
        # A channel that nothing is published on keeps the connection subscribed while nobody watches.
        await self._pubsub.subscribe("tutti:viewing")
        while True:
            message = await redis_client.heard(self._pubsub)
            channel = message["channel"].decode()
            board = self._boards.get(keys.owner_of_channel(channel))
            if board is None:
                continue
            if message["type"] == "subscribe":
                board.confirmed.add(channel)
                if board.confirmed == board.channels:
                    board.ready.set()
            elif message["type"] == "message":
                self._hear(board, message["data"].decode().split())

    def _hear(self, board: Board, words: Sequence[str]) -> None:
        heard = [board.hear(job_id, cursor) for job_id, cursor in zip(words[::2], words[1::2], strict=True)]
        if any(heard) and board.reading is None:
            board.reading = asyncio.create_task(self._read(board), name=f"dashboard {board.owner}")

    async def _read(self, board: Board) -> None:
        try:
            while board.due:
                wanted = board.wanted()
                cards = frozenset(wanted.keys() - board.known.keys())
                for found in await news.read(self._store, wanted, cards=cards):
                    board.take(found)
                await asyncio.sleep(TICK)
        except errors.TuttiError as error:
            board.end(error)
        finally:
            board.reading = None

    async def _break_off(self) -> None:
        """What was said meanwhile is not known: nobody is left to believe that nothing was."""
        boards, self._boards = self._boards, {}
        for board in boards.values():
            board.end(errors.Unavailable("events may have been missed; list the jobs and watch again"))
            board.ready.set()
            await _stopped(board)
        async with self._changing:
            await self._pubsub.aclose()
            self._pubsub = self._store.blocking.pubsub()

    @asynccontextmanager
    async def _viewing(self, owner: str, filter: orchestrator_pb2.JobFilter) -> AsyncIterator[Viewer]:
        if self._stopping:
            raise errors.Unavailable("this replica is shutting down; watch again", reason="SHUTTING_DOWN")
        viewer = Viewer(filter)
        board = self._boards.get(owner)
        if board is None:
            channels = frozenset(keys.owner_events(n, owner) for n in range(self._store.partitions))
            board = self._boards[owner] = Board(owner=owner, channels=channels)
        board.viewers.add(viewer)
        try:
            await self._ready(board)
            yield viewer
        finally:
            board.viewers.discard(viewer)
            if not board.viewers and self._boards.get(owner) is board:
                del self._boards[owner]
                await _stopped(board)
                await self._unsubscribe(board)

    async def _ready(self, board: Board) -> None:
        async with self._changing:
            if not board.ready.is_set() and not board.confirmed:
                with redis_client.translated():
                    await self._pubsub.subscribe(*board.channels)
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                await board.ready.wait()
        except TimeoutError as error:
            raise errors.Unavailable("Redis did not answer in time; watch again", reason="REDIS_UNAVAILABLE") from error

    async def _unsubscribe(self, board: Board) -> None:
        async with self._changing:
            # Somebody else may have come meanwhile.
            if board.owner not in self._boards:
                with contextlib.suppress(errors.Unavailable), redis_client.translated():
                    await self._pubsub.unsubscribe(*board.channels)


async def _stopped(board: Board) -> None:
    if board.reading is not None:
        board.reading.cancel()
        await asyncio.gather(board.reading, return_exceptions=True)


def _states(events: Sequence[job_pb2.Event], state: int) -> list[tuple[int, int]]:
    """The job's state before and after each event."""
    states = []
    for event in events:
        before, state = state, event.job_moved.state if event.HasField("job_moved") else state
        states.append((before, state))
    return states


def _before(events: Sequence[job_pb2.Event], now: int) -> int:
    """The state of a job that is seen for the first time, before events that may have moved it."""
    moved = next((event.job_moved.state for event in events if event.HasField("job_moved")), None)
    if moved is None:
        return now
    return job_pb2.JOB_STATE_QUEUED if moved <= job_pb2.JOB_STATE_RUNNING else job_pb2.JOB_STATE_RUNNING


def _order(cursor: str) -> tuple[int, int]:
    milliseconds, _, number = cursor.partition("-")
    return int(milliseconds), int(number)

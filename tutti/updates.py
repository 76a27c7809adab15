"""One numbered, resumable update stream between each pair of processes: the outbox speaks, the follower hears.

Work goes right in a call; what becomes of it comes back left on such a stream, for as long as both processes live. The
speaker keeps what it said until it is acknowledged; the listener names the last number it saw and misses nothing. The
first batch names the speaker's epoch, so that a listener notices when it speaks to somebody who knows nothing of it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from itertools import islice

import grpc

from tutti import backoff, errors, rpc
from tutti.batching import FIRST_GAP, LONGEST_GAP
from tutti.v1 import task_pb2

log = logging.getLogger(__name__)

#: A batch holds at most so many updates: the listener commits a batch as one.
MAX_BATCH = 512
#: So many updates gathered for one batch mean load.
BURST = 8


class Outbox:
    """What one process has to say to another, in order, until it is acknowledged."""

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch
        self._kept: deque[task_pb2.Update] = deque()
        #: Number of the last update that was acknowledged and forgotten.
        self.acknowledged = 0
        #: Number of the last update that was put in.
        self.number = 0
        self._fresh = asyncio.Event()
        self._empty = asyncio.Event()
        self._reader = 0

    def put(self, update: task_pb2.Update) -> int:
        self._kept.append(update)
        self.number += 1
        self._fresh.set()
        return self.number

    def extend(self, updates: Iterable[task_pb2.Update]) -> int:
        for update in updates:
            self._kept.append(update)
            self.number += 1
        self._fresh.set()
        return self.number

    def acknowledge(self, number: int) -> list[task_pb2.Update]:
        """Forget everything up to a number; returns what was forgotten."""
        count = min(number, self.number) - self.acknowledged
        if count <= 0:
            return []
        self.acknowledged += count
        if self.acknowledged == self.number:
            self._empty.set()
        return [self._kept.popleft() for _ in range(count)]

    async def all_acknowledged(self) -> None:
        while self.acknowledged < self.number:
            self._empty.clear()
            await self._empty.wait()

    def end(self) -> None:
        """End the stream that is being read; nothing more will be said."""
        self._reader += 1
        self._fresh.set()

    async def read(self, after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        """Say everything after the cursor, and then whatever is put in, until a second reader takes over."""
        self._reader += 1
        me = self._reader
        self._fresh.set()
        # Of another epoch's numbers nothing is known here: start with the oldest update kept.
        said = after.number if after.epoch == self._epoch else 0
        said = min(max(said, self.acknowledged), self.number)
        yield task_pb2.UpdateBatch(epoch=self._epoch, number=said)
        gap, loop = 0.0, asyncio.get_running_loop()
        while True:
            if me == self._reader:
                await self._fresh.wait()
            if me != self._reader:
                self._fresh.set()  # the reader that took over may be waiting for the same event
                raise errors.Superseded("another stream took over")
            started, said_before = loop.time(), said
            while said < self.number and me == self._reader:
                # Acknowledged in the meantime, over a stream before this one: not to be said again.
                said = max(said, self.acknowledged)
                skip = said - self.acknowledged
                updates = list(islice(self._kept, skip, skip + MAX_BATCH))
                said += len(updates)
                if updates:
                    yield task_pb2.UpdateBatch(epoch=self._epoch, number=said, updates=updates)
            if said == self.number and me == self._reader:
                self._fresh.clear()
            # Under load the next batch gathers while this one is on its way; a lone update never waits.
            gap = min(LONGEST_GAP, max(FIRST_GAP, gap * 2)) if said - said_before >= BURST else 0.0
            pause = started + gap - loop.time()
            if pause > 0:
                await asyncio.sleep(pause)


class Follower:
    """Keeps one stream of a peer's updates open, over breaks and restarts.

    `on_epoch` is awaited when the peer turns out to be a new incarnation, before its first update is handed over;
    `on_updates` is awaited for each batch, every update once and in order within an epoch.
    """

    def __init__(
        self,
        open_stream: Callable[[task_pb2.UpdateCursor], AsyncIterable[task_pb2.UpdateBatch]],
        *,
        on_epoch: Callable[[str], Awaitable[None]],
        on_updates: Callable[[task_pb2.UpdateBatch], Awaitable[None]],
        on_break: Callable[[errors.TuttiError], Awaitable[None]],
    ) -> None:
        self._open = open_stream
        self._on_epoch = on_epoch
        self._on_updates = on_updates
        self._on_break = on_break
        self._cursor = task_pb2.UpdateCursor()

    async def run(self) -> None:
        """Follow until cancelled. What ends a stream is told to `on_break`, which may raise to give up."""
        pauses = backoff.delays(0.05, 1.0)
        while True:
            try:
                async for batch in self._open(self._cursor):
                    pauses = backoff.delays(0.05, 1.0)
                    await self._take(batch)
                broken: errors.TuttiError = errors.Unavailable("the peer ended the stream")
            except grpc.aio.AioRpcError as error:
                broken = rpc.from_grpc(error)
            await self._on_break(broken)
            await asyncio.sleep(next(pauses))

    async def _take(self, batch: task_pb2.UpdateBatch) -> None:
        if batch.epoch != self._cursor.epoch:
            self._cursor = task_pb2.UpdateCursor(epoch=batch.epoch, number=batch.number - len(batch.updates))
            await self._on_epoch(batch.epoch)
        repeated = self._cursor.number - (batch.number - len(batch.updates))
        if repeated > 0:
            del batch.updates[:repeated]
        self._cursor.number = max(self._cursor.number, batch.number)
        if batch.updates:
            await self._on_updates(batch)

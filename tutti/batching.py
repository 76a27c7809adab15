"""Batch when busy, flush when idle: the one way in which this mesh gathers small things into fewer, larger calls.

The first item goes at once. While a flush is in flight the next batch gathers; when that keeps happening, flushes are
also held an adaptive gap apart, so that a call carries dozens of items. Idle cost: none.
"""

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

#: Shortest and longest pause between two flushes under sustained load, in seconds.
FIRST_GAP = 0.001
LONGEST_GAP = 0.010


class Batcher(Generic[T, R]):
    """Gathers items for `flush`, which takes a batch and returns one result per item, in order.

    Batches are flushed one at a time, so their order is the order of submission. When `flush` raises, every item of
    that batch fails with its exception and the next batch is tried regardless.

    Where items differ in weight, `weigh` keeps a batch below `max_weight`; an item that is heavier goes alone.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[Sequence[R]]],
        *,
        name: str,
        max_items: int = 512,
        weigh: Callable[[T], int] | None = None,
        max_weight: int = 0,
        longest_gap: float = LONGEST_GAP,
    ) -> None:
        self._flush = flush
        self._name = name
        self._max_items = max_items
        self._weigh, self._max_weight = weigh, max_weight
        self._longest_gap = longest_gap
        #: With nobody's future where it was only put in.
        self._waiting: list[tuple[T, asyncio.Future[R] | None]] = []
        self._task: asyncio.Task[None] | None = None
        self._gap = 0.0
        self._closed = False

    def submit(self, item: T) -> asyncio.Future[R]:
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._start()
        return future

    def put(self, item: T) -> None:
        """Like `submit`, for those who need no answer: `flush` itself does whatever follows, and must not raise."""
        if self._closed:
            raise RuntimeError(f"{self._name} is closed")
        self._waiting.append((item, None))
        if self._task is None:
            self._start()

    def _start(self) -> None:
        # In a context of its own: a batch belongs to the journeys of all its items, not to that of the first.
        self._task = asyncio.create_task(self._run(), name=self._name, context=contextvars.Context())

    @property
    def busy(self) -> bool:
        return self._task is not None

    async def close(self) -> None:
        """Flush what is waiting and take no more."""
        self._closed = True
        if self._task is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                count = self._fitting()
                batch, self._waiting = self._waiting[:count], self._waiting[count:]
                started = loop.time()
                await self._flush_one(batch)
                self._adapt(len(batch))
                pause = started + self._gap - loop.time()
                if pause > 0 and len(self._waiting) < self._max_items:
                    await asyncio.sleep(pause)
        finally:
            self._task = None
            for _, future in self._waiting:
                if future is not None:
                    future.cancel()

    def _fitting(self) -> int:
        """How many of those that wait go into the next batch."""
        most = min(self._max_items, len(self._waiting))
        if self._weigh is None:
            return most
        weight = 0
        for count in range(most):
            weight += self._weigh(self._waiting[count][0])
            if weight > self._max_weight and count:
                return count
        return most

    async def _flush_one(self, batch: list[tuple[T, asyncio.Future[R] | None]]) -> None:
        try:
            results = await self._flush([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{self._name} answered {len(results)} of {len(batch)} items")
        except Exception as error:
            if any(future is None for _, future in batch):
                log.exception("a batch failed that nobody waits for", extra={"batch": self._name})
            for _, future in batch:
                if future is not None and not future.done():
                    future.set_exception(error)
            return
        except asyncio.CancelledError:
            for _, future in batch:
                if future is not None:
                    future.cancel()
            raise
        for (_, future), result in zip(batch, results, strict=True):
            if future is not None and not future.done():
                future.set_result(result)

    def _adapt(self, size: int) -> None:
        # More than one item gathered while a flush was in flight: callers are concurrent, so a short wait is paid back
        # by fewer calls. A lone item says that somebody is waiting for it alone: never delay the next one.
        if size > 1 and self._waiting:
            self._gap = min(self._longest_gap, max(FIRST_GAP, self._gap * 2))
        elif size <= 1:
            self._gap = 0.0

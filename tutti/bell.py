"""Wakes all who wait for news, the more of them the more rarely: what happens meanwhile is handed on together.

A thousand watchers cannot each be woken for every event. The first ring wakes them at once; the next one waits until a
share of the processor that belongs to others has been left to them. One waiter alone is never made to wait.
"""

import asyncio

#: How long waking one waiter, and what it then does, keeps the processor busy, in seconds; as much again is left free.
SECONDS_PER_WAITER = 50e-6
#: News is never held back for longer, in seconds.
LONGEST_PAUSE = 0.1


class Bell:
    def __init__(self, *, seconds_per_waiter: float = SECONDS_PER_WAITER) -> None:
        self._seconds_per_waiter = seconds_per_waiter
        #: Replaced by a new one with each ring, so that nobody misses one.
        self._news = asyncio.Event()
        self._waiters = 0
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def news(self) -> asyncio.Event:
        """Set by the next ring. Take it before looking, wait on it after: what came in between has set it."""
        return self._news

    async def wait(self, news: asyncio.Event) -> None:
        if news.is_set():
            return
        self._waiters += 1
        try:
            await news.wait()
        finally:
            self._waiters -= 1

    def ring(self) -> None:
        """Wake everyone, now or soon."""
        if self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        if loop.time() >= self._not_before:
            self.ring_now()
        else:
            self._timer = loop.call_at(self._not_before, self.ring_now)

    def ring_now(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiters > 1:
            pause = min(LONGEST_PAUSE, self._waiters * self._seconds_per_waiter)
            self._not_before = asyncio.get_running_loop().time() + pause
        self._news.set()
        self._news = asyncio.Event()

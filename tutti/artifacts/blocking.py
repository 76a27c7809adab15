"""Runs blocking file work in a thread without losing track of it when the caller is cancelled."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """Raised inside the thread, once its caller has gone; nobody outside sees it."""


class Stop:
    """Looked at between two chunks of work."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        if self._event.is_set():
            raise Stopped


async def run_blocking(work: Callable[[Stop], T], *, name: str) -> T:
    stop = Stop()
    task = asyncio.create_task(asyncio.to_thread(work, stop), name=name)
    try:
        # A thread cannot be cancelled. Without the shield a cancelled put would go on in the dark and might still
        # publish its file after the caller was told that it stopped.
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # Fetched so that the loop does not report an outcome that nobody waits for any more.
        raise

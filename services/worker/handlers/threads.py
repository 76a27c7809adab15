"""Work that keeps a core busy, off the event loop: on a thread that can say how far it is and be told to stop."""

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tutti.handlers import Context

T = TypeVar("T")
POLL_SECONDS = 0.2
#: Not those of asyncio.to_thread: what takes minutes would hold up what takes milliseconds, such as storing a file.
#: More threads than cores would make none of them quicker, and each holds a piece of music in memory.
MOST_AT_ONCE = os.cpu_count() or 1
_THREADS = ThreadPoolExecutor(max_workers=MOST_AT_ONCE, thread_name_prefix="work")


class Stopped(Exception):
    """The attempt is to stop; raised within the work to unwind it."""


class Progress:
    """The work's side: called between blocks, on its thread."""

    def __init__(self) -> None:
        #: How far the work is, and in which part of it.
        self.said = (0.0, "")
        self._stop = threading.Event()

    def __call__(self, fraction: float, message: str = "") -> None:
        """Say how far the work is; raises Stopped where it is to end."""
        self.said = (fraction, message)
        if self._stop.is_set():
            raise Stopped

    def stop(self) -> None:
        self._stop.set()


async def work(context: Context, function: Callable[[Progress], T]) -> T:
    """Run it on a thread and pass on how far it is. Whatever ends this, the thread has ended too: what it writes lies
    in the attempt's directory, which is removed then."""
    progress, told = Progress(), (0.0, "")
    begun = _THREADS.submit(contextvars.copy_context().run, function, progress)
    ended = asyncio.wrap_future(begun)
    try:
        while not ended.done():
            await asyncio.wait({ended}, timeout=POLL_SECONDS)
            if progress.said != told:
                told = progress.said
                await context.progress(*told)
        return ended.result()
    finally:
        progress.stop()
        # Only where it still waits for a thread. `ended` is not cancelled: that would leave a thread on its own.
        begun.cancel()
        await _over(ended)


async def _over(ended: "asyncio.Future[Any]") -> None:
    while not ended.done():
        try:
            await asyncio.wait({ended})
        except asyncio.CancelledError:
            continue  # asked again; the thread is at its next block in a moment
    if not ended.cancelled():
        # Looked at, so that nobody complains of an exception that was never retrieved.
        ended.exception()

"""The life of a service's process: it starts, it runs its loops, and on SIGTERM it leaves in order.

The loops run in a task group: when one dies, the process stops with an error and its supervisor starts it anew, instead
of going on as half of itself.
"""

import asyncio
import contextlib
import gc
import logging
import resource
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from tutti import backoff, clock, errors
from tutti.telemetry import tracing

log = logging.getLogger(__name__)

#: Open files that a process asks for, where the system lets it.
MOST_FILES = 65_536


def incarnation() -> str:
    """Tells this process from every other that had, or will have, the same name; later ones sort higher."""
    return f"{clock.now_ms():012x}{secrets.token_hex(2)}"


async def wait_for(attempt: Callable[[], Awaitable[None]], *, what: str) -> None:
    """Try until it works: a service may be started before what it depends on."""
    for pause in backoff.delays(0.05, 1.0):
        try:
            await attempt()
            return
        except errors.Unavailable as error:
            log.warning("waiting", extra={"for": what, "error": error.message})
        await asyncio.sleep(pause)


async def run(
    loops: Mapping[str, Callable[[], Coroutine[Any, Any, None]]], *, on_stop: Callable[[], Awaitable[None]]
) -> None:
    """Run the loops until SIGTERM or SIGINT, then `on_stop`, then cancel them."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("serving")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(body(), name=name) for name, body in loops.items()]
        await stop.wait()
        log.info("stopping")
        await on_stop()
        # A library that is just connecting may swallow a cancellation: insist until nobody is left.
        while left := [task for task in tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.5)
    tracing.stop()
    log.info("stopped")


def main(body: Coroutine[Any, Any, None], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
    """Run a service; an error that was raised on purpose stops it with one line."""
    # Jobs and attempts in hand are many small objects that live for a while: with the default thresholds the collector
    # walks them again and again, and finds nothing.
    gc.set_threshold(50_000, 20, 100)
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner, contextlib.suppress(KeyboardInterrupt):
            runner.run(body)
    except errors.TuttiError as error:
        log.error("cannot run", extra={"reason": error.reason, "error": error.message})
        sys.exit(1)
    except BaseExceptionGroup as group:
        log.critical("a loop died; leaving", exc_info=group)
        sys.exit(1)


def raise_file_limit() -> None:
    """Every connection is an open file. The usual soft limit of 1,024 is for programs that use select(); none here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

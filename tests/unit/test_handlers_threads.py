"""Work on a thread: what it says is passed on, and whatever ends it, its thread has ended too."""

import asyncio
import contextvars
import threading
from pathlib import Path

import pytest

from services.worker.handlers import threads
from services.worker.handlers.threads import Progress, Stopped, work
from tests.fixtures.local_context import LocalContext

DEADLINE_SECONDS = 10.0


@pytest.fixture
def context(tmp_path: Path) -> LocalContext:
    return LocalContext(tmp_path)


class Endless:
    """Work that goes on until it is told to stop."""

    def __init__(self) -> None:
        self.begun, self.over = threading.Event(), threading.Event()

    def __call__(self, progress: Progress) -> None:
        self.begun.set()
        try:
            while True:
                progress(0.5, "on and on")
                self.over.wait(0.005)
        finally:
            self.over.set()


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, DEADLINE_SECONDS)


async def test_the_result_of_the_work_is_returned(context: LocalContext) -> None:
    assert await work(context, lambda progress: threading.current_thread().name.startswith("work")) is True


async def test_progress_is_passed_on_once_for_each_thing_said(
    context: LocalContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "POLL_SECONDS", 0.001)
    heard = threading.Event()

    def function(progress: Progress) -> None:
        progress(0.25, "a quarter")
        heard.wait(DEADLINE_SECONDS)

    running = asyncio.create_task(work(context, function), name="work")
    await asyncio.wait_for(context.started.wait(), DEADLINE_SECONDS)
    await asyncio.sleep(0.05)  # long enough for dozens of looks, which find nothing new
    heard.set()
    await running
    assert context.fractions == [0.25]


async def test_what_the_work_raises_comes_out(context: LocalContext) -> None:
    def function(progress: Progress) -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        await work(context, function)


async def test_a_cancelled_attempt_waits_for_its_thread(context: LocalContext) -> None:
    endless = Endless()
    running = asyncio.create_task(work(context, endless), name="work")
    await until(endless.begun)
    assert not endless.over.is_set()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert endless.over.is_set()


async def test_cancelling_again_does_not_leave_the_thread_behind(context: LocalContext) -> None:
    stubborn, let_go = threading.Event(), threading.Event()

    def function(progress: Progress) -> None:
        stubborn.set()
        let_go.wait(DEADLINE_SECONDS)
        progress(1.0)

    running = asyncio.create_task(work(context, function), name="work")
    await until(stubborn)
    for _ in range(3):
        running.cancel()
        await asyncio.sleep(0)
    assert not running.done()
    let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_work_that_waits_for_a_thread_never_begins_once_it_is_cancelled(
    context: LocalContext, tmp_path: Path
) -> None:
    busy = [Endless() for _ in range(threads.MOST_AT_ONCE)]
    others = [
        asyncio.create_task(work(LocalContext(tmp_path / str(n)), each), name=f"busy-{n}")
        for n, each in enumerate(busy)
    ]
    for each in busy:
        await until(each.begun)
    begun: list[bool] = []
    waiting = asyncio.create_task(work(context, lambda progress: begun.append(True)), name="waiting")
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(waiting, DEADLINE_SECONDS)
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    assert begun == []


async def test_the_threads_of_small_things_stay_free(context: LocalContext, tmp_path: Path) -> None:
    busy = [Endless() for _ in range(40)]
    others = [
        asyncio.create_task(work(LocalContext(tmp_path / str(n)), each), name=f"busy-{n}")
        for n, each in enumerate(busy)
    ]
    assert await asyncio.wait_for(asyncio.to_thread(lambda: "stored"), DEADLINE_SECONDS) == "stored"
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def test_the_thread_logs_as_the_attempt_does(context: LocalContext) -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")
    name.set("job-1")
    assert await work(context, lambda progress: name.get()) == "job-1"


def test_progress_raises_once_it_is_to_stop() -> None:
    progress = Progress()
    progress(0.1, "fine")
    progress.stop()
    with pytest.raises(Stopped):
        progress(0.2)
    assert progress.said == (0.2, "")

"""Dashboards on a real Redis: what happens to all jobs of an owner, on whichever replica."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.orchestrator import dashboards, job
from services.orchestrator.dashboards import Dashboards
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.values import NewJob
from tests.builders import NOW_MS, logged, started, succeeded
from tests.fixtures.stores import accept, commit_of, new_job, open_store
from tests.fixtures.waiting import eventually
from tutti import errors
from tutti.v1 import job_pb2, orchestrator_pb2

Filter = orchestrator_pb2.JobFilter
OWNER = "alice"


class Life:
    """A job that tests live step by step."""

    def __init__(self, store: JobStore, new: NewJob, entry: str) -> None:
        self._store, self._record, self._entry, self._commits = store, new.record, entry, 0

    @property
    def job_id(self) -> str:
        return self._record.job_id

    async def say(self, *updates: Any) -> None:
        transition = job.apply(self._record, updates, NOW_MS)
        self._record, self._commits = transition.job, self._commits + 1
        (done,) = await self._store.commit(0, [commit_of(transition, number=self._commits, entry=self._entry)])
        assert not done.fenced


async def born(store: JobStore, **fields: Any) -> Life:
    new = new_job(**{"owner": OWNER, **fields})
    (claim,) = await accept(store, new, replica="r1", room=1)
    return Life(store, new, claim.entry)


@asynccontextmanager
async def running(url: str) -> AsyncIterator[Dashboards]:
    async with open_store(url) as store:
        boards = Dashboards(store)
        listening = asyncio.create_task(boards.run(), name="dashboards")
        try:
            yield boards
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await boards.close()


@pytest.fixture
async def boards(redis_url: str) -> AsyncIterator[Dashboards]:
    async with running(redis_url) as boards:
        yield boards


@pytest.fixture
async def writing(redis_url: str) -> AsyncIterator[JobStore]:
    """Another replica's store: what is seen has come through Redis."""
    async with open_store(redis_url) as store:
        yield store


class View:
    """A viewer that gathers what it sees."""

    def __init__(self) -> None:
        self.events: list[job_pb2.Event] = []
        self.error: errors.TuttiError | None = None

    def of(self, life: Life) -> list[int]:
        return [event.sequence for event in self.events if event.job_id == life.job_id]


@asynccontextmanager
async def viewing(boards: Dashboards, filter: Filter | None = None, owner: str = OWNER) -> AsyncIterator[View]:
    view, ready = View(), asyncio.Event()

    async def look() -> None:
        try:
            async for events in boards.watch(owner, filter or Filter()):
                ready.set()
                view.events += events
        except errors.TuttiError as error:
            view.error = error

    looking = asyncio.create_task(look(), name="viewer")
    try:
        async with asyncio.timeout(10):
            await ready.wait()
        yield view
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def test_everything_that_happens_from_then_on_is_seen_in_order(boards: Dashboards, writing: JobStore) -> None:
    before = await born(writing)
    await before.say(started())
    async with viewing(boards) as view, viewing(boards) as second:
        assert view.events == []
        new = await born(writing)
        await before.say(logged(message="one"), logged(message="two"))
        for life in (new, before):
            await life.say(started(), logged(message="three"))
            await life.say(succeeded())
        await eventually(lambda: view.of(new)[-1:] == [6] and len(view.of(before)) == 5)
        # Nothing of what came before, nothing twice, nothing left out.
        assert view.of(before) == [4, 5, 6, 7, 8]
        assert view.of(new) == [1, 2, 3, 4, 5, 6]
        await eventually(lambda: len(second.events) == len(view.events))


async def test_a_job_that_says_more_than_a_read_brings_is_seen_in_full(
    boards: Dashboards, writing: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.orchestrator.store.news.PAGE", 7)
    async with viewing(boards) as view:
        life = await born(writing)
        await life.say(started(), *[logged(message=str(n)) for n in range(60)])
        await eventually(lambda: view.of(life) == list(range(1, 64)))


async def test_nobody_sees_what_is_not_theirs_or_not_asked_for(boards: Dashboards, writing: JobStore) -> None:
    async with (
        viewing(boards, owner="bob") as foreign,
        viewing(boards, Filter(labels={"album": "blue"})) as blue,
        viewing(boards, Filter(states=[job_pb2.JOB_STATE_RUNNING])) as running_ones,
        viewing(boards) as all_of_them,
    ):
        life = await born(writing)
        await life.say(started(), logged(message="one"))
        await life.say(succeeded())
        await eventually(lambda: len(all_of_them.of(life)) == 6)
        # From the event with which it began to run to the one with which it no longer does.
        await eventually(lambda: len(running_ones.events) == 5)
        assert running_ones.of(life) == [2, 3, 4, 5, 6]
        assert (foreign.events, blue.events) == ([], [])


async def test_who_falls_behind_is_sent_away_and_nobody_else(
    boards: Dashboards, writing: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dashboards, "MOST_WAITING", 100)
    slow = boards.watch(OWNER, Filter())
    assert await anext(slow) == ()
    async with viewing(boards) as view:
        life = await born(writing)
        await life.say(started())
        for n in range(8):
            await life.say(*[logged(message=str(line)) for line in range(20)])
            await eventually(lambda n=n: view.of(life) == list(range(1, 24 + 20 * n)))  # type: ignore[misc]  # at once
        with pytest.raises(errors.TooSlow) as caught:
            await anext(slow)
    assert caught.value.reason == "TOO_SLOW"
    await slow.aclose()  # type: ignore[attr-defined]  # an async generator


@pytest.mark.filterwarnings(
    "ignore:unclosed <StreamWriter:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
async def test_a_channel_that_breaks_ends_every_view_and_the_next_one_works(
    boards: Dashboards, writing: JobStore
) -> None:
    async with viewing(boards) as view:
        await writing.redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually(lambda: view.error is not None)
        assert isinstance(view.error, errors.Unavailable)
    async with viewing(boards) as view:
        life = await born(writing)
        await eventually(lambda: view.of(life) == [1])


async def test_nobody_is_remembered_once_they_have_gone(boards: Dashboards, writing: JobStore) -> None:
    for _ in range(3):
        async with viewing(boards) as view, viewing(boards):
            assert len(boards) == 1
            life = await born(writing)
            await eventually(lambda view=view, life=life: view.of(life) == [1])  # type: ignore[misc]  # bound at once
        assert len(boards) == 0

"""Watchers on a real Redis: everyone sees every event once, in order, whoever wrote it and whatever breaks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from services.orchestrator import job, watch
from services.orchestrator.job_record import JobRecord
from services.orchestrator.store import keys
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.watch import WatchHub
from tests.builders import NOW_MS, logged, started, succeeded
from tests.fixtures.stores import accept, commit_of, new_job, open_store
from tests.fixtures.waiting import eventually, eventually_true
from tutti import errors, redis_client, structs
from tutti.v1 import job_pb2, task_pb2

#: redis-py drops a connection that the server has cut without waiting for it to be closed.
cut_connections = pytest.mark.filterwarnings(
    "ignore:unclosed <StreamWriter:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@dataclass(kw_only=True)
class Side:
    """A replica as far as watching goes: a store and a hub."""

    store: JobStore
    hub: WatchHub

    async def see(self, job_id: str, after: str = "") -> list[job_pb2.Event]:
        """Everything until the stream ends by itself."""
        async with asyncio.timeout(20):
            return [event async for events, _ in self.hub.watch(job_id, after) for event in events]


async def cut_channels(side: Side) -> None:
    for server in await redis_client.servers(side.store.redis):
        await server.execute_command("CLIENT", "KILL", "TYPE", "pubsub")


@dataclass(kw_only=True)
class Writer:
    """Drives a job by hand, as the replica whose hub is told of what it commits (or not)."""

    side: Side
    record: JobRecord
    entry: str
    commits: int = 0
    publishes: bool = True
    published: list[job_pb2.Event] = field(default_factory=list)

    @property
    def job_id(self) -> str:
        return self.record.job_id

    async def say(self, *updates: task_pb2.Update) -> None:
        transition = job.apply(self.record, updates, NOW_MS)
        self.record, self.commits = transition.job, self.commits + 1
        commit = commit_of(transition, number=self.commits, entry=self.entry)
        (committed,) = await self.side.store.commit(0, [commit])
        assert not committed.fenced
        if self.publishes:
            self.side.hub.publish(self.job_id, committed.events)

    async def chat(self, lines: int, *, each: int = 1) -> None:
        for first in range(0, lines, each):
            await self.say(*(logged(message=f"line {n}") for n in range(first, min(lines, first + each))))

    async def end(self) -> None:
        await self.say(succeeded())


@asynccontextmanager
async def running_side(url: str, replica: str = "") -> AsyncIterator[Side]:
    async with open_store(url) as store:
        hub = WatchHub(store, replica=replica)
        listening = asyncio.create_task(hub.run(), name="hub")
        try:
            yield Side(store=store, hub=hub)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@pytest.fixture
async def side(any_redis_url: str) -> AsyncIterator[Side]:
    async with running_side(any_redis_url) as running:
        yield running


@pytest.fixture
async def other(any_redis_url: str) -> AsyncIterator[Side]:
    async with running_side(any_redis_url) as running:
        yield running


async def writer_at(side: Side, *, publishes: bool = True) -> Writer:
    new = new_job()
    (claim,) = await accept(side.store, new, replica="r1", room=1)
    return Writer(side=side, record=new.record, entry=claim.entry, publishes=publishes)


@asynccontextmanager
async def watching(side: Side, job_id: str, count: int = 1) -> AsyncIterator["list[asyncio.Task[list[job_pb2.Event]]]"]:
    """Watchers that have seen the first event by the time that this yields."""
    reached: list[None] = []

    async def watch_all() -> list[job_pb2.Event]:
        seen: list[job_pb2.Event] = []
        async for events, _ in side.hub.watch(job_id, ""):
            if not seen:
                reached.append(None)
            seen += events
        return seen

    tasks = [asyncio.create_task(watch_all(), name=f"watcher-{n}") for n in range(count)]
    try:
        await eventually(lambda: len(reached) == count or any(task.done() for task in tasks), what="all watch")
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def assert_complete(events: list[job_pb2.Event], *, first: int = 1) -> None:
    """Every event once, in order, without gaps, and the end is last."""
    assert [event.sequence for event in events] == list(range(first, first + len(events)))
    assert events[-1].job_moved.state == job_pb2.JOB_STATE_SUCCEEDED


async def all_of(tasks: "list[asyncio.Task[list[job_pb2.Event]]]") -> list[list[job_pb2.Event]]:
    async with asyncio.timeout(20):
        return await asyncio.gather(*tasks)


async def test_a_finished_job_is_replayed_and_the_stream_ends(side: Side) -> None:
    writer = await writer_at(side)
    await writer.say(started())
    await writer.chat(3)
    await writer.end()

    events = await side.see(writer.job_id)

    assert_complete(events)
    assert len(events) == 8
    assert {event.job_id for event in events} == {writer.job_id}


async def test_watching_goes_on_after_a_cursor(side: Side) -> None:
    writer = await writer_at(side)
    await writer.chat(5)
    await writer.end()
    everything = await side.see(writer.job_id)

    for n, event in enumerate(everything):
        assert await side.see(writer.job_id, after=event.event_id) == everything[n + 1 :]


async def test_a_cursor_in_the_middle_of_a_live_job_is_followed_by_what_is_new(side: Side) -> None:
    writer = await writer_at(side)
    await writer.chat(5)
    middle = (await side.store.events(writer.job_id, "", 100))[2]

    task = asyncio.create_task(side.see(writer.job_id, after=middle.event_id), name="watcher")
    await eventually(lambda: side.hub.watched_jobs == 1)
    await writer.chat(5)
    await writer.end()

    assert_complete(await task, first=4)


async def test_what_this_replica_records_reaches_its_watcher(side: Side) -> None:
    writer = await writer_at(side)
    async with watching(side, writer.job_id) as watchers:
        await writer.say(started())
        await writer.chat(20)
        await writer.end()

        (events,) = await all_of(watchers)

    assert_complete(events)
    assert len(events) == 25


async def test_what_another_replica_records_reaches_the_watcher(side: Side, other: Side) -> None:
    writer = await writer_at(other)
    async with watching(side, writer.job_id) as watchers:
        await writer.say(started())
        await writer.chat(20)
        await writer.end()

        (events,) = await all_of(watchers)

    assert_complete(events)


async def test_checkpoints_from_elsewhere_fall_in_between_without_a_gap(side: Side, other: Side) -> None:
    writer = await writer_at(side)
    async with watching(side, writer.job_id) as here, watching(other, writer.job_id) as there:
        for n in range(10):
            await writer.chat(2)
            note = task_pb2.Checkpoint(note=structs.from_dict({"n": n}))
            added = await other.store.add_checkpoint(job_pb2.Event(job_id=writer.job_id, checkpoint=note))
            assert not isinstance(added, str)
            other.hub.publish(writer.job_id, [added])
        await writer.end()

        for events in await all_of([*here, *there]):
            assert_complete(events)
            assert len(events) == 33


@cut_connections
async def test_a_watcher_is_served_after_its_channel_was_cut(side: Side, other: Side) -> None:
    writer = await writer_at(other)
    async with watching(side, writer.job_id) as watchers:
        for _ in range(3):
            await writer.chat(5)
            await cut_channels(side)
            await writer.chat(5)
        await writer.end()

        (events,) = await all_of(watchers)

    assert_complete(events)
    assert len(events) == 33


@cut_connections
async def test_who_waits_is_subscribed_again_after_the_channel_was_cut(side: Side, other: Side) -> None:
    writer = await writer_at(other)
    channel = keys.events(0, writer.job_id)

    async def subscribed() -> bool:
        servers = await redis_client.servers(side.store.redis)
        return any([(await server.pubsub_numsub(channel))[0][1] for server in servers])

    async with watching(side, writer.job_id) as watchers:
        await eventually_true(subscribed, what="the watcher waits")
        await cut_channels(side)
        await eventually_true(subscribed, what="it is heard again")
        await writer.chat(3)
        await writer.end()

        assert_complete((await all_of(watchers))[0])


@cut_connections
async def test_a_job_that_is_first_watched_after_the_channel_was_cut_is_followed(side: Side, other: Side) -> None:
    await cut_channels(side)
    writer = await writer_at(other)

    async with watching(side, writer.job_id) as watchers:
        await writer.chat(3)
        await writer.end()

        assert_complete((await all_of(watchers))[0])


async def test_a_history_longer_than_a_page_and_the_tail_is_seen_in_full(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "PAGE", 7)
    monkeypatch.setattr(watch, "TAIL_EVENTS", 5)
    writer = await writer_at(side)
    await writer.chat(50, each=10)

    async with watching(side, writer.job_id, count=3) as watchers:
        await writer.chat(60, each=3)
        await writer.end()

        for events in await all_of(watchers):
            assert_complete(events)
            assert len(events) == 113


@pytest.mark.parametrize("lines", [5, 11, 12, 30, 100])
async def test_a_finished_job_of_many_pages_is_replayed_to_its_end(
    side: Side, monkeypatch: pytest.MonkeyPatch, lines: int
) -> None:
    monkeypatch.setattr(watch, "PAGE", 7)
    writer = await writer_at(side)
    await writer.chat(lines, each=10)
    await writer.end()

    assert_complete(await side.see(writer.job_id))


async def test_a_slow_watcher_is_not_skipped_ahead(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "TAIL_EVENTS", 5)
    writer = await writer_at(side)
    stream = side.hub.watch(writer.job_id, "")
    seen = list((await anext(stream)).events)

    await writer.chat(40)
    await writer.end()

    async with asyncio.timeout(20):
        async for events, _ in stream:
            seen += events
    assert_complete(seen)
    assert len(seen) == 43


async def test_two_hundred_watchers_here_and_elsewhere_all_see_everything(side: Side, other: Side) -> None:
    writer = await writer_at(side)
    async with watching(side, writer.job_id, count=100) as here, watching(other, writer.job_id, count=100) as there:
        await writer.say(started())
        await writer.chat(50)
        await writer.end()

        for events in await all_of([*here, *there]):
            assert_complete(events)
            assert len(events) == 55


async def test_nobody_is_remembered_once_they_have_gone(side: Side) -> None:
    writer = await writer_at(side)

    async with watching(side, writer.job_id, count=5):
        assert side.hub.watched_jobs == 1
    await eventually(lambda: side.hub.watched_jobs == 0)

    # And somebody who comes back right away is served like the first.
    async with watching(side, writer.job_id) as watchers:
        await writer.end()
        assert_complete((await all_of(watchers))[0])


async def test_coming_and_going_disturbs_nobody_who_stays(side: Side, other: Side) -> None:
    writer = await writer_at(other)
    async with watching(side, writer.job_id) as watchers:
        for _ in range(20):
            stream = side.hub.watch(writer.job_id, "")
            await anext(stream)
            await writer.chat(1)
            await stream.aclose()  # type: ignore[attr-defined]  # an async generator
        await writer.end()

        assert_complete((await all_of(watchers))[0])


async def test_a_replica_that_stops_sends_its_watchers_away(side: Side) -> None:
    writer = await writer_at(side)
    async with watching(side, writer.job_id) as (watcher,):
        side.hub.stop()

        with pytest.raises(errors.Unavailable) as caught:
            await watcher
    assert caught.value.reason == "SHUTTING_DOWN"


@pytest.mark.parametrize("last", [lambda event: event.event_id, lambda event: "9999999999999-0"])
async def test_watching_from_the_end_of_a_finished_job_ends_at_once(
    side: Side, last: Callable[[job_pb2.Event], str]
) -> None:
    writer = await writer_at(side)
    await writer.end()
    cursor = last((await side.see(writer.job_id))[-1])

    assert await side.see(writer.job_id, after=cursor) == []


async def test_a_watcher_at_the_driving_replica_opens_a_channel_only_for_a_job_that_lasts(redis_url: str) -> None:
    async with running_side(redis_url, "r1") as driving:
        brief, lasting = await writer_at(driving), await writer_at(driving)
        async with watching(driving, brief.job_id) as (short,):
            await brief.say(started())
            await brief.end()
            await short
        assert await driving.store.redis.pubsub_channels("tutti:{0}:*") == []
        async with watching(driving, lasting.job_id):
            await eventually_true(lambda: _is_heard(driving, lasting.job_id), what="the channel is open")
            await lasting.end()


async def test_a_watcher_at_the_driving_replica_hears_of_what_its_successor_records(
    any_redis_url: str, other: Side
) -> None:
    async with running_side(any_redis_url, "r1") as driving:
        writer = await writer_at(driving)
        async with watching(driving, writer.job_id) as (watcher,):
            # Taken over: this replica is not told of what is recorded from here on.
            writer.side, writer.publishes = other, False
            await writer.say(started())
            await writer.end()
            seen = await watcher
    assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].job_moved.state == job_pb2.JOB_STATE_SUCCEEDED


async def _is_heard(side: Side, job_id: str) -> bool:
    return bool(await side.store.redis.pubsub_channels(f"*{job_id}*"))

"""A job's stream of server-sent events, as browsers and simpler clients see it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY

from services.gateway import feeds, schemas
from tests.fixtures.gateway import RunningGateway, SentEvent, eventually, parse_events, read_events, running
from tests.fixtures.orchestrator import MemoryOrchestrator, serving
from tutti.v1 import artifact_pb2, job_pb2, task_pb2

Reader = asyncio.StreamReader


@pytest.fixture
async def orchestrator() -> MemoryOrchestrator:
    return MemoryOrchestrator()


@pytest.fixture
async def gateway(orchestrator: MemoryOrchestrator) -> AsyncIterator[RunningGateway]:
    async with serving(orchestrator) as address, running(address) as gateway:
        yield gateway


@asynccontextmanager
async def raw_stream(gateway: RunningGateway, job_id: str) -> AsyncIterator[Reader]:
    """A watcher without a library that reads ahead: bytes are taken when the test takes them."""
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port, limit=2**16)
    try:
        writer.write(f"GET /jobs/{job_id}/events HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def next_chunk(reader: Reader) -> bytes:
    """A chunk of HTTP's chunked encoding: what the gateway wrote at once. Empty: the regular end."""
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def play(orchestrator: MemoryOrchestrator, job_id: str) -> None:
    """The life of a job, with an event of each kind."""
    await orchestrator.move(job_id, job_pb2.JOB_STATE_RUNNING)
    running = job_pb2.Event.TaskMoved(state=task_pb2.TASK_STATE_RUNNING, worker_id="w1")
    await orchestrator.record(job_id, "main", task_moved=running)
    await orchestrator.record(job_id, "main", progress=task_pb2.Progress(fraction=0.5, message="half"))
    await orchestrator.record(job_id, "main", log=task_pb2.LogLine(level="INFO", message="tuning"))
    await orchestrator.record(job_id, "main", checkpoint=task_pb2.Checkpoint())
    await orchestrator.record(job_id, "main", artifact=artifact_pb2.Artifact(name="mix.wav", size=3))
    await orchestrator.move(job_id, job_pb2.JOB_STATE_SUCCEEDED)


def own_events(events: list[SentEvent]) -> list[SentEvent]:
    return [event for event in events if event.id is not None]


def open_streams() -> float:
    return REGISTRY.get_sample_value("tutti_gateway_open_streams") or 0.0


async def test_a_watcher_sees_the_whole_life_of_a_job(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    watching = asyncio.create_task(read_events(gateway.http, job_id))
    await eventually(lambda: orchestrator.watching == 1)
    await play(orchestrator, job_id)
    hello, *events, end = await watching

    assert (hello.name, hello.id) == ("hello", None)
    assert schemas.Job.model_validate(hello.data).status == "QUEUED"
    names = ["status", "status", "task", "progress", "log", "checkpoint", "artifact", "status"]
    assert [event.name for event in events] == names
    assert [event.id for event in events] == [event.event_id for event in orchestrator.events[job_id]]
    assert [event.data["sequence"] for event in events] == list(range(1, 9))
    for event in events:
        assert schemas.Event.model_validate(event.data).type == event.name
    assert (end.name, end.id) == ("end", None)
    assert end.data == {"jobId": job_id, "status": "SUCCEEDED", "lastEventId": events[-1].id}


async def test_who_comes_late_sees_everything(gateway: RunningGateway, orchestrator: MemoryOrchestrator) -> None:
    job_id = await gateway.submit()
    await play(orchestrator, job_id)
    hello, *events, end = await read_events(gateway.http, job_id)
    assert hello.data["status"] == "SUCCEEDED"
    assert hello.data["lastEventId"] == events[-1].id
    assert len(events) == len(orchestrator.events[job_id])
    assert end.name == "end"


@pytest.mark.parametrize("where", ["header", "query"])
async def test_a_stream_resumes_after_any_event_without_gap_or_repeat(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator, where: str
) -> None:
    job_id = await gateway.submit()
    await play(orchestrator, job_id)
    ids = [event.event_id for event in orchestrator.events[job_id]]
    for position, cursor in enumerate(ids[:-1], 1):
        sent: dict[str, Any] = (
            {"headers": {"Last-Event-ID": cursor}} if where == "header" else {"params": {"lastEventId": cursor}}
        )
        hello, *events, end = await read_events(gateway.http, job_id, **sent)
        assert hello.id is None
        assert [event.id for event in events] == ids[position:]
        assert end.data["status"] == "SUCCEEDED"


async def test_a_browser_that_saw_only_hello_loses_nothing_by_coming_back(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    await orchestrator.move(job_id, job_pb2.JOB_STATE_RUNNING)
    (hello,) = await read_events(gateway.http, job_id, count=1)
    # A browser sends the last id that it was given, and this one was given none.
    assert hello.id is None
    await play(orchestrator, job_id)
    assert len(own_events(await read_events(gateway.http, job_id))) == len(orchestrator.events[job_id])


async def test_the_header_of_a_reconnect_outdoes_the_query_of_the_first_try(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    await play(orchestrator, job_id)
    ids = [event.event_id for event in orchestrator.events[job_id]]
    events = await read_events(gateway.http, job_id, params={"lastEventId": ids[0]}, headers={"Last-Event-ID": ids[4]})
    assert [event.id for event in own_events(events)] == ids[5:]


async def test_who_saw_the_end_is_told_to_stop_coming_back(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    await play(orchestrator, job_id)
    last = orchestrator.events[job_id][-1].event_id
    answer = await gateway.http.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_who_saw_everything_of_a_live_job_waits_for_more(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    last = orchestrator.events[job_id][-1].event_id
    watching = asyncio.create_task(read_events(gateway.http, job_id, headers={"Last-Event-ID": last}))
    await eventually(lambda: orchestrator.watching == 1)
    await orchestrator.move(job_id, job_pb2.JOB_STATE_CANCELLED)
    hello, event, end = await watching
    assert (hello.name, event.data["status"], end.data["status"]) == ("hello", "CANCELLED", "CANCELLED")


@pytest.mark.parametrize("cursor", ["yesterday", "1", "1-", "-1", "1-1-1", "9" * 30 + "-0"])
async def test_a_cursor_that_is_none_is_refused(gateway: RunningGateway, cursor: str) -> None:
    job_id = await gateway.submit()
    answer = await gateway.http.get(f"/jobs/{job_id}/events", headers={"Last-Event-ID": cursor})
    assert answer.status_code == 400
    assert answer.json()["field"] == "Last-Event-ID"


async def test_an_unknown_job_has_no_stream(gateway: RunningGateway) -> None:
    assert (await gateway.http.get("/jobs/nothing/events")).status_code == 404


async def test_events_that_arrive_together_are_written_together(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    async with raw_stream(gateway, job_id) as reader:
        assert (await next_chunk(reader)).startswith(b"retry: 1000\nevent: hello\n")
        assert len(parse_events((await next_chunk(reader)).decode())) == 1
        steps = [{"progress": task_pb2.Progress(fraction=n / 50), "task": "main"} for n in range(50)]
        await orchestrator.record_all(job_id, steps)
        assert len(parse_events((await next_chunk(reader)).decode())) == 50


async def test_a_quiet_stream_is_kept_alive_by_comments(orchestrator: MemoryOrchestrator) -> None:
    async with serving(orchestrator) as address, running(address, sse_heartbeat_seconds=0.05) as gateway:
        job_id = await gateway.submit()
        async with raw_stream(gateway, job_id) as reader, asyncio.timeout(5):
            chunks = [await next_chunk(reader) for _ in range(4)]
    assert chunks[2:] == [b": still here\n\n"] * 2


async def test_hanging_up_ends_the_call_upstream_at_once_though_nothing_happens(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    open_before = open_streams()
    async with raw_stream(gateway, job_id) as reader:
        await next_chunk(reader)
        await eventually(lambda: orchestrator.watching == 1)
        assert open_streams() == open_before + 1
    await eventually(lambda: orchestrator.watching == 0, seconds=1)
    await eventually(lambda: open_streams() == open_before)


async def test_a_watcher_that_does_not_read_holds_nobody_up_and_gets_everything_when_it_does(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    async with raw_stream(gateway, job_id) as lazy:
        received = await next_chunk(lazy)
        await eventually(lambda: orchestrator.watching == 1)
        watching = asyncio.create_task(read_events(gateway.http, job_id))
        await eventually(lambda: open_streams() == 2)
        line = task_pb2.LogLine(level="INFO", message="x" * 100_000)
        for _ in range(400):
            await orchestrator.record(job_id, "main", log=line)
            await asyncio.sleep(0)
        await orchestrator.move(job_id, job_pb2.JOB_STATE_SUCCEEDED)
        events = own_events(await watching)
        assert len(events) == 402
        # 40 MB were read once for all, and perhaps once more for the one that reads, who may have fallen behind the
        # tail. Nothing was read for the one that does not.
        assert orchestrator.handed_over < 402 + 402 + 50
        async with asyncio.timeout(20):
            while chunk := await next_chunk(lazy):
                received += chunk
        assert [event.id for event in own_events(parse_events(received.decode()))] == [event.id for event in events]


async def test_a_watcher_does_not_notice_that_the_orchestrator_was_restarted(orchestrator: MemoryOrchestrator) -> None:
    async with AsyncExitStack() as former:
        address = await former.enter_async_context(serving(orchestrator))
        async with running(address, upstream_timeout_seconds=10) as gateway:
            job_id = await gateway.submit()
            watching = asyncio.create_task(read_events(gateway.http, job_id))
            await eventually(lambda: orchestrator.watching == 1)
            await former.aclose()
            await orchestrator.record(job_id, "main", progress=task_pb2.Progress(fraction=0.5))
            async with serving(orchestrator, address):
                await eventually(lambda: orchestrator.watching == 1)
                await orchestrator.move(job_id, job_pb2.JOB_STATE_SUCCEEDED)
                events = own_events(await watching)
    assert [event.data["sequence"] for event in events] == [1, 2, 3]


async def test_a_gateway_that_stops_ends_its_streams_in_good_order(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    async with raw_stream(gateway, job_id) as reader:
        await next_chunk(reader)
        await next_chunk(reader)
        gateway.server.stop()
        async with asyncio.timeout(2):
            # No `end`, because the job has not ended: the client is to come back, to another gateway.
            assert await next_chunk(reader) == b""
    await eventually(lambda: orchestrator.watching == 0)


async def test_a_job_that_is_forgotten_while_watched_ends_the_stream_without_end(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    watching = asyncio.create_task(read_events(gateway.http, job_id))
    await eventually(lambda: orchestrator.watching == 1)
    await orchestrator.forget(job_id)
    assert [event.name for event in await watching] == ["hello", "status"]
    assert (await gateway.http.get(f"/jobs/{job_id}/events")).status_code == 404


async def test_all_watchers_of_a_job_share_one_stream_that_ends_with_the_last(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    async with AsyncExitStack() as stack:
        for _ in range(20):
            await next_chunk(await stack.enter_async_context(raw_stream(gateway, job_id)))
        await eventually(lambda: orchestrator.watching == 1)
        assert len(gateway.feeds) == 1
    await eventually(lambda: orchestrator.watching == 0)
    assert len(gateway.feeds) == 0


@pytest.mark.parametrize("tail", [0, 3, 7, 1000])
async def test_watchers_who_come_at_any_time_and_anywhere_see_the_same_log(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator, monkeypatch: pytest.MonkeyPatch, tail: int
) -> None:
    monkeypatch.setattr(feeds, "TAIL_EVENTS", tail)
    monkeypatch.setattr("services.gateway.frames.PIECE_BYTES", 900)
    job_id = await gateway.submit()
    watching = [asyncio.create_task(read_events(gateway.http, job_id))]
    starts = [0]
    for number in range(1, 12):
        await orchestrator.record_all(job_id, [{"progress": task_pb2.Progress(fraction=n / 9)} for n in range(9)])
        for start in (0, number, 9 * number):
            headers = {"Last-Event-ID": orchestrator.events[job_id][start - 1].event_id} if start else {}
            watching.append(asyncio.create_task(read_events(gateway.http, job_id, headers=headers)))
            starts.append(start)
        await eventually(lambda: open_streams() == len(watching))
    await orchestrator.move(job_id, job_pb2.JOB_STATE_SUCCEEDED)
    log = [event.event_id for event in orchestrator.events[job_id]]
    for start, events in zip(starts, await asyncio.gather(*watching), strict=True):
        assert [event.id for event in own_events(events)] == log[start:]
        assert events[-1].data == {"jobId": job_id, "status": "SUCCEEDED", "lastEventId": log[-1]}


async def test_a_cursor_from_the_future_of_one_watcher_keeps_nothing_from_the_others(
    gateway: RunningGateway, orchestrator: MemoryOrchestrator
) -> None:
    job_id = await gateway.submit()
    ahead = {"Last-Event-ID": "9999999999999-0"}
    watching = asyncio.create_task(read_events(gateway.http, job_id, headers=ahead))
    await eventually(lambda: orchestrator.watching == 1)
    other = asyncio.create_task(read_events(gateway.http, job_id))
    await eventually(lambda: open_streams() == 2)
    await play(orchestrator, job_id)
    assert len(own_events(await other)) == 8
    assert len(own_events(await watching)) == 7

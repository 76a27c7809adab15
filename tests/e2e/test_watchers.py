"""Many watchers on one job: everyone sees every event once, in order, however slow the others are and whatever dies."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
import pytest_asyncio

from tests.fixtures.meshes import client_of, eventually, http_of, kill, running_mesh
from tutti import process
from tutti.client import Client, task
from tutti.embedded import Mesh
from tutti.v1 import job_pb2

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: So many lines are said that the flood is not what is tested here.
TALKATIVE = {
    "TUTTI_LEASE_SECONDS": "2",
    "TUTTI_LEADER_LEASE_SECONDS": "1",
    "TUTTI_LOG_BURST": "100000",
    "TUTTI_LOG_LINES_PER_SECOND": "100000",
}
_ID = re.compile(rb"^id: (\S+)$", re.MULTILINE)


@pytest.fixture(scope="module", autouse=True)
def enough_files() -> None:
    """A thousand connections need a thousand descriptors. The gateway sees to its own."""
    process.raise_file_limit()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def mesh(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mesh]:
    data_dir = tmp_path_factory.mktemp("watchers") / "data"
    async with running_mesh(data_dir, orchestrators=2, environment=TALKATIVE) as mesh:
        yield mesh


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(mesh: Mesh) -> AsyncIterator[Client]:
    async with client_of(mesh.endpoints) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(mesh: Mesh) -> AsyncIterator[httpx.AsyncClient]:
    async with http_of(mesh.endpoints) as http:
        yield http


@dataclass(kw_only=True)
class Watcher:
    """A browser, without a library that reads ahead: it resumes after the last id that it has seen."""

    mesh: Mesh
    job_id: str
    seen: list[str] = field(default_factory=list)
    there: asyncio.Event = field(default_factory=asyncio.Event)
    #: It reads nothing before this is set.
    reads: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self) -> list[str]:
        await eventually(self._to_the_end, within=150)
        return self.seen

    async def _to_the_end(self) -> bool:
        """Whether everything has been seen."""
        address = urlsplit(self.mesh.endpoints.gateway.url)
        try:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            return False
        try:
            return await self._read(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return False
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        resume = f"Last-Event-ID: {self.seen[-1]}\r\n" if self.seen else ""
        writer.write(f"GET /jobs/{self.job_id}/events HTTP/1.1\r\nHost: x\r\n{resume}\r\n".encode())
        status = int((await reader.readuntil(b"\r\n\r\n"))[9:12])
        if status != 200:
            return status == 204
        self.there.set()
        await self.reads.wait()
        ended = False
        # A chunk holds whole events.
        while size := int(await reader.readuntil(b"\r\n"), 16):
            chunk = await reader.readexactly(size + 2)
            self.seen += [found.decode() for found in _ID.findall(chunk)]
            ended = ended or b"event: end\n" in chunk
        return ended


def crowd(mesh: Mesh, job_id: str, *, eager: int, slow: int = 0) -> list[Watcher]:
    watchers = [Watcher(mesh=mesh, job_id=job_id) for _ in range(eager + slow)]
    for watcher in watchers[:eager]:
        watcher.reads.set()
    return watchers


async def all_there(watchers: list[Watcher]) -> None:
    await asyncio.gather(*(watcher.there.wait() for watcher in watchers))


async def log_of(client: Client, job_id: str) -> list[str]:
    return [event.event_id async for event in client.watch(job_id)]


async def talking(client: Client, *, lines: int, each: int, pause: float, delay: float = 0.0) -> str:
    return await client.submit(task("test.ticks", {"count": lines, "each": each, "pause": pause, "delay": delay}))


@pytest.mark.slow
@pytest.mark.alone
async def test_a_thousand_watchers_see_every_event_once_and_the_slow_ones_hold_nobody_up(
    mesh: Mesh, client: Client
) -> None:
    job_id = await talking(client, lines=3_000, each=20, pause=0.02, delay=3)
    watchers = crowd(mesh, job_id, eager=950, slow=50)
    following = [asyncio.create_task(watcher.follow(), name="watcher") for watcher in watchers]
    async with asyncio.timeout(150):
        await all_there(watchers)
        log = await log_of(client, job_id)
        eager = await asyncio.gather(*following[:950])
        # The slow ones have read nothing yet, and nobody waited for them.
        assert [watcher.seen for watcher in watchers[950:]] == [[]] * 50
        for watcher in watchers[950:]:
            watcher.reads.set()
        slow = await asyncio.gather(*following[950:])
    assert len(log) == 3_005
    assert all(seen == log for seen in [*eager, *slow])


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["gateway", "orchestrator"])
async def test_watchers_resume_over_a_kill_without_gap_or_repeat(mesh: Mesh, client: Client, victim: str) -> None:
    job_id = await talking(client, lines=1_500, each=5, pause=0.03)
    watchers = crowd(mesh, job_id, eager=100)
    following = [asyncio.create_task(watcher.follow(), name="watcher") for watcher in watchers]
    async with asyncio.timeout(150):

        async def in_the_middle() -> bool:
            return all(len(watcher.seen) > 50 for watcher in watchers)

        await eventually(in_the_middle, within=60)
        endpoints = mesh.endpoints
        kill(endpoints.gateway.pid if victim == "gateway" else endpoints.orchestrators[0].pid)
        seen = await asyncio.gather(*following)
        log = await log_of(client, job_id)
    assert len(log) >= 1_505
    assert all(each == log for each in seen)


@pytest.mark.slow
async def test_two_hundred_grpc_watchers_see_the_same_log_and_slow_ones_hold_nobody_up(client: Client) -> None:
    job_id = await talking(client, lines=1_000, each=10, pause=0.02, delay=1)
    go = asyncio.Event()

    async def watch(*, slow: bool) -> list[int]:
        seen: list[int] = []
        async with aclosing(client.watch_batches(job_id)) as batches:
            async for events in batches:
                seen += [event.sequence for event in events]
                if slow:
                    await go.wait()
        return seen

    slow = [asyncio.create_task(watch(slow=True), name="slow watcher") for _ in range(20)]
    async with asyncio.timeout(120):
        eager = await asyncio.gather(*(watch(slow=False) for _ in range(180)))
        go.set()
        everyone = [*eager, *await asyncio.gather(*slow)]
    assert all(seen == list(range(1, 1_006)) for seen in everyone)


async def test_a_dashboard_sees_all_jobs_of_its_owner_and_no_others(http: httpx.AsyncClient, client: Client) -> None:
    seen: list[str] = []
    async with http.stream("GET", "/jobs/events", params={"label": "album:blue"}) as answer:
        assert answer.status_code == 200
        lines = answer.aiter_lines()
        async with asyncio.timeout(60):
            while await anext(lines) != "event: hello":
                pass
            blue = task("test.echo", {})
            blue.labels["album"] = "blue"
            ids = [await client.submit(blue) for _ in range(3)]
            await client.submit(task("test.echo", {}))
            await client.submit(blue, owner="somebody else")
            while sum('"status":"SUCCEEDED"' in line and '"type":"status"' in line for line in seen) < 3:
                line = await anext(lines)
                assert not line.startswith("id:")
                seen += [line] if line.startswith("data: ") else []
    events = [orjson.loads(line.removeprefix("data: ")) for line in seen if "jobId" in line]
    assert {event["jobId"] for event in events} == set(ids)
    for job_id in ids:
        log = [event.event_id async for event in client.watch(job_id)]
        assert [event["eventId"] for event in events if event["jobId"] == job_id] == log


async def test_the_sdk_follows_all_jobs(client: Client) -> None:
    async with asyncio.timeout(60), aclosing(client.watch_jobs()) as batches:
        assert list(await anext(batches)) == []
        job_id = await client.submit(task("test.echo", {}))
        states: list[int] = []
        while job_pb2.JOB_STATE_SUCCEEDED not in states:
            events = [event for event in await anext(batches) if event.job_id == job_id]
            states += [event.job_moved.state for event in events if event.HasField("job_moved")]
    assert states == [job_pb2.JOB_STATE_QUEUED, job_pb2.JOB_STATE_RUNNING, job_pb2.JOB_STATE_SUCCEEDED]


async def test_the_command_line_follows_all_jobs(mesh: Mesh, client: Client) -> None:
    job_id = await client.submit(task("test.ticks", {"count": 1, "delay": 3}))
    command = ["jobs", "--follow", "--json", "--address", ",".join(mesh.endpoints.orchestrator_addresses)]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tutti.cli.main", *command, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            output = child.stdout
            assert output is not None
            lines = [orjson.loads(await output.readline())]
            while lines[-1].get("jobMoved", {}).get("state") != "JOB_STATE_SUCCEEDED":
                lines.append(orjson.loads(await output.readline()))
    finally:
        child.terminate()
        await child.wait()
    # The job as it stood, then what happened to it.
    own = [line for line in lines if line["jobId"] == job_id]
    assert "spec" in own[0]
    assert [line for line in own if "log" in line]

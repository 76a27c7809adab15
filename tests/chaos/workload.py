"""The callers of a run: they submit, submit again, change their minds and watch, and never give up while parts are
down. What they are told is kept; an answer that no caller should ever get is a surprise.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

import httpx

from tests.chaos.found import Accepted, Followed
from tests.chaos.scenario import PlannedJob, Scenario, Shape
from tests.fixtures.meshes import client_of, http_of
from tutti import backoff, errors
from tutti.client import Client, plan, step, task
from tutti.client.client import RESTING
from tutti.embedded.endpoints import Endpoints
from tutti.v1 import job_pb2

#: Callers that do not share a connection.
CLIENTS = 4
#: Enough that no job dies of what is done to the mesh; what fails then fails on purpose.
MOST_ATTEMPTS = 60
KIND, SHARED_KIND = "test.work", "test.shared"
STEPS = ("one", "two", "three")

T = TypeVar("T")


class Workload:
    def __init__(self, scenario: Scenario, endpoints: Endpoints, log: Path) -> None:
        self.accepted: dict[int, Accepted] = {}
        self.followed: list[Followed] = []
        self.surprises: list[str] = []
        self._scenario = scenario
        self._endpoints = endpoints
        self._log = log
        self._clients: list[Client] = []
        self._http: httpx.AsyncClient

    async def run(self) -> None:
        """Do all that the callers of a scenario do, until each job is accepted and each watcher has seen the end."""
        async with AsyncExitStack() as stack:
            for _ in range(CLIENTS):
                self._clients.append(await stack.enter_async_context(client_of(self._endpoints)))
            self._http = await stack.enter_async_context(http_of(self._endpoints))
            begun = time.monotonic()
            async with asyncio.TaskGroup() as tasks:
                for planned in self._scenario.jobs:
                    await asyncio.sleep(max(0.0, begun + planned.at - time.monotonic()))
                    tasks.create_task(self._caller(planned), name=f"caller-{planned.number}")

    async def _caller(self, planned: PlannedJob) -> None:
        with self._noting(planned):
            await self._call(planned)

    @contextlib.contextmanager
    def _noting(self, planned: PlannedJob) -> Iterator[None]:
        """What a caller is told that none should be told is noted; the others go on."""
        try:
            yield
        except errors.TuttiError as error:
            self.surprises.append(f"job {planned.number}: a caller was told {type(error).__name__}: {error.message}")
        except httpx.HTTPStatusError as error:
            self.surprises.append(f"job {planned.number}: a browser was answered {error.response.status_code}")

    async def _call(self, planned: PlannedJob) -> None:
        client, spec = self._clients[planned.number % CLIENTS], spec_of(planned, self._log)
        request_id = f"chaos-{self._scenario.seed}-{planned.number}"

        def submit() -> Awaitable[str]:
            return client.submit(spec, request_id=request_id, owner=planned.owner)

        job_id = await insist(submit)
        known = self.accepted[planned.number] = Accepted(job_ids=[job_id])
        async with asyncio.TaskGroup() as tasks:
            if planned.watched:
                tasks.create_task(self._follow(planned, client, job_id), name=f"watcher-{planned.number}")
            if planned.repeated:
                known.job_ids.append(await insist(submit))
            if planned.cancel_after is not None:
                await asyncio.sleep(planned.cancel_after)
                job = await insist(lambda: client.cancel(job_id, owner=planned.owner))
                known.wish_recorded = job.state not in RESTING

    async def _follow(self, planned: PlannedJob, client: Client, job_id: str) -> None:
        followed = Followed(job_id=job_id, over=planned.watched)
        self.followed.append(followed)

        async def read() -> None:
            stream = self._grpc if planned.watched == "grpc" else self._sse
            async for cursor, sequence in stream(client, job_id, planned.owner, followed):
                followed.seen.append((cursor, sequence))
            if not followed.ended:
                followed.breaks += 1
                raise errors.Unavailable("the stream ended before the job did")

        with self._noting(planned):
            await insist(read)

    async def _grpc(
        self, client: Client, job_id: str, owner: str, followed: Followed
    ) -> AsyncIterator[tuple[str, int]]:
        """The client goes on by itself over breaks of less than its timeout."""
        async for event in client.watch(job_id, after=_last(followed), owner=owner):
            yield event.event_id, event.sequence
        followed.ended = True

    async def _sse(self, client: Client, job_id: str, owner: str, followed: Followed) -> AsyncIterator[tuple[str, int]]:
        headers = {"X-Tutti-Owner": owner, **({"Last-Event-ID": _last(followed)} if followed.seen else {})}
        try:
            async with self._http.stream("GET", f"/jobs/{job_id}/events", headers=headers) as answer:
                if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
                    return
                answer.raise_for_status()
                followed.ended = answer.status_code == httpx.codes.NO_CONTENT
                async for frame in _frames(answer.aiter_lines()):
                    if "id" in frame:
                        yield frame["id"], json.loads(frame["data"])["sequence"]
                    elif frame.get("event") == "end":
                        followed.ended = True
        except httpx.TransportError:
            return


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Call until it is answered. Whatever may be repeated after a pause is; anything else is the caller's to report."""
    for pause in backoff.delays(0.1, 1.0):
        try:
            return await call()
        except (errors.Unavailable, errors.DeadlineExceeded):
            await asyncio.sleep(pause)
    raise AssertionError("there is always another pause")


async def _frames(lines: AsyncIterator[str]) -> AsyncIterator[dict[str, str]]:
    frame: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            frame[name] = value
        elif frame:
            yield frame
            frame = {}


def _last(followed: Followed) -> str:
    return followed.seen[-1][0] if followed.seen else ""


def spec_of(planned: PlannedJob, log: Path) -> job_pb2.JobSpec:
    given, labels = _input(planned, log), {"chaos": str(planned.number)}
    if planned.shape is Shape.GRAPH:
        one, two, three = STEPS
        spec = plan(
            [
                step(one, KIND, given),
                step(two, KIND, {**given, "given": f"${{{one}.result.run}}"}, needs=[one]),
                step(three, KIND, {**given, "given": f"${{{two}.result.run}}"}, needs=[two]),
            ],
            labels=labels,
        )
    else:
        spec = task(SHARED_KIND if planned.shape is Shape.SHARED else KIND, given, labels=labels)
    spec.priority = planned.priority  # type: ignore[assignment]  # they are numbered as the contract does
    spec.retry.max_attempts = MOST_ATTEMPTS
    spec.retry.initial_backoff.FromMilliseconds(50)
    spec.retry.max_backoff.FromMilliseconds(400)
    return spec


def _input(planned: PlannedJob, log: Path) -> dict[str, str | float | bool]:
    return {
        "log": str(log),
        "sections": planned.sections,
        "seconds": planned.seconds,
        "artifact": planned.artifact,
        "checkpoints": planned.shape is Shape.CHECKPOINTS,
        "failures": 2 if planned.shape is Shape.FLAKY else 0,
        "final": planned.shape is Shape.DOOMED,
        "given": f"group {planned.group}" if planned.group else "",
    }

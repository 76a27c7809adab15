"""The client itself: batching, retries and resumption around the orchestrator's stub."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

import grpc

from tutti import backoff, errors, rpc
from tutti.batching import Batcher
from tutti.client.dead import DeadLetters
from tutti.client.fleet import FleetCalls
from tutti.client.running import Runs
from tutti.telemetry import context as trace_context
from tutti.v1 import job_pb2, orchestrator_pb2, orchestrator_pb2_grpc

ORCHESTRATOR = "tutti.v1.OrchestratorService"
SCHEDULER = "tutti.v1.SchedulerService"
#: States that a job does not leave.
RESTING = frozenset({job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_FAILED, job_pb2.JOB_STATE_CANCELLED})
#: Owners whose submissions are gathered at the same time, before idle ones are let go.
GATHERED_OWNERS = 256

#: A submission larger than this travels alone: a call that gathers hundreds must stay within a message's bound.
LARGE_BYTES = 100_000

Q = TypeVar("Q")
A = TypeVar("A")
_CreateBatcher = Batcher[orchestrator_pb2.CreateJobRequest, orchestrator_pb2.CreateJobsResponse.Result]


class Client(DeadLetters, FleetCalls):
    """One connection to the mesh. Safe to use from many asyncio tasks at once."""

    def __init__(
        self,
        orchestrators: Sequence[str],
        *,
        schedulers: Sequence[str] = (),
        owner: str = "",
        timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        """`orchestrators` and `schedulers` are host:port; the latter are needed for workers and queues only. `timeout`
        bounds every call, its retries included."""
        self._owner = owner
        self._timeout = timeout.total_seconds()
        self._channel = rpc.channel(orchestrators, service=ORCHESTRATOR)
        self._orchestrator = orchestrator_pb2_grpc.OrchestratorServiceStub(self._channel)
        self._scheduler_channel = rpc.channel(schedulers, service=SCHEDULER) if schedulers else None
        self._runs = Runs(self._orchestrator)
        self._creates: dict[str, _CreateBatcher] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Send what is waiting to be sent, then hang up."""
        for batcher in self._creates.values():
            await batcher.close()
        self._runs.close()
        await self._channel.close()
        if self._scheduler_channel is not None:
            await self._scheduler_channel.close()

    async def submit(self, spec: job_pb2.JobSpec, *, request_id: str = "", owner: str = "") -> str:
        """Hand a job over; returns its id once it is durable. Repeating a call with the same `request_id` returns the
        same job; without one, only the retries of this very call are protected."""
        request = _create_request(spec, request_id)
        if request.ByteSize() > LARGE_BYTES:
            return _accepted((await self._create([request], owner or self._owner))[0])
        return _accepted(await self._creating(owner or self._owner).submit(request))

    async def run(
        self, spec: job_pb2.JobSpec, *, request_id: str = "", owner: str = ""
    ) -> AsyncGenerator[job_pb2.Event, None]:
        """Hand a job over and see every event of it, to the last: `submit` and `watch` in one call, for those who wait
        for the outcome. The job goes on whether or not anybody listens; each event names it."""
        request = orchestrator_pb2.RunJobRequest(create=_create_request(spec, request_id))
        job_id, cursor, pauses, deadline = "", "", backoff.delays(), time.monotonic() + self._timeout
        while True:
            try:
                async with aclosing(self._runs.follow(request, owner or self._owner)) as responses:
                    async for response in responses:
                        for event in response.events:
                            job_id, cursor = event.job_id, event.event_id
                            yield event
                return
            except errors.Unavailable:
                if time.monotonic() > deadline and not job_id:
                    raise
            if job_id:
                break
            await asyncio.sleep(next(pauses))
        async with aclosing(self.watch(job_id, after=cursor, owner=owner)) as rest:
            async for event in rest:
                yield event

    async def submit_all(self, specs: Sequence[job_pb2.JobSpec], *, owner: str = "") -> list[str]:
        """Hand many jobs over; returns their ids in order. Raises for the first that was refused; those before and
        after it may have been accepted."""
        return list(await asyncio.gather(*(self.submit(spec, owner=owner) for spec in specs)))

    async def plan(self, spec: job_pb2.JobSpec) -> job_pb2.Plan:
        """What a job would do, without doing it."""
        response = await self._call(self._orchestrator.PlanJob, orchestrator_pb2.PlanJobRequest(spec=spec))
        return response.plan

    async def get(self, job_id: str, *, owner: str = "") -> job_pb2.Job:
        request = orchestrator_pb2.GetJobRequest(job_id=job_id)
        return (await self._call(self._orchestrator.GetJob, request, owner=owner)).job

    async def jobs(
        self,
        *,
        page_size: int = 50,
        page_token: str = "",
        filter: orchestrator_pb2.JobFilter | None = None,
        owner: str = "",
    ) -> orchestrator_pb2.ListJobsResponse:
        """A page of jobs, newest first."""
        request = orchestrator_pb2.ListJobsRequest(page_size=page_size, page_token=page_token, filter=filter)
        return await self._call(self._orchestrator.ListJobs, request, owner=owner)

    async def cancel(self, job_id: str, *, owner: str = "") -> job_pb2.Job:
        """Ask for a job to be stopped; its events say when it has."""
        request = orchestrator_pb2.CancelJobRequest(job_id=job_id)
        return (await self._call(self._orchestrator.CancelJob, request, owner=owner)).job

    async def watch(self, job_id: str, *, after: str = "", owner: str = "") -> AsyncGenerator[job_pb2.Event, None]:
        """Every event of a job after the cursor, then live ones, until the last. Survives the death of the replica that
        it reads from; raises Unavailable only when no replica answers for as long as the client's timeout."""
        async with aclosing(self.watch_batches(job_id, after=after, owner=owner)) as batches:
            async for events in batches:
                for event in events:
                    yield event

    async def watch_batches(
        self, job_id: str, *, after: str = "", owner: str = ""
    ) -> AsyncGenerator[Sequence[job_pb2.Event], None]:
        """Like `watch`, but hands over the events that arrived together."""
        cursor, pauses, failing_since = after, backoff.delays(), 0.0
        while True:
            request = orchestrator_pb2.WatchJobRequest(job_id=job_id, after=cursor)
            call = self._orchestrator.WatchJob(request, metadata=self._metadata(owner), wait_for_ready=False)
            try:
                async for response in call:
                    pauses, failing_since = backoff.delays(), 0.0
                    cursor = response.events[-1].event_id
                    yield response.events
                return
            except grpc.aio.AioRpcError as error:
                translated = rpc.from_grpc(error)
                if not isinstance(translated, errors.Unavailable):
                    raise translated from error
                failing_since = failing_since or time.monotonic()
                if time.monotonic() - failing_since > self._timeout:
                    raise translated from error
            finally:
                call.cancel()
            await asyncio.sleep(next(pauses))

    async def watch_jobs(
        self, filter: orchestrator_pb2.JobFilter | None = None, *, owner: str = ""
    ) -> AsyncGenerator[Sequence[job_pb2.Event], None]:
        """What happens to all jobs of the owner that match, from now on: first an empty batch, at once, then the events
        that came together. Nothing is resumed: raises TooSlow for a reader that falls behind and Unavailable when the
        stream breaks; list the jobs, then watch again."""
        request = orchestrator_pb2.WatchJobsRequest(filter=filter)
        call = self._orchestrator.WatchJobs(request, metadata=self._metadata(owner), wait_for_ready=False)
        try:
            async for response in call:
                yield response.events
        except grpc.aio.AioRpcError as error:
            raise rpc.from_grpc(error) from error
        finally:
            call.cancel()

    async def wait(self, job_id: str, *, owner: str = "") -> job_pb2.Job:
        """Return the job once it has come to rest."""
        cursor = ""
        while True:
            async for events in self.watch_batches(job_id, after=cursor, owner=owner):
                cursor = events[-1].event_id
            job = await self.get(job_id, owner=owner)
            if job.state in RESTING:
                return job  # else somebody has run it again in the meantime

    def _creating(self, owner: str) -> _CreateBatcher:
        # The owner is metadata of a call, so jobs of different owners cannot share one.
        if owner not in self._creates:
            if len(self._creates) >= GATHERED_OWNERS:
                self._drop_idle()

            async def flush(
                batch: list[orchestrator_pb2.CreateJobRequest],
            ) -> Sequence[orchestrator_pb2.CreateJobsResponse.Result]:
                return await self._create(batch, owner)

            self._creates[owner] = Batcher(
                flush,
                name=f"create-jobs-{owner}",
                weigh=orchestrator_pb2.CreateJobRequest.ByteSize,
                max_weight=rpc.MAX_BATCH_BYTES,
            )
        return self._creates[owner]

    def _drop_idle(self) -> None:
        self._creates = {owner: batcher for owner, batcher in self._creates.items() if batcher.busy}

    async def _create(
        self, batch: list[orchestrator_pb2.CreateJobRequest], owner: str
    ) -> Sequence[orchestrator_pb2.CreateJobsResponse.Result]:
        request = orchestrator_pb2.CreateJobsRequest(requests=batch)
        return (await self._call(self._orchestrator.CreateJobs, request, owner=owner)).results

    async def _call(self, method: "grpc.aio.UnaryUnaryMultiCallable[Q, A]", request: Q, owner: str = "") -> A:
        """Call until it is answered or the timeout is over. Every RPC of the orchestrator may be repeated."""
        deadline, pauses = time.monotonic() + self._timeout, backoff.delays()
        while True:
            left = max(0.001, deadline - time.monotonic())
            try:
                return await method(request, timeout=left, metadata=self._metadata(owner))
            except grpc.aio.AioRpcError as error:
                translated, pause = rpc.from_grpc(error), next(pauses)
                if not isinstance(translated, errors.Unavailable) or time.monotonic() + pause > deadline:
                    raise translated from error
            await asyncio.sleep(pause)

    def _metadata(self, owner: str) -> tuple[tuple[str, str], ...]:
        return rpc.metadata(owner=owner or self._owner)


def _create_request(spec: job_pb2.JobSpec, request_id: str) -> orchestrator_pb2.CreateJobRequest:
    journey = trace_context.current()
    return orchestrator_pb2.CreateJobRequest(
        spec=spec,
        # Minted outside the retry loops: however often the call is repeated, there is one job.
        request_id=request_id or trace_context.new_request_id(),
        origin=orchestrator_pb2.CreateJobRequest.Origin(
            x_request_id=journey.request_id, traceparent=journey.traceparent
        ),
    )


def _accepted(result: orchestrator_pb2.CreateJobsResponse.Result) -> str:
    if not result.HasField("refusal"):
        return result.job_id
    refusal = result.refusal
    raise rpc.error_for(
        refusal.code, refusal.message, reason=refusal.reason, field=refusal.field, details=dict(refusal.details)
    )

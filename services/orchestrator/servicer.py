"""OrchestratorService: between the contract's messages and the orchestrator's own words. Decides nothing."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import grpc

from services.orchestrator import ids
from services.orchestrator.attempts import reason_of_death
from services.orchestrator.dashboards import Dashboards
from services.orchestrator.dead import DeadJobs
from services.orchestrator.driver import Driver
from services.orchestrator.intake import Intake
from services.orchestrator.listing import fitting, list_jobs
from services.orchestrator.responses import Responses, signed
from services.orchestrator.store import records
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.records import Stored
from services.orchestrator.watch import WatchHub
from tutti import clock, errors, rpc
from tutti.artifacts import ArtifactStore
from tutti.clock import timestamp
from tutti.v1 import artifact_pb2, job_pb2, orchestrator_pb2, orchestrator_pb2_grpc

LARGEST_BATCH = 1_000
LARGEST_NOTE = 64 * 1024

Context = grpc.aio.ServicerContext[Any, Any]


class OrchestratorServicer(orchestrator_pb2_grpc.OrchestratorServiceServicer):
    def __init__(
        self,
        *,
        store: JobStore,
        intake: Intake,
        dead: DeadJobs,
        driver: Driver,
        hub: WatchHub,
        dashboards: Dashboards,
        artifacts: ArtifactStore,
        replica: str,
        address_ttl: timedelta,
    ) -> None:
        self._store = store
        self._intake = intake
        self._dead = dead
        self._driver = driver
        self._hub = hub
        self._dashboards = dashboards
        self._artifacts = artifacts
        self._replica = replica
        self._address_ttl = address_ttl
        self._responses = Responses(self._sign)

    async def CreateJob(
        self, request: orchestrator_pb2.CreateJobRequest, context: Context
    ) -> orchestrator_pb2.CreateJobResponse:
        job_id = await self._intake.create(rpc.owner_of(context), request)
        return orchestrator_pb2.CreateJobResponse(job=await self._message(await self._store.get(job_id)))

    async def RunJob(
        self, requests: AsyncIterator[orchestrator_pb2.RunJobRequest], context: Context
    ) -> AsyncIterator[orchestrator_pb2.RunJobResponse]:
        owner = rpc.owner_of(context)
        async for request in requests:
            job_id, first = await self._intake.begin(owner, request.create)
            last = False
            async for events, last in self._hub.watch(job_id, "", owner=owner, first=first):
                response = await self._responses.of(events)
                yield orchestrator_pb2.RunJobResponse(events=response.events, ended=last)
            if not last:
                yield orchestrator_pb2.RunJobResponse(ended=True)

    async def CreateJobs(
        self, request: orchestrator_pb2.CreateJobsRequest, context: Context
    ) -> orchestrator_pb2.CreateJobsResponse:
        if not 1 <= len(request.requests) <= LARGEST_BATCH:
            raise errors.InvalidInput(
                f"requests: {len(request.requests)}; a batch carries 1 to {LARGEST_BATCH:,}", field="requests"
            )
        results = await self._intake.create_all(rpc.owner_of(context), request.requests)
        response = orchestrator_pb2.CreateJobsResponse()
        for result in results:
            if isinstance(result, str):
                response.results.add(job_id=result)
            else:
                response.results.add(refusal=_refusal(result))
        return response

    async def PlanJob(
        self, request: orchestrator_pb2.PlanJobRequest, context: Context
    ) -> orchestrator_pb2.PlanJobResponse:
        return orchestrator_pb2.PlanJobResponse(plan=await self._intake.plan(request.spec))

    async def GetJob(
        self, request: orchestrator_pb2.GetJobRequest, context: Context
    ) -> orchestrator_pb2.GetJobResponse:
        return orchestrator_pb2.GetJobResponse(job=await self._message(await self._owned(request.job_id, context)))

    async def ListJobs(
        self, request: orchestrator_pb2.ListJobsRequest, context: Context
    ) -> orchestrator_pb2.ListJobsResponse:
        page = await list_jobs(self._store, rpc.owner_of(context), request)
        jobs = [await self._entry(stored) for stored in page.jobs]
        count = fitting(jobs)
        token = jobs[count - 1].job_id if count < len(jobs) else page.next_token
        return orchestrator_pb2.ListJobsResponse(jobs=jobs[:count], next_page_token=token)

    async def WatchJob(
        self, request: orchestrator_pb2.WatchJobRequest, context: Context
    ) -> AsyncIterator[orchestrator_pb2.WatchJobResponse]:
        after = ids.checked_cursor(request.after)
        async for events, _ in self._hub.watch(request.job_id, after, owner=rpc.owner_of(context)):
            yield await self._responses.of(events)

    async def CancelJob(
        self, request: orchestrator_pb2.CancelJobRequest, context: Context
    ) -> orchestrator_pb2.CancelJobResponse:
        await self._check_owner(request.job_id, context)
        driver = await self._store.cancel(request.job_id)
        if driver == self._replica:
            self._driver.cancel(request.job_id)
        elif driver not in ("", "-"):
            await self._store.send_wish(driver, request.job_id)
        return orchestrator_pb2.CancelJobResponse(job=await self._message(await self._store.get(request.job_id)))

    async def AddCheckpoint(
        self, request: orchestrator_pb2.AddCheckpointRequest, context: Context
    ) -> orchestrator_pb2.AddCheckpointResponse:
        stored = await self._owned(request.job_id, context)
        size = request.checkpoint.note.ByteSize()
        if size > LARGEST_NOTE:
            raise errors.InvalidInput(
                f"checkpoint.note: {size:,} bytes; at most {LARGEST_NOTE:,} are allowed", field="checkpoint.note"
            )
        own = {artifact.key for task in stored.record.tasks.values() for artifact in task.artifacts}
        if any(artifact.key not in own for artifact in request.checkpoint.artifacts):
            raise errors.InvalidInput(
                "checkpoint.artifacts: not an artifact of this job; take them from the job itself",
                field="checkpoint.artifacts",
            )
        event = job_pb2.Event(job_id=request.job_id, time=timestamp(clock.now_ms()), checkpoint=request.checkpoint)
        recorded = await self._store.add_checkpoint(event)
        if isinstance(recorded, str):
            raise _checkpoint_refused(recorded, request.job_id)
        self._hub.publish(request.job_id, [recorded])
        return orchestrator_pb2.AddCheckpointResponse(event=recorded)

    async def WatchJobs(
        self, request: orchestrator_pb2.WatchJobsRequest, context: Context
    ) -> AsyncIterator[orchestrator_pb2.WatchJobsResponse]:
        async for events in self._dashboards.watch(rpc.owner_of(context), request.filter):
            response = orchestrator_pb2.WatchJobsResponse(events=events)
            await signed(response.events, self._sign)
            yield response

    async def RetryJob(
        self, request: orchestrator_pb2.RetryJobRequest, context: Context
    ) -> orchestrator_pb2.RetryJobResponse:
        stored = await self._dead.retry(rpc.owner_of(context), request.job_id)
        return orchestrator_pb2.RetryJobResponse(job=await self._message(stored))

    async def ListDeadJobs(
        self, request: orchestrator_pb2.ListDeadJobsRequest, context: Context
    ) -> orchestrator_pb2.ListDeadJobsResponse:
        page = await self._dead.page(rpc.owner_of(context), request)
        jobs = [
            orchestrator_pb2.DeadJob(
                job=await self._entry(dead.stored),
                reason=reason_of_death(dead.stored.record),
                dead_time=timestamp(dead.dead_ms),
            )
            for dead in page.jobs
        ]
        count = fitting(jobs)
        token = page.jobs[count - 1].token if count < len(jobs) else page.next_token
        return orchestrator_pb2.ListDeadJobsResponse(dead_jobs=jobs[:count], next_page_token=token)

    async def ReplayDeadJobs(
        self, request: orchestrator_pb2.ReplayDeadJobsRequest, context: Context
    ) -> orchestrator_pb2.ReplayDeadJobsResponse:
        edited = request.input if request.HasField("input") else None
        jobs = await self._dead.replay(rpc.owner_of(context), request.job_ids, edited)
        return orchestrator_pb2.ReplayDeadJobsResponse(jobs=[await self._message(stored) for stored in jobs])

    async def DiscardDeadJobs(
        self, request: orchestrator_pb2.DiscardDeadJobsRequest, context: Context
    ) -> orchestrator_pb2.DiscardDeadJobsResponse:
        discarded = await self._dead.discard(rpc.owner_of(context), request.job_ids)
        return orchestrator_pb2.DiscardDeadJobsResponse(discarded=discarded)

    async def _owned(self, job_id: str, context: Context) -> Stored:
        stored = await self._store.get(job_id)
        if stored.record.owner != rpc.owner_of(context):
            # Not PERMISSION_DENIED: whether the job exists is none of this caller's business.
            raise ids.no_such_job(job_id)
        return stored

    async def _check_owner(self, job_id: str, context: Context) -> None:
        owner, _, _ = await self._store.head(job_id)
        if owner != rpc.owner_of(context):
            raise ids.no_such_job(job_id)

    async def _message(self, stored: Stored) -> job_pb2.Job:
        message = records.job_message(stored)
        for task in message.tasks:
            await self._sign(task.artifacts)
        await self._sign(message.artifacts)
        return message

    async def _entry(self, stored: Stored) -> job_pb2.Job:
        """A job as lists show it: without what may be large."""
        message = await self._message(stored)
        for task in message.tasks:
            task.ClearField("result")
        if message.spec.HasField("plan"):
            for planned in message.spec.plan.tasks:
                planned.ClearField("input")
        return message

    async def _sign(self, artifacts: Sequence[artifact_pb2.Artifact]) -> None:
        for artifact in artifacts:
            artifact.url = await self._artifacts.url(
                artifact.key, expires=self._address_ttl, name=artifact.name, type=artifact.type
            )


def _refusal(error: errors.TuttiError) -> orchestrator_pb2.CreateJobsResponse.Refusal:
    return orchestrator_pb2.CreateJobsResponse.Refusal(
        code=rpc.code_of(error).value[0],
        reason=error.reason,
        message=error.message,
        field=error.field,
        details=error.details,
    )


def _checkpoint_refused(why: str, job_id: str) -> errors.TuttiError:
    match why:
        case "finished":
            return errors.PreconditionFailed("the job is finished; it takes no more checkpoints", reason="JOB_FINISHED")
        case "full":
            return errors.QuotaExceeded("the job carries as many checkpoints as it may", reason="TOO_MANY_CHECKPOINTS")
        case _:
            return ids.no_such_job(job_id)

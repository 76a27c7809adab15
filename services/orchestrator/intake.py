"""The door: checks what is asked for, compiles it, and makes it durable before anybody gets an id."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from services.orchestrator import ids, job, metrics
from services.orchestrator.claims import Claims
from services.orchestrator.driver import Driver
from services.orchestrator.given import given_plan
from services.orchestrator.job_record import JobRecord, Transition, new_task, retry_of
from services.orchestrator.plan import compile_spec, kinds_of
from services.orchestrator.plan.catalogue import Catalogue
from services.orchestrator.quota import Quota
from services.orchestrator.store.jobs import FULL, JobStore
from services.orchestrator.store.values import Claimed, NewJob, recorded
from tutti import errors
from tutti.artifacts import ArtifactStore
from tutti.batching import Batcher
from tutti.telemetry import context as trace_context
from tutti.v1 import job_pb2, orchestrator_pb2

log = logging.getLogger(__name__)

LONGEST_REQUEST_ID = 200
LONGEST_OWNER = 128


#: `created`, `conflict` or the id of an earlier job; or why there is none. Of a job that was created and claimed in the
#: same breath, the claim.
_Answer = str | Claimed | errors.TuttiError


class _Entering(NamedTuple):
    new: NewJob
    transition: Transition
    #: A file was stored for it.
    stored: bool


class Intake:
    def __init__(
        self,
        store: JobStore,
        driver: Driver,
        claims: Claims,
        catalogue: Catalogue,
        quota: Quota,
        artifacts: ArtifactStore,
        *,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._driver = driver
        self._claims = claims
        self._catalogue = catalogue
        self._quota = quota
        self._artifacts = artifacts
        self._clock_ms = clock_ms
        self._doors: dict[int, Batcher[_Entering, _Answer]] = {}

    async def plan(self, spec: job_pb2.JobSpec) -> job_pb2.Plan:
        await self._catalogue.learn(kinds_of(spec))
        return compile_spec(spec, self._catalogue.kinds)

    async def create(self, owner: str, request: orchestrator_pb2.CreateJobRequest) -> str:
        """Accept one job; returns its id, or that of the job which the same request id made before."""
        answer = (await self.create_all(owner, [request]))[0]
        if isinstance(answer, errors.TuttiError):
            raise answer
        return answer

    async def begin(self, owner: str, request: orchestrator_pb2.CreateJobRequest) -> tuple[str, job_pb2.Event | None]:
        """Accept one job; returns its id and, where this replica drives it from now on, its first event."""
        await self._catalogue.learn(kinds_of(request.spec))
        entering = await self._prepare(owner, request)
        job_id = entering.new.record.job_id
        answer = await self._submit(entering)
        settled = await self._settled(request, entering, answer)
        if isinstance(settled, errors.TuttiError):
            raise settled
        if not isinstance(answer, Claimed):
            return settled, None
        return job_id, recorded(job_id, [entering.new.event], (1, answer.cursor.encode()))[0]

    async def create_all(
        self, owner: str, requests: Sequence[orchestrator_pb2.CreateJobRequest]
    ) -> list[str | errors.TuttiError]:
        """Accept each for itself; per request its id, or why it was refused."""
        await self._catalogue.learn(kind for request in requests for kind in kinds_of(request.spec))
        prepared = [await self._prepared(owner, request) for request in requests]
        # All of them at once: what is not in by now has not been promised to anybody.
        entered = [each if isinstance(each, errors.TuttiError) else (each, self._submit(each)) for each in prepared]
        answers: list[str | errors.TuttiError] = []
        for request, each in zip(requests, entered, strict=True):
            if isinstance(each, errors.TuttiError):
                answers.append(_refused(each))
            else:
                # An outage is everybody's, and the whole call may be repeated: it is raised, not returned.
                answers.append(await self._settled(request, each[0], await each[1]))
        return answers

    async def close(self) -> None:
        for door in self._doors.values():
            await door.close()

    async def _prepared(self, owner: str, request: orchestrator_pb2.CreateJobRequest) -> _Entering | errors.TuttiError:
        """What is to enter, or why it is refused."""
        try:
            return await self._prepare(owner, request)
        except errors.Unavailable:
            raise
        except errors.TuttiError as error:
            return error

    def _submit(self, entering: _Entering) -> "asyncio.Future[_Answer]":
        """Send it through the door of its partition; returns what will become of it."""
        return self._door(ids.partition_of(entering.new.record.job_id, self._store.partitions)).submit(entering)

    async def _prepare(self, owner: str, request: orchestrator_pb2.CreateJobRequest) -> _Entering:
        _check_names(owner, request.request_id)
        journey, now_ms = trace_context.current(), self._clock_ms()
        job_id = ids.new_job_id(now_ms, ids.partition_for(owner, request.request_id, self._store.partitions))
        given = await given_plan(request.spec, job_id)
        spec = request.spec if given is None else given.spec
        plan = compile_spec(spec, self._catalogue.kinds)
        if given is not None:
            # Before the job, which may be driven as soon as there is one.
            await self._artifacts.put(given.file.key, given.content, type=given.file.type)
        x_request_id, traceparent = request.origin.x_request_id, request.origin.traceparent
        record = JobRecord(
            job_id=job_id,
            owner=owner,
            spec=spec,
            plan=plan,
            tasks={planned.name: new_task(planned) for planned in plan.tasks},
            retry=retry_of(spec),
            request_id=trace_context.accepted_request_id(x_request_id) if x_request_id else journey.request_id,
            traceparent=trace_context.accepted_traceparent(traceparent) if traceparent else journey.traceparent,
            create_ms=now_ms,
        )
        transition = job.created(record)
        return _Entering(
            new=NewJob(
                record=transition.job,
                event=transition.events[0],
                request_id=request.request_id,
                # Of what was asked for: where that is kept is another place each time.
                digest=hashlib.sha256(request.spec.SerializeToString(deterministic=True)).hexdigest()[:32],
            ),
            transition=transition,
            stored=given is not None,
        )

    async def _settled(
        self, request: orchestrator_pb2.CreateJobRequest, entering: _Entering, answer: _Answer
    ) -> str | errors.TuttiError:
        """The job's id, or why there is none. What was stored for a job that did not come to be goes again."""
        job_id = entering.new.record.job_id
        settled = _settled(request, job_id, answer)
        if entering.stored and settled != job_id:
            try:
                await self._artifacts.delete_prefix(job_id)
            except errors.TuttiError as error:
                log.warning("could not delete what was stored", extra={"job_id": job_id, "error": error.message})
        return settled

    def _door(self, partition: int) -> Batcher[_Entering, _Answer]:
        if partition not in self._doors:

            async def flush(batch: list[_Entering]) -> list[_Answer]:
                return await self._store_batch(partition, batch)

            self._doors[partition] = Batcher(flush, name=f"create-{partition}", max_items=256)
        return self._doors[partition]

    async def _store_batch(self, partition: int, batch: Sequence[_Entering]) -> list[_Answer]:
        jobs, room = [entering.new for entering in batch], self._claims.room()
        owners = {new.record.owner for new in jobs}
        limits = await self._quota.limits(partition, self._store.partitions, owners)
        try:
            answers, claimed = await self._store.create(partition, jobs, self._claims.replica, room, limits)
        except errors.Unavailable:
            # Redis may have accepted, and given this replica entries that it does not know it holds.
            self._claims.look_again()
            raise
        metrics.JOBS_CREATED.inc(answers.count("created"))
        begun = self._begin(partition, batch, claimed)
        return [
            self._quota.refusal(limits[new.record.owner], int(answer.removeprefix(FULL)))
            if answer.startswith(FULL)
            else begun.get(new.record.job_id, answer)
            for new, answer in zip(jobs, answers, strict=True)
        ]

    def _begin(self, partition: int, batch: Iterable[_Entering], claimed: Sequence[Claimed]) -> dict[str, Claimed]:
        """Drive what was claimed in the same breath, and return that; what others had left waiting is read first."""
        entered = {entering.new.record.job_id: entering.transition for entering in batch}
        others, begun = [], {}
        for claim in claimed:
            transition = entered.get(claim.job_id)
            if transition is None:
                others.append(claim)
                continue
            if claim.cursor:
                begun[claim.job_id] = claim
            self._driver.take(
                transition.job, epoch=claim.epoch, entry=claim.entry, commits=0, effects=transition.effects
            )
        if others:
            self._claims.claim_soon(partition, others)
        return begun


def _settled(request: orchestrator_pb2.CreateJobRequest, job_id: str, answer: _Answer) -> str | errors.TuttiError:
    if isinstance(answer, Claimed) or answer == "created":
        return job_id
    if answer == "conflict":
        answer = errors.Conflict(
            f"request_id: {request.request_id!r} already stands for a different job; use a new one",
            field="request_id",
            reason="REQUEST_ID_REUSED",
        )
    return _refused(answer) if isinstance(answer, errors.TuttiError) else answer


def _refused(error: errors.TuttiError) -> errors.TuttiError:
    metrics.JOBS_REFUSED.labels(reason=error.reason).inc()
    return error


def _check_names(owner: str, request_id: str) -> None:
    if not owner or len(owner) > LONGEST_OWNER or not owner.isprintable():
        raise errors.InvalidInput(
            f"owner: must be 1 to {LONGEST_OWNER} printable characters; check the metadata x-tutti-owner", field="owner"
        )
    if len(request_id) > LONGEST_REQUEST_ID or not request_id.isprintable():
        raise errors.InvalidInput(
            f"request_id: must be at most {LONGEST_REQUEST_ID} printable characters", field="request_id"
        )

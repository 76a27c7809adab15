"""Jobs that ended badly: which they are, running them again, and letting go of them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from google.protobuf import struct_pb2

from services.orchestrator import ids, metrics
from services.orchestrator.attempts import DEATHS, reason_of_death
from services.orchestrator.job_again import culprit, has_input, retried
from services.orchestrator.job_record import JobRecord
from services.orchestrator.listing import LARGEST_PAGE, MOST_READ, page_size
from services.orchestrator.plan import check_edited
from services.orchestrator.plan.catalogue import Catalogue
from services.orchestrator.store.dead import DeadLetters, Letter
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.records import Stored
from services.orchestrator.watch import WatchHub
from tutti import errors
from tutti.v1 import job_pb2, orchestrator_pb2

#: Jobs that one call may replay or discard.
MOST_JOBS = 200
_TOKEN = re.compile(r"([0-9]{1,15})\.(.+)", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadJob:
    stored: Stored
    dead_ms: int

    @property
    def token(self) -> str:
        """Of the page that begins after it."""
        return _token(Letter(dead_ms=self.dead_ms, job_id=self.stored.record.job_id))


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    jobs: list[DeadJob]
    next_token: str


class DeadJobs:
    def __init__(self, store: JobStore, hub: WatchHub, catalogue: Catalogue, *, clock_ms: Callable[[], int]) -> None:
        self._store = store
        self._letters = DeadLetters(store)
        self._hub = hub
        self._catalogue = catalogue
        self._clock_ms = clock_ms

    async def page(self, owner: str, request: orchestrator_pb2.ListDeadJobsRequest) -> Page:
        if request.reason and request.reason not in DEATHS:
            raise errors.InvalidInput(
                f"reason: {request.reason[:40]!r}; use {', '.join(DEATHS)} or nothing", field="reason"
            )
        size, before = page_size(request.page_size), _place(request.page_token)
        found: list[DeadJob] = []
        for _ in range(0, MOST_READ, LARGEST_PAGE):
            letters = await self._letters.page(owner, before, LARGEST_PAGE)
            for letter, stored in zip(letters, await self._letters.read(owner, letters), strict=True):
                if stored is not None and request.reason in ("", reason_of_death(stored.record)):
                    found.append(DeadJob(stored=stored, dead_ms=letter.dead_ms))
                    if len(found) == size:
                        return Page(jobs=found, next_token=_token(letter))
            if len(letters) < LARGEST_PAGE:
                return Page(jobs=found, next_token="")
            before = letters[-1]
        return Page(jobs=found, next_token=_token(before) if before else "")

    async def retry(self, owner: str, job_id: str) -> Stored:
        """Run a job again; one that is not at rest is returned as it is."""
        return await self._run_again(await self._owned(owner, job_id), None)

    async def replay(self, owner: str, job_ids: Sequence[str], input: struct_pb2.Struct | None) -> list[Stored]:
        """Run dead letters again: all of them or, where one cannot be, none."""
        job_ids = _checked(job_ids)
        if input is not None and len(job_ids) > 1:
            raise errors.InvalidInput("input: one for several jobs; replay them one by one", field="input")
        jobs = [await self._owned(owner, job_id) for job_id in job_ids]
        for stored in jobs:
            await self._check(stored.record, input)
        return [await self._run_again(stored, input) for stored in jobs]

    async def discard(self, owner: str, job_ids: Sequence[str]) -> int:
        return await self._letters.discard(owner, [job_id for job_id in _checked(job_ids) if ids.is_job_id(job_id)])

    async def _check(self, record: JobRecord, input: struct_pb2.Struct | None) -> None:
        """Raise unless the job is dead, and can run with the input; one that this very call has replayed already is in
        order too: its answer may have been lost."""
        if not record.at_rest and record.retry_ms and (input is None or has_input(record, input)):
            return
        if not await self._letters.has(record.owner, record.job_id):
            raise _not_dead(record)
        if input is not None:
            name = culprit(record).name
            await self._catalogue.learn([record.tasks[name].kind])
            check_edited(record.spec, record.plan, name, input, self._catalogue.kinds)

    async def _run_again(self, stored: Stored, input: struct_pb2.Struct | None) -> Stored:
        job_id = stored.record.job_id
        while stored.record.at_rest:
            if stored.record.state == job_pb2.JOB_STATE_SUCCEEDED:
                raise errors.PreconditionFailed(
                    f"job {job_id} has succeeded, nothing is left to do; submit a new one", reason="JOB_SUCCEEDED"
                )
            events = await self._letters.retry(stored, retried(stored.record, self._clock_ms(), input))
            # Whoever was quicker: what is recorded now is looked at afresh.
            stored = await self._store.get(job_id)
            if not isinstance(events, str):
                metrics.JOBS_RETRIED.inc()
                self._hub.publish(job_id, events)
                break
            if input is not None and not stored.record.at_rest and not has_input(stored.record, input):
                raise _not_dead(stored.record)
        return stored

    async def _owned(self, owner: str, job_id: str) -> Stored:
        stored = await self._store.get(job_id)
        if stored.record.owner != owner:
            raise ids.no_such_job(job_id)
        return stored


def _not_dead(record: JobRecord) -> errors.PreconditionFailed:
    return errors.PreconditionFailed(
        f"job_ids: {record.job_id} is no dead letter; look at the job", field="job_ids", reason="NOT_DEAD"
    )


def _checked(job_ids: Sequence[str]) -> list[str]:
    """Each id once."""
    if not 1 <= len(job_ids) <= MOST_JOBS:
        raise errors.InvalidInput(f"job_ids: {len(job_ids)}; give 1 to {MOST_JOBS}", field="job_ids")
    return list(dict.fromkeys(job_ids))


def _token(letter: Letter) -> str:
    return f"{letter.dead_ms}.{letter.job_id}"


def _place(token: str) -> Letter | None:
    if not token:
        return None
    match = _TOKEN.fullmatch(token)
    if match is None or not ids.is_job_id(match[2]):
        raise errors.InvalidInput("page_token: not one; take it from the previous page", field="page_token")
    return Letter(dead_ms=int(match[1]), job_id=match[2])

"""Pages of jobs: newest first, by owner, filtered, stable while jobs are created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from services.orchestrator import ids
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.records import Stored
from tutti import errors, rpc
from tutti.v1 import orchestrator_pb2

DEFAULT_PAGE, LARGEST_PAGE = 50, 200
#: Jobs read at most for one page; a filter that matches few of them yields a short page and a token to go on.
MOST_READ = 2_000


#: A page is one message. A job of ten minutes of music takes half a megabyte in it, with some five hundred files.
LARGEST_PAGE_BYTES = rpc.MAX_BATCH_BYTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    jobs: list[Stored]
    next_token: str


async def list_jobs(store: JobStore, owner: str, request: orchestrator_pb2.ListJobsRequest) -> Page:
    size, before = page_size(request.page_size), request.page_token
    if before and not ids.is_job_id(before):
        raise errors.InvalidInput("page_token: not one; take it from the previous page", field="page_token")
    found: list[Stored] = []
    for _ in range(0, MOST_READ, LARGEST_PAGE):
        names = await store.page(owner, before, LARGEST_PAGE)
        for stored in names.jobs:
            if _matches(stored, request.filter):
                found.append(stored)
                if len(found) == size:
                    return Page(jobs=found, next_token=stored.record.job_id)
        before = names.last
        if not before:
            return Page(jobs=found, next_token="")
    return Page(jobs=found, next_token=before)


def fitting(entries: Sequence[Message], *, most_bytes: int = LARGEST_PAGE_BYTES) -> int:
    """How many entries fit on a page; the first one always does."""
    size = 0
    for count, entry in enumerate(entries):
        size += entry.ByteSize()
        if size > most_bytes and count:
            return count
    return len(entries)


def page_size(asked: int) -> int:
    if not 0 <= asked <= LARGEST_PAGE:
        raise errors.InvalidInput(
            f"page_size: {asked}; use 1 to {LARGEST_PAGE}, or 0 for {DEFAULT_PAGE}", field="page_size"
        )
    return asked or DEFAULT_PAGE


def _matches(stored: Stored, filter: orchestrator_pb2.JobFilter) -> bool:
    record = stored.record
    if filter.states and record.state not in filter.states:
        return False
    return fits(filter, create_ms=record.create_ms, labels=record.spec.labels)


def fits(filter: orchestrator_pb2.JobFilter, *, create_ms: int, labels: Mapping[str, str]) -> bool:
    """Whether a job is what a filter asks for, in everything but its state."""
    if filter.HasField("created_after") and create_ms < filter.created_after.ToMilliseconds():
        return False
    if filter.HasField("created_before") and create_ms >= filter.created_before.ToMilliseconds():
        return False
    return all(labels.get(key) == value for key, value in filter.labels.items())

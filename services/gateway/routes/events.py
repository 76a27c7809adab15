"""The stream of a job's events; `services.gateway.streams` says what is on it."""

import re
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from services.gateway import schemas
from services.gateway.callers import owner_of
from services.gateway.frames import place_of
from services.gateway.state import gateway_of
from services.gateway.streams import JobStream
from tutti import errors
from tutti.client.client import RESTING

router = APIRouter(tags=["events"])

_CURSOR = re.compile(r"[0-9]{1,19}-[0-9]{1,19}", re.ASCII)


@router.get("/jobs/{job_id}/events", operation_id="watchJob", response_class=Response, responses=schemas.EVENTS)
async def watch_job(
    request: Request,
    job_id: str,
    header: Annotated[str, Header(alias="Last-Event-ID", description="Id of the last event seen; wins.")] = "",
    query: Annotated[str, Query(alias="lastEventId", description="The same, where no header can be sent.")] = "",
) -> Response:
    """Stream a job's events: those after the last one seen, or all of them, then live ones until the job rests.

    First comes `hello` with the job as it stands, then `status`, `task`, `progress`, `log`, `checkpoint` and `artifact`
    events, each with its id, then `end`. Nothing is left out and nothing comes twice, however often the stream breaks.
    To skip the past, start after the `lastEventId` of a job that was fetched before. 204 means that the job has come to
    rest and nothing is left to be seen.
    """
    gateway, owner = gateway_of(request), owner_of(request)
    # A browser keeps the query of its first try and sends the header once it has seen more.
    cursor = _checked(header or query)
    job = await gateway.client.get(job_id, owner=owner)
    if cursor and place_of(cursor) >= place_of(job.last_event_id):
        if job.state in RESTING:
            return Response(status_code=204)
        # Nobody has seen more than there is; whatever comes next is new.
        cursor = job.last_event_id
    return JobStream(job, gateway.feeds, owner=owner, after=cursor)


def _checked(cursor: str) -> str:
    # Checked here because the contract's own refusal would come when the answer has already begun.
    if cursor and not _CURSOR.fullmatch(cursor):
        raise errors.InvalidInput(
            f"{cursor[:60]!r} is not the id of an event; send one as it was received, or none.", field="Last-Event-ID"
        )
    return cursor

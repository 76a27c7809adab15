"""Dead letters: list, run again, discard."""

from typing import Annotated

from fastapi import APIRouter, Query
from google.protobuf import struct_pb2
from starlette.requests import Request
from starlette.responses import Response

from services.gateway import requests, schemas, structs
from services.gateway.answers import Json
from services.gateway.callers import owner_of
from services.gateway.jobs import dead_view, job_view
from services.gateway.state import gateway_of

router = APIRouter(tags=["dead letters"])


@router.get("/jobs/dead", operation_id="listDeadJobs", responses={200: {"model": schemas.DeadPage}})
async def list_dead_jobs(request: Request, query: Annotated[requests.DeadQuery, Query()]) -> Response:
    """List the caller's dead letters, newest first, in pages, with the reason each died of.

    A job that failed is a dead letter until it is run again, discarded, or past its retention.
    """
    page = await gateway_of(request).client.dead(
        page_size=query.page_size, page_token=query.page_token, reason=query.reason or "", owner=owner_of(request)
    )
    return Json({"deadJobs": [dead_view(dead) for dead in page.dead_jobs], "nextPageToken": page.next_page_token})


@router.post(
    "/jobs/dead/replay",
    operation_id="replayDeadJobs",
    status_code=202,
    responses={202: {"model": schemas.Replayed}},
    openapi_extra=schemas.REPLAY,
)
async def replay_dead_jobs(request: Request) -> Response:
    """Run dead letters again from what succeeded: all of them or, where one cannot be, none.

    With a single job, `input` replaces the input of the task that failed. The call may be repeated.
    """
    wanted = requests.validated(requests.REPLAY, await requests.json_body(request))
    edited = None
    if wanted.input is not None:
        edited = struct_pb2.Struct()
        structs.fill(edited, wanted.input, field="input")
    jobs = await gateway_of(request).client.replay(wanted.job_ids, edited, owner=owner_of(request))
    return Json({"jobs": [job_view(job) for job in jobs]}, 202)


@router.post(
    "/jobs/dead/discard",
    operation_id="discardDeadJobs",
    responses={200: {"model": schemas.Discarded}},
    openapi_extra=schemas.DISCARD,
)
async def discard_dead_jobs(request: Request) -> Response:
    """Take jobs off the list of dead letters. Each can still be read until the retention of finished jobs is over."""
    wanted = requests.validated(requests.DISCARD, await requests.json_body(request))
    discarded = await gateway_of(request).client.discard(wanted.job_ids, owner=owner_of(request))
    return Json({"discarded": discarded})

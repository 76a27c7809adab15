"""The stream of what happens to all of an owner's jobs; `services.gateway.dashboards` says what is on it."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.gateway import requests, schemas
from services.gateway.callers import owner_of
from services.gateway.dashboards import DashboardStream
from services.gateway.state import gateway_of

router = APIRouter(tags=["events"])


@router.get("/jobs/events", operation_id="watchJobs", response_class=Response, responses=schemas.DASHBOARD)
async def watch_jobs(request: Request, query: Annotated[requests.JobsFilter, Query()]) -> Response:
    """Stream what happens to the caller's jobs from now on, for dashboards.

    First comes `hello`, then the events of all jobs that match, in order within each job and of the same types as on a
    job's own stream. They have no ids: nothing is resumed, and a client that falls far behind is cut off. Watch a job
    for the whole truth about it. To begin without a gap, open the stream and list the jobs after `hello`.
    """
    gateway = gateway_of(request)
    batches = gateway.client.watch_jobs(query.filter(), owner=owner_of(request))
    return DashboardStream(batches, heartbeat_seconds=gateway.settings.sse_heartbeat_seconds, closing=gateway.closing)

"""Jobs: submit, look at, list, cancel, run again."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.gateway import metrics, requests, schemas
from services.gateway.answers import Json, RawRoute
from services.gateway.callers import idempotency_key_of, owner_of
from services.gateway.jobs import job_view
from services.gateway.routes import dead
from services.gateway.state import gateway_of

router = APIRouter(tags=["jobs"])


async def submit(request: Request) -> Response:
    """Accept a job. Once this answers, the job is durable and will be driven to an end.

    The body is a request for music (`narrative` …), for one task (`kind` …) or for a graph of tasks (`tasks` …). A
    repeated `Idempotency-Key` answers the job of the first time. `Location` is where the job can be looked at.
    """
    gateway = gateway_of(request)
    owner, idempotency_key = owner_of(request), idempotency_key_of(request)
    wanted = await requests.wanted(request)
    job_id = await gateway.client.submit(wanted, request_id=idempotency_key, owner=owner)
    metrics.SUBMITS.inc()
    return Json({"jobId": job_id, "status": "QUEUED"}, 202, {"Location": f"/jobs/{job_id}"})


def add_submit(application: APIRouter) -> None:
    """Straight to the application: each router in between would look at every request."""
    application.add_api_route(
        "/jobs",
        submit,
        methods=["POST"],
        status_code=202,
        tags=["jobs"],
        route_class_override=RawRoute,
        operation_id="submitJob",
        responses={**schemas.PROBLEM, 202: {"model": schemas.Accepted}},
        openapi_extra=schemas.SUBMIT,
    )


@router.get("/jobs", operation_id="listJobs", responses={200: {"model": schemas.JobPage}})
async def list_jobs(request: Request, query: Annotated[requests.JobsQuery, Query()]) -> Response:
    """List the caller's jobs, newest first, in pages. Tasks come without their results."""
    page = await gateway_of(request).client.jobs(
        page_size=query.page_size, page_token=query.page_token, filter=query.filter(), owner=owner_of(request)
    )
    return Json({"jobs": [job_view(job) for job in page.jobs], "nextPageToken": page.next_page_token})


# Before what takes the rest of a path for an id.
router.include_router(dead.router)


@router.get("/jobs/{job_id}", operation_id="getJob", responses={200: {"model": schemas.Job}})
async def get_job(request: Request, job_id: str) -> Response:
    """Show a job with its tasks and artifacts, as last recorded."""
    return Json(job_view(await gateway_of(request).client.get(job_id, owner=owner_of(request))))


@router.delete("/jobs/{job_id}", operation_id="cancelJob", status_code=202, responses={202: {"model": schemas.Job}})
async def cancel_job(request: Request, job_id: str) -> Response:
    """Ask for a job to be stopped. The wish is durable; the job's events say when it has come to rest."""
    return Json(job_view(await gateway_of(request).client.cancel(job_id, owner=owner_of(request))), 202)


@router.post("/jobs/{job_id}/retry", operation_id="retryJob", status_code=202, responses={202: {"model": schemas.Job}})
async def retry_job(request: Request, job_id: str) -> Response:
    """Run a failed or cancelled job again from what succeeded. One that is not at rest is answered as it is."""
    return Json(job_view(await gateway_of(request).client.retry(job_id, owner=owner_of(request))), 202)

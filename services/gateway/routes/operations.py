"""For those who run the gateway: whether it lives, whether it is of use, what it counts."""

from fastapi import APIRouter
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response

from services.gateway import problems, schemas
from services.gateway.answers import Json
from services.gateway.state import gateway_of
from tutti import errors

router = APIRouter(tags=["operations"])


@router.get("/health", operation_id="health", responses={200: {"model": schemas.Health}})
async def health() -> Response:
    """The process lives."""
    return Json({"status": "ok"})


@router.get("/ready", operation_id="ready", responses={200: {"model": schemas.Ready}})
async def ready(request: Request) -> Response:
    """Jobs can be submitted and watched; 503 says what is missing."""
    try:
        await gateway_of(request).readiness.check()
    except errors.Unavailable as error:
        # Said openly, unlike other errors of this kind: whoever asks this wants to know.
        detail = f"Not ready: {error.message}."
        return problems.problem(503, detail, reason=error.reason, headers={"Retry-After": "1"})
    return Json({"status": "ready"})


@router.get("/metrics", operation_id="metrics", response_class=Response, responses=schemas.METRICS)
async def metrics(request: Request) -> Response:
    """Metrics for Prometheus."""
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(REGISTRY), headers={"Content-Type": content_type, "Cache-Control": "no-store"})

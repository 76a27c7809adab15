"""The ASGI application: its routes, its frame, and its description."""

from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.gateway import problems, schemas
from services.gateway.boundary import BodyLimit, Boundary
from services.gateway.routes import artifacts, audio, dashboards, events, jobs, operations
from services.gateway.state import Gateway
from tutti import errors

# The first route that fits a path is taken: `/jobs/events` must stand before `/jobs/{job_id}`.
_ROUTERS = (dashboards.router, jobs.router, events.router, audio.router, artifacts.router, operations.router)
_REFERENCE = "#/components/schemas/{model}"
_DESCRIPTION = "Submit jobs, follow them, fetch what they made. The owner of a request is named by X-Tutti-Owner."


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        if "Problem" not in described["components"]["schemas"]:
            _, found = models_json_schema(
                [(model, "validation") for model in schemas.REFERENCED], ref_template=_REFERENCE
            )
            described["components"]["schemas"] |= found["$defs"]
        return described


def build(gateway: Gateway) -> FastAPI:
    app = _application(gateway.settings.max_body_bytes, gateway.settings.max_job_bytes)
    app.state.gateway = gateway
    return app


def description() -> dict[str, Any]:
    """The OpenAPI description, the same for every gateway of this release."""
    return _application(0, 0).openapi()


def _application(max_body_bytes: int, max_job_bytes: int) -> FastAPI:
    app = _Application(
        title="Tutti gateway",
        description=_DESCRIPTION,
        version=version("tutti-mesh"),
        # The pages that show the description load their scripts from elsewhere, which a mesh without internet cannot.
        docs_url=None,
        redoc_url=None,
        middleware=[Middleware(Boundary), Middleware(BodyLimit, max_bytes=max_body_bytes, max_job_bytes=max_job_bytes)],
        exception_handlers={
            errors.TuttiError: problems.on_tutti_error,
            HTTPException: _on_http_exception,
            RequestValidationError: problems.on_bad_parameters,
        },
        responses=schemas.PROBLEM,
        # `Boundary` records the request; the framework would record it once more.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    jobs.add_submit(app.router)
    for router in _ROUTERS:
        app.include_router(router)
    return app


async def _on_http_exception(request: Request, error: Exception) -> Response:
    response = await problems.on_http_exception(request, error)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        # The router names the methods of the first route that fits the path; others may share it.
        response.headers["Allow"] = ", ".join(sorted(_methods_at(request.app, request.url.path)))
    return response


def _methods_at(app: FastAPI, path: str) -> set[str]:
    everywhere = (app.router, *_ROUTERS)
    routes = [route for router in everywhere for route in router.routes if isinstance(route, Route)]
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}

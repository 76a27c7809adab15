"""Errors as HTTP tells them: `application/problem+json` (RFC 9457), for every error that leaves the gateway.

    {"type": "urn:tutti:problem:quota-exceeded", "title": "Too Many Requests", "status": 429, "detail": "…",
     "reason": "QUOTA_EXCEEDED", "requestId": "…", "field": "…", "details": {…}}

`field` and `details` are there when there is something to say. Below 500 the detail is the error's own message, which
is written for callers. From 500 on it is a general one: what broke, and where, is in the log under the request id.
"""

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tutti import errors
from tutti.telemetry import context as trace_context

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
#: Seconds that a client should wait where nobody knows better.
_PAUSE = "2"

#: The first match wins, so subclasses stand before their bases.
STATUSES: tuple[tuple[type[errors.TuttiError], HTTPStatus], ...] = (
    (errors.InvalidInput, HTTPStatus.BAD_REQUEST),
    (errors.NotFound, HTTPStatus.NOT_FOUND),
    (errors.Conflict, HTTPStatus.CONFLICT),
    (errors.PreconditionFailed, HTTPStatus.CONFLICT),
    (errors.QuotaExceeded, HTTPStatus.TOO_MANY_REQUESTS),
    (errors.Unauthenticated, HTTPStatus.UNAUTHORIZED),
    (errors.PermissionDenied, HTTPStatus.FORBIDDEN),
    (errors.NotImplementedYet, HTTPStatus.NOT_IMPLEMENTED),
    # A call to another service was cut short, which says that it is going away.
    (errors.Cancelled, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.DeadlineExceeded, HTTPStatus.GATEWAY_TIMEOUT),
    (errors.TuttiError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
_GENERAL = {
    HTTPStatus.SERVICE_UNAVAILABLE: "A part of the mesh cannot be reached right now; try again after a pause.",
    HTTPStatus.GATEWAY_TIMEOUT: "The answer took too long; the work may or may not have been done. Look, then retry.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "An unexpected error was logged; report the request id.",
}
#: Reasons of what is refused before any of our own code looks at it.
_REASONS = {
    HTTPStatus.NOT_FOUND: "ROUTE_NOT_FOUND",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "BODY_TOO_LARGE",
}
#: What the router alone would say of these is no more than their names.
_ROUTER_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address; /openapi.json lists what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not know the method; the header Allow lists what it knows.",
}
#: How the contract's names of fields begin, where REST puts the same fields at the top.
_CONTRACT_PREFIX = re.compile(r"^(?:requests\[\d+\]\.)?(?:spec\.)?(?:music\.|task\.|plan\.)?")
#: Fields that REST spells unlike the contract in more than its case.
_REST_NAMES = {
    "after": "Last-Event-ID",
    "attempt_timeout": "timeoutSeconds",
    "job_timeout": "jobTimeoutSeconds",
    "initial_backoff": "initialBackoffSeconds",
    "max_backoff": "maxBackoffSeconds",
    "request_id": "Idempotency-Key",
}
#: What follows these in a path was named by the caller and is repeated as it was.
_FREE_FORM = frozenset({"options", "input", "labels"})


def problem(
    status: int,
    detail: str,
    *,
    reason: str,
    field: str = "",
    details: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": f"urn:tutti:problem:{reason.lower().replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "reason": reason,
        "requestId": trace_context.current().request_id,
    }
    if field:
        body["field"] = field
    if details:
        body["details"] = dict(details)
    everywhere = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(body), status_code=status, media_type=MEDIA_TYPE, headers=everywhere)


def of(error: errors.TuttiError) -> Response:
    status = next(status for kind, status in STATUSES if isinstance(error, kind))
    detail = _GENERAL.get(status, error.message)
    if detail != error.message:
        log.log(
            logging.ERROR if status == HTTPStatus.INTERNAL_SERVER_ERROR else logging.WARNING,
            "request failed",
            extra={"status": int(status), "reason": error.reason, "error": error.message},
        )
    return problem(
        status,
        detail,
        reason=error.reason,
        field=_rest_field(error.field),
        details=error.details,
        headers=_headers(error, status),
    )


def unexpected() -> Response:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return problem(status, _GENERAL[status], reason=errors.Internal.default_reason)


async def on_tutti_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, errors.TuttiError):
        raise error
    return of(error)


async def on_http_exception(_: Request, error: Exception) -> Response:
    """No such route, no such method, or a body that is too large or of the wrong type."""
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    detail = _ROUTER_DETAILS.get(status, error.detail)
    return problem(status, detail, reason=_REASONS.get(status, status.name), headers=error.headers)


async def on_bad_parameters(_: Request, error: Exception) -> Response:
    """A query parameter, path parameter or header that does not fit."""
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:2])
    status = HTTPStatus.BAD_REQUEST
    return problem(status, complaint(field, first), reason=errors.InvalidInput.default_reason, field=field)


def complaint(field: str, found: Mapping[str, Any]) -> str:
    """What pydantic found wrong with a field, in words for who wrote the request."""
    match found["type"]:
        case "extra_forbidden":
            said = "is not known here; leave it out"
        case "missing":
            said = "is missing"
        case _:
            said = found["msg"]
    return f"{field}: {said}" if field else said


def _headers(error: errors.TuttiError, status: HTTPStatus) -> dict[str, str]:
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        return {"Retry-After": error.details.get("retry_after_seconds", _PAUSE)}
    if status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    return {}


def _rest_field(field: str) -> str:
    """A field as REST spells it: `spec.retry.max_attempts` is `retry.maxAttempts` there."""
    parts = _CONTRACT_PREFIX.sub("", field).split(".")
    free = next((index for index, part in enumerate(parts) if part in _FREE_FORM), len(parts))
    return ".".join([*(_REST_NAMES.get(part, _camel(part)) for part in parts[:free]), *parts[free:]])


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)

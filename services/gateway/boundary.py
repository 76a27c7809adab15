"""The outermost frame of every request: its journey, its metrics, its access log, and the end of every exception.

Plain ASGI: Starlette's BaseHTTPMiddleware would put a task and a queue between each response and its client.
"""

import logging
import time
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway import metrics, problems
from tutti.telemetry import context as trace_context
from tutti.telemetry import tracing

log = logging.getLogger(__name__)

#: Where jobs are submitted, whose bodies may be larger than others.
SUBMISSIONS = "/jobs"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Boundary:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id, traceparent = _given(scope)
        with trace_context.entered(request_id, traceparent) as journey, tracing.span(f"HTTP {scope['method']}"):
            await self._answer(scope, receive, send, journey.request_id.encode())

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: bytes) -> None:
        began = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
                _record(scope, status, time.perf_counter() - began)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            log.exception("request failed", extra={"method": scope["method"], "path": scope["path"]})
            # Once the answer has begun nothing can be taken back; leaving it unfinished makes the server cut the
            # connection, so that the client does not take what it got for the whole.
            if not status:
                await problems.unexpected()(scope, receive, send_with_id)


class BodyLimit:
    """Refuses a body that is too large: at once where it declares its length, else as soon as it is exceeded."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, max_job_bytes: int) -> None:
        self._app = app
        self._max_bytes, self._max_job_bytes = max_bytes, max_job_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._app(scope, receive, send)
            return
        most = self._max_job_bytes if scope["path"] == SUBMISSIONS else self._max_bytes
        declared = next((value for key, value in scope["headers"] if key == b"content-length"), b"0")
        received = 0

        async def limited() -> Message:
            nonlocal received
            if int(declared) > most:
                raise _too_large(most)
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise _too_large(most)
            return message

        await self._app(scope, limited, send)


def _too_large(most: int) -> HTTPException:
    # Starlette's own exception, because FastAPI lets no other one pass from where it reads bodies.
    detail = f"The body may have at most {most} bytes; send less."
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)


def _given(scope: Scope) -> tuple[str, str]:
    request_id, traceparent = b"", b""
    for key, value in scope["headers"]:
        if key == b"x-request-id":
            request_id = value
        elif key == b"traceparent":
            traceparent = value
    return request_id.decode("latin-1"), traceparent.decode("latin-1")


def _record(scope: Scope, status: int, seconds: float) -> None:
    # Templates and known methods only: addresses and methods that clients make up would each become a time series.
    route = getattr(scope.get("route"), "path", "unmatched")
    method = scope["method"] if scope["method"] in _METHODS else "other"
    metrics.answered(method, route, status, seconds)
    if log.isEnabledFor(logging.DEBUG):
        milliseconds = round(seconds * 1000, 2)
        log.debug(
            "answered",
            extra={"method": method, "path": scope["path"], "status": status, "milliseconds": milliseconds},
        )

"""How routes answer: JSON without a second validation, and the route that is too hot for the framework's own path."""

from typing import Any

import orjson
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Json(Response):
    media_type = "application/json"

    def __init__(self, content: Any, status_code: int = 200, headers: dict[str, str] | None = None) -> None:
        # Jobs move on and addresses of artifacts expire: what was true a moment ago is of no use to a cache.
        super().__init__(orjson.dumps(content), status_code, {"Cache-Control": "no-store", **(headers or {})})


class RawRoute(APIRoute):
    """Hands the request to its endpoint as it is, and is documented like any other route. Resolving dependencies and
    parameters that are not there costs a third of what submitting a job costs as a whole."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in (self.methods or ()):
            await super().handle(scope, receive, send)
            return
        response: Response = await self.endpoint(Request(scope, receive))
        await response(scope, receive, send)

"""Who calls, as the request's headers say. The owner is trusted as given: whoever reaches the gateway may name any."""

import re

from starlette.requests import Request

from tutti import errors

OWNER_HEADER = "x-tutti-owner"
IDEMPOTENCY_HEADER = "idempotency-key"
DEFAULT_OWNER = "local"

#: These travel on as gRPC metadata and end up in keys and logs.
_VISIBLE = re.compile(r"[!-~]{1,128}")


def owner_of(request: Request) -> str:
    return _visible(request, OWNER_HEADER, "X-Tutti-Owner") or DEFAULT_OWNER


def idempotency_key_of(request: Request) -> str:
    return _visible(request, IDEMPOTENCY_HEADER, "Idempotency-Key")


def _visible(request: Request, header: str, name: str) -> str:
    value = request.headers.get(header, "")
    if value and not _VISIBLE.fullmatch(value):
        raise errors.InvalidInput(f"{name} must be 1 to 128 visible ASCII characters without spaces.", field=name)
    return value

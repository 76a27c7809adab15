"""A message on an open stream that breaks just then: a moment that no server can be made to hit."""

from typing import Any

import grpc
import pytest

from tutti import errors, lanes


class Breaking:
    """A stream whose next write fails as gRPC's does."""

    def __init__(self, *trailing: tuple[str, bytes]) -> None:
        self._trailing = grpc.aio.Metadata(*trailing)

    async def write(self, request: Any) -> None:
        code, details = grpc.StatusCode.INTERNAL, "Internal error from Core"
        raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), self._trailing, details=details)


async def test_a_connection_that_breaks_under_a_message_may_be_tried_again() -> None:
    with pytest.raises(errors.Unavailable):
        await lanes.say(Breaking(), None)  # type: ignore[arg-type]  # it can be written to, which is all that is done


async def test_a_service_that_failed_is_not_asked_again() -> None:
    with pytest.raises(errors.Internal):
        await lanes.say(Breaking(("grpc-status-details-bin", b"")), None)  # type: ignore[arg-type]  # see above

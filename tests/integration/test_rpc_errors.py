"""Errors over a real gRPC connection: what a service raises is what its caller catches."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from tutti import errors, rpc
from tutti.v1 import scheduler_pb2, worker_pb2, worker_pb2_grpc

SERVICE = "tutti.v1.WorkerService"
EVERY_ERROR = [
    (errors.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.Conflict, grpc.StatusCode.ALREADY_EXISTS),
    (errors.PreconditionFailed, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.QuotaExceeded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED),
    (errors.NotImplementedYet, grpc.StatusCode.UNIMPLEMENTED),
    (errors.Cancelled, grpc.StatusCode.CANCELLED),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
    (errors.DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED),
    (errors.Internal, grpc.StatusCode.INTERNAL),
]


class Raising(worker_pb2_grpc.WorkerServiceServicer):
    """Answers every call with the error that the test chose, or with nothing."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def GetStatus(self, request: Any, context: Any) -> worker_pb2.GetStatusResponse:
        if self.error is not None:
            raise self.error
        return worker_pb2.GetStatusResponse(info=scheduler_pb2.WorkerInfo(worker_id="w1"))

    async def WatchAttempts(self, request: Any, context: Any) -> AsyncIterator[worker_pb2.WatchAttemptsResponse]:
        yield worker_pb2.WatchAttemptsResponse()
        if self.error is not None:
            raise self.error


class Connection:
    def __init__(self, servicer: Raising, stub: worker_pb2_grpc.WorkerServiceStub) -> None:
        self.servicer, self._stub = servicer, stub

    async def call(self, **choices: Any) -> Any:
        return await self._stub.GetStatus(worker_pb2.GetStatusRequest(), timeout=5, **choices)

    async def stream(self) -> int:
        count = 0
        async for _ in self._stub.WatchAttempts(worker_pb2.WatchAttemptsRequest(), timeout=5):
            count += 1
        return count

    async def caught(self, error: Exception, **choices: Any) -> errors.TuttiError:
        """What the caller catches when the service raises this."""
        self.servicer.error = error
        with pytest.raises(errors.TuttiError) as caught, rpc.translated():
            await self.call(**choices)
        return caught.value


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    # The calls that are not here answer UNIMPLEMENTED.
    servicer = Raising()  # type: ignore[abstract]
    server = rpc.Server(services=[SERVICE])
    worker_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, server.grpc)
    address = server.bind("127.0.0.1:0")
    await server.start()
    await server.serving(True)
    async with rpc.channel([address], service=SERVICE) as channel:
        yield Connection(servicer, worker_pb2_grpc.WorkerServiceStub(channel))
    await server.stop(0)


@pytest.mark.parametrize(("kind", "code"), EVERY_ERROR, ids=lambda each: getattr(each, "__name__", ""))
async def test_every_error_arrives_as_it_was_raised(
    connection: Connection, kind: type[errors.TuttiError], code: grpc.StatusCode
) -> None:
    sent = kind("a message, with ümläuts", field="spec.kind", reason="SO_IT_IS", details={"limit": "7"})

    caught = await connection.caught(sent)

    assert type(caught) is kind
    assert rpc.code_of(caught) == code
    assert (caught.message, caught.field, caught.reason, caught.details) == (
        "a message, with ümläuts",
        "spec.kind",
        "SO_IT_IS",
        {"limit": "7"},
    )


@pytest.mark.parametrize(("kind", "code"), EVERY_ERROR, ids=lambda each: getattr(each, "__name__", ""))
async def test_the_status_on_the_wire_is_the_one_of_the_table(
    connection: Connection, kind: type[errors.TuttiError], code: grpc.StatusCode
) -> None:
    connection.servicer.error = kind("no")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await connection.call()

    assert caught.value.code() == code


async def test_an_error_without_a_reason_or_field_gets_the_default_reason(connection: Connection) -> None:
    caught = await connection.caught(errors.NotFound("no such thing"))

    assert (caught.reason, caught.field, caught.details) == ("NOT_FOUND", "", {})


async def test_a_narrower_error_arrives_as_its_broader_kind_and_keeps_its_reason(connection: Connection) -> None:
    caught = await connection.caught(errors.StaleLease("somebody newer owns this"))

    assert isinstance(caught, errors.PreconditionFailed)
    assert caught.reason == "STALE_LEASE"


async def test_what_was_not_raised_on_purpose_says_nothing_but_the_request_id(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    metadata = ((rpc.REQUEST_ID_KEY, "req-42"),)

    caught = await connection.caught(ZeroDivisionError("secret /path/to/things"), metadata=metadata)

    assert isinstance(caught, errors.Internal)
    assert "req-42" in caught.message
    for leaked in ("secret", "/path", "ZeroDivision", "Traceback"):
        assert leaked not in caught.message
    assert "secret /path/to/things" in caplog.text


async def test_a_request_id_is_made_where_none_was_given(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caught = await connection.caught(RuntimeError("boom"))

    request_id = caught.message.rsplit(" ", 1)[-1]
    assert len(request_id) >= 16


async def test_a_stream_ends_with_its_error_after_what_came_before(connection: Connection) -> None:
    connection.servicer.error = errors.NotFound("gone", reason="JOB_NOT_FOUND")

    with pytest.raises(errors.NotFound) as caught, rpc.translated():
        await connection.stream()

    assert caught.value.reason == "JOB_NOT_FOUND"


async def test_a_stream_that_breaks_by_accident_says_nothing_either(
    connection: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    connection.servicer.error = ZeroDivisionError("secret")

    with pytest.raises(errors.Internal) as caught, rpc.translated():
        await connection.stream()

    assert "secret" not in caught.value.message
    assert "secret" in caplog.text


async def test_a_stream_without_an_error_ends_quietly(connection: Connection) -> None:
    assert await connection.stream() == 1


@pytest.mark.parametrize("length", [2_000, 20_000, 200_000])
async def test_a_long_message_does_not_cost_the_caller_the_reason(connection: Connection, length: int) -> None:
    """Statuses travel in headers, and those are bounded: what is said must be cut, or nothing arrives of it."""
    caught = await connection.caught(errors.InvalidInput("ä" * length, field="input.text", reason="TOO_LONG"))

    assert isinstance(caught, errors.InvalidInput)
    assert (caught.field, caught.reason) == ("input.text", "TOO_LONG")
    assert caught.message.startswith("äää")


async def test_a_message_with_line_feeds_arrives(connection: Connection) -> None:
    assert (await connection.caught(errors.InvalidInput("one\ntwo"))).message == "one\ntwo"


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    async with rpc.channel(["127.0.0.1:1"]) as channel:
        stub = worker_pb2_grpc.WorkerServiceStub(channel)
        with pytest.raises(errors.Unavailable), rpc.translated():
            await stub.GetStatus(worker_pb2.GetStatusRequest(), timeout=5)


async def test_a_port_that_is_taken_is_refused(connection: Connection) -> None:
    first, second = rpc.Server(services=[]), rpc.Server(services=[])
    address = first.bind("127.0.0.1:0")
    await first.start()
    try:
        with pytest.raises(errors.Unavailable, match="is the port taken"):
            second.bind(address)
    finally:
        await first.stop(0)
        await second.stop(0)


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        (["example.org:7100"], "dns:///example.org:7100"),
        (["127.0.0.1:1"], "ipv4:127.0.0.1:1"),
        (["10.0.0.1:1", "10.0.0.2:1"], "ipv4:10.0.0.1:1,10.0.0.2:1"),
        (["[::1]:1", "[::2]:2"], "ipv6:[::1]:1,[::2]:2"),
    ],
)
def test_addresses_become_a_target(addresses: list[str], expected: str) -> None:
    assert rpc.target(addresses) == expected


@pytest.mark.parametrize("addresses", [[], ["a.example:1", "b.example:1"], ["10.0.0.1:1", "b.example:1"]])
def test_addresses_that_cannot_be_one_target_are_refused(addresses: list[str]) -> None:
    with pytest.raises(errors.InvalidInput):
        rpc.target(addresses)

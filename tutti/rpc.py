"""gRPC as this mesh speaks it: channels that find healthy servers, servers with health and reflection, and the two-way
table between our errors and gRPC statuses. Also the metadata that travels with every call.
"""

import asyncio
import contextlib
import ipaddress
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from tutti import errors
from tutti.health_servicer import HealthServicer
from tutti.telemetry import context as trace_context
from tutti.telemetry import tracing

log = logging.getLogger(__name__)


ERROR_DOMAIN = "tutti"
HEALTH = "grpc.health.v1.Health"
OWNER_KEY = "x-tutti-owner"
REQUEST_ID_KEY = "x-request-id"
TRACEPARENT_KEY = "traceparent"

#: Longest message of an error, in characters.
LONGEST_MESSAGE = 500
#: Bounds a message in bytes: a batch of 512 tasks with inputs of the largest allowed size still fits.
MAX_MESSAGE_BYTES = 64 * 1024 * 1024
#: What is gathered for one call: well below, for a call that is refused for its size is refused each time.
MAX_BATCH_BYTES = 8 * 1024 * 1024

_COMMON_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A peer that vanished without a FIN, or hangs, is noticed within 4 s, even while nothing is being said. For one
    # that hangs the last of these counts: its kernel takes the ping, and gRPC would wait a minute for the answer.
    ("grpc.keepalive_time_ms", 2_000),
    ("grpc.keepalive_timeout_ms", 2_000),
    ("grpc.http2.ping_timeout_ms", 2_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]
#: A restarted peer is found within a second, not after gRPC's default backoff of up to two minutes.
QUICK_RECONNECT: list[tuple[str, Any]] = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]
#: Connections of a channel's own. Channels of one process would share them, and with them the health checks: when such
#: a connection breaks just as it is made, gRPC's client crashes the process (1.71 to 1.85, whatever polls).
OWN_CONNECTIONS: tuple[str, Any] = ("grpc.use_local_subchannel_pool", 1)
_SERVER_OPTIONS: list[tuple[str, Any]] = [
    *_COMMON_OPTIONS,
    ("grpc.http2.min_ping_interval_without_data_ms", 1_000),
    ("grpc.http2.max_ping_strikes", 0),
    # Two replicas must never share a port by accident: a second bind fails instead.
    ("grpc.so_reuseport", 0),
]

_CODES: list[tuple[type[errors.TuttiError], grpc.StatusCode]] = [
    # The first match wins, so subclasses stand before their bases.
    (errors.InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.Conflict, grpc.StatusCode.ALREADY_EXISTS),
    (errors.PreconditionFailed, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.QuotaExceeded, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (errors.Unauthenticated, grpc.StatusCode.UNAUTHENTICATED),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED),
    (errors.NotImplementedYet, grpc.StatusCode.UNIMPLEMENTED),
    (errors.Cancelled, grpc.StatusCode.CANCELLED),
    (errors.TooSlow, grpc.StatusCode.ABORTED),
    (errors.Superseded, grpc.StatusCode.ABORTED),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
    (errors.DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED),
    (errors.TuttiError, grpc.StatusCode.INTERNAL),
]
_ERRORS: dict[grpc.StatusCode, type[errors.TuttiError]] = {
    **{code: kind for kind, code in _CODES if kind is not errors.TuttiError},
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidInput,
    grpc.StatusCode.INTERNAL: errors.Internal,
    grpc.StatusCode.UNKNOWN: errors.Internal,
    grpc.StatusCode.DATA_LOSS: errors.Internal,
}


def code_of(error: errors.TuttiError) -> grpc.StatusCode:
    return next(code for kind, code in _CODES if isinstance(error, kind))


def error_for(
    code: int, message: str, *, reason: str = "", field: str = "", details: dict[str, str] | None = None
) -> errors.TuttiError:
    """The error that a numeric status code stands for."""
    status = next((s for s in grpc.StatusCode if s.value[0] == code), grpc.StatusCode.UNKNOWN)
    kind = _ERRORS.get(status, errors.Internal)
    if kind is errors.Superseded and reason == errors.TooSlow.default_reason:
        kind = errors.TooSlow
    return kind(message, reason=reason, field=field, details=details)


def from_grpc(error: grpc.aio.AioRpcError) -> errors.TuttiError:
    """Translate what a stub raised, details included."""
    reason, field, details = "", "", {}
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        status = status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode("latin-1"))
        for detail in status.details:
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                reason, details = info.reason, dict(info.metadata)
            elif detail.Unpack(bad) and bad.field_violations:
                field = bad.field_violations[0].field
    if error.code() is grpc.StatusCode.CANCELLED and not reason:
        # No service said so (each names a reason), nor did this process (it would see asyncio's CancelledError): a
        # server that leaves has cut off what outlasted its grace.
        return errors.Unavailable("the server cut the call off; try again", reason="CUT_OFF")
    code: int = error.code().value[0]
    return error_for(code, error.details() or error.code().name, reason=reason, field=field, details=details)


@contextlib.contextmanager
def translated() -> Any:
    """Raise our errors where grpc would raise its own."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise from_grpc(error) from error


async def answer_after_what_follows() -> None:
    """Let what a call has set off go out before its answer does: somebody waits for the one, and nobody for the other.

    Two turns of the loop: a task that was started begins in the first, and what it sends goes out in the second."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: errors.TuttiError) -> NoReturn:
    """End a call with the status that stands for an error, with ErrorInfo and, for a bad field, BadRequest."""
    code, message = code_of(error), _cut(error.message)
    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=ERROR_DOMAIN, metadata=error.details)
    status.details.append(_pack(info))
    if error.field:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=error.field, description=message, reason=error.reason)
        status.details.append(_pack(bad))
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(code, message)
    raise AssertionError("abort returned")


def _cut(message: str) -> str:
    # Statuses travel in headers, three times over and percent-encoded, and headers are bounded at 16 KiB: of a longer
    # message nothing would arrive, not even the code.
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}..."


def _pack(message: Any) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def target(addresses: Sequence[str]) -> str:
    """A gRPC target for one or more host:port addresses of the same service."""
    if not addresses:
        raise errors.InvalidInput("no address given; set it to host:port, several separated by commas")
    hosts = [address.rpartition(":")[0].strip("[]") for address in addresses]
    if len(addresses) == 1 and not _is_ip(hosts[0]):
        return f"dns:///{addresses[0]}"
    if not all(_is_ip(host) for host in hosts):
        raise errors.InvalidInput(
            f"several addresses must all be IP addresses, not {', '.join(addresses)}; "
            "or give one name that resolves to all of them"
        )
    scheme = "ipv6" if ":" in hosts[0] else "ipv4"
    return f"{scheme}:{','.join(addresses)}"


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def channel(addresses: Sequence[str], *, service: str = "") -> grpc.aio.Channel:
    """Open a channel. With `service`, calls go only to servers whose health check says SERVING for it: that is how
    clients find the scheduler's leader and leave a draining replica alone."""
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if service:
        config["healthCheckConfig"] = {"serviceName": service}
    options = [*_COMMON_OPTIONS, *QUICK_RECONNECT, OWN_CONNECTIONS, ("grpc.service_config", json.dumps(config))]
    return grpc.aio.insecure_channel(target(addresses), options=options)


def metadata(*, owner: str = "") -> tuple[tuple[str, str], ...]:
    """What every outgoing call carries: the journey of the current context and, where given, the owner."""
    current = trace_context.current()
    pairs = [(REQUEST_ID_KEY, current.request_id), (TRACEPARENT_KEY, current.traceparent), (OWNER_KEY, owner)]
    return tuple((key, value) for key, value in pairs if value)


class Server:
    """A gRPC server with health, reflection, error translation and the caller's journey in the logging context."""

    def __init__(self, *, services: Sequence[str]) -> None:
        self._grpc = grpc.aio.server(options=_SERVER_OPTIONS)
        self._health = HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        self._services = tuple(services)
        #: Streams of requests that are being answered: they would stay for as long as their callers do.
        self._lanes: set[asyncio.Task[Any]] = set()
        names = (*services, HEALTH, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._grpc)

    @property
    def grpc(self) -> Any:
        """What generated code adds a service to."""
        return _Registry(self._grpc, self._lanes)

    def bind(self, address: str) -> str:
        """Take host:port (port 0: any free one); returns the address in use. Nothing is answered before `start`."""
        try:
            port = self._grpc.add_insecure_port(address)
        except RuntimeError as error:
            raise errors.Unavailable(f"cannot listen on {address}; is the port taken?") from error
        return f"{address.rpartition(':')[0]}:{port}"

    async def start(self) -> None:
        """Answer calls. The process is healthy from here on, its services only once `serving` says so."""
        await self._grpc.start()
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)
        await self.serving(False)

    async def serving(self, ready: bool) -> None:
        state = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in self._services:
            await self._health.set(service, state)

    async def stop(self, grace_seconds: float) -> None:
        """Tell clients to go elsewhere, let calls in flight end within the grace, then close."""
        await self._health.enter_graceful_shutdown()
        for lane in self._lanes:
            lane.cancel()
        await self._grpc.stop(grace_seconds)


class _Registry:
    """Puts the outermost frame around each method as it is added, so that no traceback passes it. An interceptor would
    be put around each call anew."""

    def __init__(self, server: grpc.aio.Server, lanes: "set[asyncio.Task[Any]]") -> None:
        self._server = server
        self._lanes = lanes

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Generated code says everything twice; the other form is all that is needed."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        framed = {name: _framed(handler, f"/{service}/{name}", self._lanes) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, framed),))


def _framed(handler: Any, method: str, lanes: "set[asyncio.Task[Any]]") -> "grpc.RpcMethodHandler[Any, Any]":
    if handler.request_streaming:
        return grpc.stream_stream_rpc_method_handler(
            _lane(_streaming(handler.stream_stream, method), lanes),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(
            _streaming(handler.unary_stream, method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )
    return grpc.unary_unary_rpc_method_handler(
        _unary(handler.unary_unary, method),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


def _unary(behaviour: Callable[[Any, Any], Awaitable[Any]], method: str) -> Callable[[Any, Any], Awaitable[Any]]:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        with _journey(context), tracing.span(method):
            try:
                return await behaviour(request, context)
            except Exception as error:  # noqa: BLE001  the boundary of every call
                await _abort_with(context, error, method)

    return call


def _streaming(
    behaviour: Callable[[Any, Any], AsyncIterator[Any]], method: str
) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        with _journey(context):
            try:
                async for response in behaviour(request, context):
                    yield response
            except Exception as error:  # noqa: BLE001  the boundary of every call
                await _abort_with(context, error, method)

    return call


def _lane(
    behaviour: Callable[[Any, Any], AsyncIterator[Any]], lanes: "set[asyncio.Task[Any]]"
) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def call(requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  gRPC runs each call in one
        lanes.add(task)
        try:
            async for response in behaviour(requests, context):
                yield response
        finally:
            lanes.discard(task)

    return call


async def _abort_with(context: grpc.aio.ServicerContext[Any, Any], error: Exception, method: str) -> NoReturn:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, errors.TuttiError):
        await abort(context, error)
    log.exception("call failed", extra={"method": method})
    request_id = trace_context.current().request_id
    await abort(context, errors.Internal(f"an unexpected error was logged; report request id {request_id}"))


@contextlib.contextmanager
def _journey(context: grpc.aio.ServicerContext[Any, Any]) -> Any:
    given = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    with trace_context.entered(given.get(REQUEST_ID_KEY, ""), given.get(TRACEPARENT_KEY, "")):
        yield


def owner_of(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """Whose call this is."""
    for key, value in context.invocation_metadata() or ():
        if key == OWNER_KEY:
            return str(value)
    return "local"

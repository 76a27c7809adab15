"""Traces: OpenTelemetry spans under the journey's own W3C context, exported only where a collector is configured.

Without one, `span` costs a function call: the hot path pays nothing for traces that nobody records.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from opentelemetry import propagate, trace

from tutti.telemetry import context

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_provider: "TracerProvider | None" = None


def start(*, service: str, instance: str, endpoint: str) -> None:
    global _provider
    if not endpoint:
        return
    # A quarter of the time that a process takes to start, for what most have no use for.
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": f"tutti-{service}", "service.instance.id": instance})
    _provider = TracerProvider(resource=resource)
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
    trace.set_tracer_provider(_provider)


def stop() -> None:
    """Send what is still waiting."""
    if _provider is not None:
        _provider.shutdown()


def enabled() -> bool:
    return _provider is not None


def record(
    name: str,
    traceparent: str,
    *,
    start_ms: int,
    end_ms: int,
    attributes: Mapping[str, str | int | float] | None = None,
) -> None:
    """Record something that has already happened, such as a wait in a queue."""
    if _provider is None:
        return
    parent = propagate.extract({"traceparent": traceparent})
    past = _provider.get_tracer("tutti").start_span(
        name, context=parent, start_time=start_ms * 1_000_000, attributes=attributes
    )
    past.end(end_ms * 1_000_000)


def span(
    name: str, traceparent: str = "", attributes: Mapping[str, str | int | float] | None = None
) -> contextlib.AbstractContextManager[str]:
    """Record the block as a child of `traceparent` (default: the current journey's); what it calls, and logs, hangs
    below it. Yields the traceparent of its own."""
    parent = traceparent or context.current().traceparent
    return contextlib.nullcontext(parent) if _provider is None else _recorded(_provider, name, parent, attributes)


@contextlib.contextmanager
def _recorded(
    provider: "TracerProvider", name: str, parent: str, attributes: Mapping[str, str | int | float] | None
) -> Iterator[str]:
    remote = propagate.extract({"traceparent": parent})
    with provider.get_tracer("tutti").start_as_current_span(name, context=remote, attributes=attributes):
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        own = carrier.get("traceparent", parent)
        with context.under(own):
            yield own

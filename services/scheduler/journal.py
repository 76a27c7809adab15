"""What is said of an order's way, in the log and in its trace."""

import logging

from services.scheduler import metrics
from services.scheduler.leases import Held
from services.scheduler.turns import Waiting
from tutti import clock
from tutti.telemetry import context as trace_context
from tutti.telemetry import tracing
from tutti.v1 import task_pb2

log = logging.getLogger(__name__)


def placed(held: Held, waiting: Waiting) -> None:
    order, now_ms = waiting.order, clock.now_ms()
    metrics.PLACED.inc()
    metrics.WAIT_SECONDS.observe((now_ms - waiting.queued_ms) / 1000)
    if log.isEnabledFor(logging.DEBUG):
        log.debug("placed", extra={"lease": held.lease_id, "worker": held.worker_id, **_named(order)})
    if tracing.enabled():
        tracing.record(
            "scheduler.wait",
            order.traceparent,
            start_ms=waiting.queued_ms,
            end_ms=now_ms,
            attributes={"tutti.job_id": order.job_id, "tutti.task": order.task, "tutti.worker": held.worker_id},
        )


def lost(held: Held, why: str) -> None:
    metrics.LOST.inc()
    if held.order is not None:
        log.info("an attempt is lost", extra={"lease": held.lease_id, "why": why, **_named(held.order)})


def _named(order: task_pb2.TaskOrder) -> dict[str, str]:
    return trace_context.named(
        request_id=order.request_id, traceparent=order.traceparent, job_id=order.job_id, task=order.task
    )

"""What is said of jobs outside their own logs: counters, lines in the service's log, traces."""

import logging

from services.orchestrator import attempts, metrics
from services.orchestrator.job_record import JobRecord
from tutti.telemetry import context as trace_context
from tutti.telemetry import tracing
from tutti.v1 import job_pb2

log = logging.getLogger(__name__)


def ended(record: JobRecord) -> None:
    """Count, trace and log a job that came to rest. Only what went wrong is worth a line at INFO: the path is hot."""
    state, seconds = job_pb2.JobState.Name(record.state).removeprefix("JOB_STATE_"), record.end_ms - record.create_ms
    metrics.jobs_ended(state).inc()
    metrics.JOB_SECONDS.observe(seconds / 1000)
    level = logging.INFO if record.state == job_pb2.JOB_STATE_FAILED else logging.DEBUG
    if record.state == job_pb2.JOB_STATE_FAILED:
        metrics.DEAD_LETTERS.labels(reason=attempts.reason_of_death(record)).inc()
    if log.isEnabledFor(level):
        reason = record.failure.reason if record.failure is not None else ""
        log.log(level, "job ended", extra={"state": state, "reason": reason, "ms": seconds, **named(record)})
    if tracing.enabled():
        tracing.record(
            "orchestrator.job",
            record.traceparent,
            start_ms=record.create_ms,
            end_ms=record.end_ms,
            attributes={"tutti.job_id": record.job_id, "tutti.state": state},
        )


def named(record: JobRecord) -> dict[str, str]:
    return trace_context.named(request_id=record.request_id, traceparent=record.traceparent, job_id=record.job_id)

"""Calls that come too late: of another term, or of a process that another one has replaced. Counted, and refused."""

from services.scheduler import metrics
from tutti import errors


def term(mine: str, given: str) -> errors.PreconditionFailed:
    return _refusal(
        "STALE_EPOCH", f"this leader's term is {mine}, not {given[:64] or 'unknown'}; watch or register again"
    )


def incarnation(worker_id: str) -> errors.PreconditionFailed:
    return _refusal(
        "STALE_INCARNATION",
        f"another process is registered as {worker_id[:64]!r}; stop this one, or give it a name of its own",
    )


def _refusal(reason: str, message: str) -> errors.PreconditionFailed:
    metrics.STALE_CALLS.labels(reason=reason).inc()
    return errors.PreconditionFailed(message, reason=reason)

"""Every error that Tutti raises on purpose, split by what the caller should do next.

    TuttiError
    ├── InvalidInput         change the request: `field` says where, the message says how
    ├── NotFound             no such thing, or not yours
    ├── Conflict             the same key or name already stands for something else
    ├── PreconditionFailed   not in this state; look at the thing again before retrying
    │   └── StaleLease       somebody newer owns this; stop
    ├── QuotaExceeded        wait, or ask for a higher limit
    ├── Unauthenticated      send a credential
    ├── PermissionDenied     the credential does not allow this
    ├── NotImplementedYet    declared, not built
    ├── Cancelled            the work was stopped because somebody asked
    ├── Unavailable          try again after a pause
    │   ├── Superseded       another stream of yours took over; use that one
    │   └── TooSlow          what was streamed was not read in time; look at the whole, then watch again
    ├── DeadlineExceeded     it took too long; the work may or may not have been done
    └── Internal             our fault; the request id finds it in the logs

Foreign errors (redis, grpc, botocore, tritonclient) become these in the adapters and nowhere else. `rpc.status` turns
them into gRPC statuses and back, `services.gateway.problems` into HTTP.
"""

from collections.abc import Mapping


class TuttiError(Exception):
    """Root of every error raised on purpose. `reason` is stable and machine-readable, the message is for people."""

    default_reason = "UNKNOWN"

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        reason: str = "",
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.reason = reason or self.default_reason
        self.details = dict(details or {})


class InvalidInput(TuttiError):
    """The request can never succeed as it is."""

    default_reason = "INVALID_INPUT"


class NotFound(TuttiError):
    """No such thing, or not one that this caller may know of."""

    default_reason = "NOT_FOUND"


class Conflict(TuttiError):
    """The key is taken by something different."""

    default_reason = "CONFLICT"


class PreconditionFailed(TuttiError):
    """The thing exists but is not in a state that allows this."""

    default_reason = "PRECONDITION_FAILED"


class StaleLease(PreconditionFailed):
    """A newer owner exists; whatever this one was doing no longer counts."""

    default_reason = "STALE_LEASE"


class QuotaExceeded(TuttiError):
    """A limit was reached; the details name it."""

    default_reason = "QUOTA_EXCEEDED"


class Unauthenticated(TuttiError):
    """No credential, or one that does not verify."""

    default_reason = "UNAUTHENTICATED"


class PermissionDenied(TuttiError):
    """The caller is known and may not do this."""

    default_reason = "PERMISSION_DENIED"


class NotImplementedYet(TuttiError):
    """The contract declares it, this release does not do it."""

    default_reason = "NOT_IMPLEMENTED"


class Cancelled(TuttiError):
    """Stopped on request."""

    default_reason = "CANCELLED"


class Unavailable(TuttiError):
    """A part is not there right now; retry with backoff."""

    default_reason = "UNAVAILABLE"


class Superseded(Unavailable):
    """A later call of the same caller took this one's place."""

    default_reason = "SUPERSEDED"


class TooSlow(Unavailable):
    """The reader of a stream that waits for nobody fell behind."""

    default_reason = "TOO_SLOW"


class DeadlineExceeded(TuttiError):
    """Gave up waiting; the outcome is unknown."""

    default_reason = "DEADLINE_EXCEEDED"


class Internal(TuttiError):
    """A defect here, not in the request."""

    default_reason = "INTERNAL"

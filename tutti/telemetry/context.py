"""The journey that a piece of work belongs to: request id and W3C trace context, carried by a context variable.

Every log line takes its request_id, job_id, task and trace_id from here. The trace context is made here even when no
exporter is configured, so that one id finds a job in the logs of every process.
"""

import contextlib
import random
import re
from collections.abc import Iterator
from contextvars import ContextVar
from typing import NamedTuple

_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
#: Ids come from outside and end up in logs and headers: visible ASCII without quotes, and not long.
_REQUEST_ID = re.compile(r"^[!#-&(-~]{1,128}$")


class Journey(NamedTuple):
    request_id: str = ""
    traceparent: str = ""
    job_id: str = ""
    task: str = ""

    @property
    def trace_id(self) -> str:
        return self.traceparent[3:35]


_current: ContextVar[Journey] = ContextVar("journey", default=Journey())  # noqa: B039  frozen


def current() -> Journey:
    return _current.get()


# Ids need to be unique, not secret; the system's generator would cost a system call for each.
def new_request_id() -> str:
    return f"{random.getrandbits(96):024x}"


def new_traceparent() -> str:
    # Flags 01: sampled, so that a collector anywhere on the way records the whole journey.
    return f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-01"


def accepted_request_id(given: str) -> str:
    """The caller's id if it is fit for headers and logs, else a new one."""
    return given if _REQUEST_ID.match(given) else new_request_id()


def accepted_traceparent(given: str) -> str:
    return given if _TRACEPARENT.match(given) else new_traceparent()


def named(*, request_id: str, traceparent: str, job_id: str, task: str = "") -> dict[str, str]:
    """What a log line about a job carries, as its `extra`, where the line is written outside of the job's journey."""
    return {"request_id": request_id, "trace_id": traceparent[3:35], "job_id": job_id, "task": task}


def enter(request_id: str, traceparent: str, *, job_id: str = "", task: str = "") -> None:
    """Begin a journey that ends with the asyncio task that calls this."""
    _current.set(_journey(request_id, traceparent, job_id, task))


def _journey(request_id: str, traceparent: str, job_id: str, task: str) -> Journey:
    return Journey(accepted_request_id(request_id), accepted_traceparent(traceparent), job_id, task)


@contextlib.contextmanager
def entered(request_id: str, traceparent: str, *, job_id: str = "", task: str = "") -> Iterator[Journey]:
    """Run the block under a journey; what was not given, or is malformed, is made."""
    journey = _journey(request_id, traceparent, job_id, task)
    token = _current.set(journey)
    try:
        yield journey
    finally:
        # An async generator may be closed from another task's context, where the token does not fit.
        with contextlib.suppress(ValueError):
            _current.reset(token)


@contextlib.contextmanager
def under(traceparent: str) -> Iterator[None]:
    """Run the block with another parent in the same trace: what it calls hangs below that."""
    token = _current.set(_current.get()._replace(traceparent=traceparent))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            _current.reset(token)

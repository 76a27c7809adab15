"""The public way to teach a worker a new kind of task.

A handler is an async function `(context, input) -> result`, wrapped in a `Handler` that names its kind and says what it
needs. A package offers its handlers through the entry point group `tutti.handlers`, each entry naming a callable that
returns them:

    [project.entry-points."tutti.handlers"]
    mypackage = "mypackage.handlers:handlers"

    async def shout(context: Context, input: Mapping[str, Any]) -> Mapping[str, Any]:
        await context.progress(0.5, "warming up")
        return {"text": str(input["text"]).upper()}

    def handlers() -> list[Handler]:
        return [Handler(kind="mypackage.shout", run=shout, input_schema={"required": ["text"]})]

Every worker started in that environment then serves `mypackage.shout`, and jobs `{"kind": "mypackage.shout", …}` are
accepted everywhere as soon as the first such worker has registered.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from tutti.artifacts import Artifact

JsonObject = Mapping[str, Any]


class TaskFailure(Exception):
    """Raised by a handler to fail its attempt with a reason; any other exception is a retryable HANDLER_ERROR."""

    def __init__(self, message: str, *, reason: str = "HANDLER_ERROR", retryable: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.retryable = retryable


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedPoint:
    """A checkpoint of an earlier attempt: where this one may go on."""

    note: JsonObject
    artifacts: tuple[Artifact, ...] = ()


class Context(Protocol):
    """What a running handler may ask of its worker. Calls never block on the network for long: updates are gathered."""

    @property
    def job_id(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def owner(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def traceparent(self) -> str: ...
    @property
    def workdir(self) -> Path:
        """A directory of this attempt's own, created on first use and removed when the attempt ends."""
        ...

    @property
    def resume_from(self) -> SavedPoint | None:
        """The last checkpoint of an earlier attempt, if one was recorded."""
        ...

    @property
    def cancelled(self) -> asyncio.Event:
        """Set when the attempt should stop. The handler is also cancelled as a coroutine after a short grace."""
        ...

    async def progress(self, fraction: float, message: str = "") -> None:
        """Say how far the attempt is, 0 to 1. At most ten a second are recorded; the last one always is."""
        ...

    async def log(self, message: str, *, level: str = "INFO") -> None:
        """Add a line to the job's event log. Of a flood of lines, some are left out and counted."""
        ...

    async def checkpoint(self, note: JsonObject, artifacts: tuple[Artifact, ...] = ()) -> None:
        """Record a point from which a later attempt may go on."""
        ...

    async def artifact(self, name: str, source: Path | bytes, *, type: str) -> Artifact:
        """Store a file under this attempt and announce it to everyone who watches."""
        ...

    async def read(self, artifact: Artifact, into: Path) -> None:
        """Copy an artifact of an earlier task of the same job into a local file. What is read is what was described: a
        file with another SHA-256 is refused."""
        ...


Run = Callable[[Context, JsonObject], Awaitable[JsonObject | None]]


@dataclass(frozen=True, kw_only=True)
class Handler:
    kind: str
    run: Run
    #: JSON Schema of the input; jobs that do not fit are refused at the door. None accepts any object.
    input_schema: JsonObject | None = None
    #: Models that must be ready in Triton before this worker takes tasks of this kind.
    models: tuple[str, ...] = ()
    #: Tells whether one of `models` is ready at the moment, within a second or so. None: they always are.
    ready: Callable[[str], Awaitable[bool]] | None = None
    #: Lets go of what the handler holds, such as connections; awaited once, when the worker stops.
    close: Callable[[], Awaitable[None]] | None = None
    #: How many attempts of this kind one worker runs at a time; None means as many as it has slots.
    concurrency: int | None = None
    #: Say this where equal inputs give equal results: then a task that has been done, or is being done for somebody, is
    #: not done again. Change it whenever results change. Empty: every task is done.
    cache_version: str = ""
    #: Values that the input must hold for that, such as ("options.seed",); where one is missing, the task is done.
    cache_needs: tuple[str, ...] = ()
    #: How long one attempt may take unless the job says otherwise.
    timeout: timedelta = field(default=timedelta(minutes=30))

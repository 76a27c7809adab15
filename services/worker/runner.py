"""Runs attempts: takes leases, runs their handlers, and says how they ended. Claim, run and settle are kept apart.

What is said lies in the outbox until the scheduler acknowledges it, so an attempt that ended while no leader listened
is heard by the next one. A lease that is known here is never run twice.
"""

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.worker import metrics
from services.worker.context import AttemptContext, check_size
from services.worker.inputs import Inputs
from services.worker.lines import LineLimit
from tutti import clock, errors, structs
from tutti.artifacts import ArtifactStore
from tutti.handlers import Handler, TaskFailure
from tutti.telemetry import context as trace_context
from tutti.telemetry import tracing
from tutti.updates import Outbox
from tutti.v1 import task_pb2

log = logging.getLogger(__name__)

#: After it was told to stop, a handler that looks at `context.cancelled` has so long, in seconds, before its coroutine
#: is cancelled.
STOP_GRACE_SECONDS = 0.2
#: Whatever an order says, an attempt ends; event loops cannot count to the largest duration that there is.
LONGEST_SECONDS = 366 * 24 * 3600.0
#: An attempt that took so long is worth a line in the log.
SLOW_SECONDS = 1.0


@dataclass(slots=True)
class Attempt:
    """A lease in this worker's hands."""

    lease: task_pb2.Lease
    context: AttemptContext
    task: "asyncio.Task[None] | None" = None
    #: Somebody asked for it to be stopped.
    stopping: bool = False

    def ref(self) -> task_pb2.AttemptRef:
        order = self.lease.order
        return task_pb2.AttemptRef(
            job_id=order.job_id,
            task=order.task,
            attempt=order.attempt,
            lease_id=self.lease.lease_id,
            kind=order.kind,
            job_epoch=order.job_epoch,
        )


class Runner:
    def __init__(
        self,
        handlers: Mapping[str, Handler],
        *,
        worker_id: str,
        incarnation: str,
        slots: int,
        artifacts: ArtifactStore,
        work_dir: Path,
        lines: LineLimit | None = None,
    ) -> None:
        self.handlers = handlers
        self._inputs = Inputs(handlers)
        self._worker_id = worker_id
        self.slots = slots
        self.outbox = Outbox(incarnation)
        self._artifacts = artifacts
        self._work_dir = work_dir / incarnation
        self._lines = lines or LineLimit()
        self._attempts: dict[str, Attempt] = {}
        self._ended: dict[str, task_pb2.Update] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        metrics.SLOTS.set(slots)
        metrics.RUNNING.set_function(lambda: len(self._attempts))

    def running(self) -> list[task_pb2.AttemptRef]:
        return [attempt.ref() for attempt in self._attempts.values()]

    @property
    def free_slots(self) -> int:
        return max(0, self.slots - len(self._attempts))

    def execute(self, leases: Iterable[task_pb2.Lease]) -> None:
        """Begin to run leases; for those that are known already, say again where they stand."""
        for lease in leases:
            attempt, ended = self._attempts.get(lease.lease_id), self._ended.get(lease.lease_id)
            if ended is not None:
                self.outbox.put(ended)
            elif attempt is not None:
                self._say(self._started(attempt))
            else:
                self._begin(lease)

    def stop(self, refs: Iterable[task_pb2.AttemptRef]) -> None:
        for ref in refs:
            attempt, ended = self._attempts.get(ref.lease_id), self._ended.get(ref.lease_id)
            if attempt is not None:
                self._stop(attempt)
            elif ended is not None:
                self.outbox.put(ended)
            else:
                self.outbox.put(_unknown(ref))

    def acknowledge(self, number: int) -> None:
        """The scheduler has passed on everything up to this number."""
        for update in self.outbox.acknowledge(number):
            if update.WhichOneof("what") in ("succeeded", "failed", "cancelled"):
                self._ended.pop(update.lease_id, None)

    async def drain(self, grace_seconds: float) -> None:
        """Let what runs finish within the grace; stop the rest so that it is tried again elsewhere."""
        try:
            async with asyncio.timeout(grace_seconds):
                await self._idle.wait()
        except TimeoutError:
            log.warning("stopping attempts that outlast the grace", extra={"attempts": len(self._attempts)})
        left = list(self._attempts.values())
        for attempt in left:
            if attempt.task is not None:
                attempt.task.cancel()
        await asyncio.gather(*(attempt.task for attempt in left if attempt.task), return_exceptions=True)
        shutil.rmtree(self._work_dir, ignore_errors=True)

    async def said(self, within_seconds: float) -> None:
        """Wait until everything that was said has been acknowledged."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                await self.outbox.all_acknowledged()

    def _begin(self, lease: task_pb2.Lease) -> None:
        order = lease.order
        context = AttemptContext(
            lease, say=self._say, artifacts=self._artifacts, work_dir=self._work_dir, lines=self._lines
        )
        attempt = Attempt(lease=lease, context=context)
        self._attempts[lease.lease_id] = attempt
        self._idle.clear()
        attempt.task = asyncio.create_task(self._run(attempt), name=f"{order.job_id}/{order.task}/{order.attempt}")

    def _say(self, update: task_pb2.Update) -> None:
        # Once the attempt has settled nothing more is said in its name, whatever its handler left running.
        if update.lease_id in self._attempts:
            self.outbox.put(update)

    async def _run(self, attempt: Attempt) -> None:
        order = attempt.lease.order
        self._say(self._started(attempt))
        began = time.monotonic()
        trace_context.enter(order.request_id, order.traceparent, job_id=order.job_id, task=order.task)
        how = await self._outcome(attempt)
        self._settle(attempt, how, time.monotonic() - began)

    def _started(self, attempt: Attempt) -> task_pb2.Update:
        return attempt.context.update(started=task_pb2.Update.Started(worker_id=self._worker_id))

    async def _outcome(self, attempt: Attempt) -> dict[str, Any]:
        """Run the handler; returns the terminal update that says how it ended."""
        order = attempt.lease.order
        handler = self.handlers.get(order.kind)
        if len(self._attempts) > 2 * self.slots:
            # A leader counts slots; one that has lost count must not drown the worker.
            return {"failed": task_pb2.Failure(reason="NO_ROOM", message="no slot is free", retryable=True)}
        if handler is None:
            message = f"this worker serves no {order.kind!r}"
            return {"failed": task_pb2.Failure(reason="UNKNOWN_KIND", message=message, retryable=True)}
        limit = order.timeout.seconds + order.timeout.nanos / 1e9 if order.HasField("timeout") else None
        limit = handler.timeout.total_seconds() if limit is None else min(limit, LONGEST_SECONDS)
        deadline = asyncio.timeout(limit)
        try:
            with tracing.span(order.kind, attributes={"tutti.job_id": order.job_id, "tutti.task": order.task}):
                input = structs.to_dict(order.input)
                self._inputs.check(order.kind, input)
                async with deadline:
                    returned = await handler.run(attempt.context, input)
            result = structs.from_dict(returned or {})
            check_size(result, "result")
        except asyncio.CancelledError:
            return self._stopped(attempt)
        except Exception as error:  # noqa: BLE001  the boundary of a task: whatever a handler raises fails its attempt
            if attempt.stopping:
                return self._stopped(attempt)
            return {"failed": _out_of_time(limit) if deadline.expired() else failure_of(error)}
        return {"succeeded": task_pb2.Update.Succeeded(result=result, cache_version=handler.cache_version)}

    def _stopped(self, attempt: Attempt) -> dict[str, Any]:
        if attempt.stopping:
            return {"cancelled": task_pb2.Update.Cancelled()}
        # Nobody asked: the worker itself is leaving.
        message = "the worker shut down before the attempt ended"
        return {"failed": task_pb2.Failure(reason="WORKER_LEFT", message=message, retryable=True)}

    def _settle(self, attempt: Attempt, how: dict[str, Any], seconds: float) -> None:
        order = attempt.lease.order
        attempt.context.finish()
        update = attempt.context.update(**how)
        self._ended[attempt.lease.lease_id] = update
        self._say(update)
        del self._attempts[attempt.lease.lease_id]
        if not self._attempts:
            self._idle.set()
        if attempt.context.made_workdir is not None:
            shutil.rmtree(attempt.context.made_workdir, ignore_errors=True)
        outcome = next(iter(how))
        # Attempts that are quick and succeed would drown the log; those that a person asks about are in it.
        level = logging.DEBUG if outcome == "succeeded" and seconds < SLOW_SECONDS else logging.INFO
        if log.isEnabledFor(level):
            reason = how[outcome].reason if outcome == "failed" else ""
            details = {"kind": order.kind, "attempt": order.attempt, "outcome": outcome, "reason": reason}
            log.log(level, "attempt ended", extra={**details, "seconds": round(seconds, 3)})
        metrics.ended(order.kind, outcome, seconds)

    def _stop(self, attempt: Attempt) -> None:
        if attempt.stopping:
            return
        attempt.stopping = True
        attempt.context.cancelled.set()
        task = attempt.task
        if task is not None:
            asyncio.get_running_loop().call_later(STOP_GRACE_SECONDS, task.cancel)


def _out_of_time(limit_seconds: float) -> task_pb2.Failure:
    message = f"the attempt took longer than {limit_seconds:g} s"
    return task_pb2.Failure(reason="TIMEOUT", message=message, retryable=True)


def failure_of(error: Exception) -> task_pb2.Failure:
    """What a handler raised, as data on the job. Messages are for the caller; the traceback stays in the log."""
    match error:
        case TaskFailure():
            return task_pb2.Failure(reason=error.reason, message=error.message, retryable=error.retryable)
        case errors.InvalidInput() | errors.NotFound() | errors.PermissionDenied():
            return task_pb2.Failure(reason=error.reason, message=error.message, retryable=False)
        case errors.TuttiError():
            return task_pb2.Failure(reason=error.reason, message=error.message, retryable=True)
        case _:
            log.exception("a handler raised", exc_info=error)
            message = f"{type(error).__name__}: {error}"
            return task_pb2.Failure(reason="HANDLER_ERROR", message=message, retryable=True)


def _unknown(ref: task_pb2.AttemptRef) -> task_pb2.Update:
    lost = task_pb2.Update.Lost(message="the worker does not know this lease")
    return task_pb2.Update(
        job_id=ref.job_id, task=ref.task, attempt=ref.attempt, lease_id=ref.lease_id, time=clock.now(), lost=lost
    )

"""Server-sent events: one job's stream to one client, at the client's own pace.

    event: hello       first, always, without an id: the job as it stands, as GET /jobs/{jobId} shows it
    event: status …    every event after the client's cursor (from the first one, where it sent none), then live ones
    event: end         last, without an id, once the job has come to rest: its final status

Only a job's own events carry an id, so that a cursor is always the last event that the client has seen. A browser that
lost its stream after `hello` alone comes back without a cursor and is told everything; one that has seen everything of
a finished job is answered 204, which ends its attempts. A stream that ends without `end` is to be resumed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.gateway import metrics
from services.gateway.events import frame, frames
from services.gateway.jobs import job_status, job_view
from services.gateway.racing import first_of
from tutti import errors
from tutti.v1 import job_pb2

log = logging.getLogger(__name__)

#: Milliseconds after which a browser tries again. A gateway that shuts down has stopped listening by then.
RETRY_MILLISECONDS = 1000

#: Proxies that gather output would hold events back.
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class JobStream(StreamingResponse):
    """The answer to one watcher. Starlette's own streaming would learn that the client has gone only when it has
    something to send."""

    def __init__(
        self,
        job: job_pb2.Job,
        batches: AsyncGenerator[Sequence[job_pb2.Event], None],
        *,
        heartbeat_seconds: float,
        closing: asyncio.Event,
    ) -> None:
        super().__init__((), media_type="text/event-stream", headers=_HEADERS)
        self._job = job
        self._batches = batches
        self._heartbeat_seconds = heartbeat_seconds
        self._closing = closing
        self._status = job_status(job.state)
        self._last_event_id = job.last_event_id
        self._written = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        job_id = self._job.job_id
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with metrics.OPEN_STREAMS.track_inprogress():
            # Leaving cancels the pump, and with it the call upstream: at once when the client hangs up, not when the
            # next event finds nobody there.
            await first_of(
                **{
                    f"events {job_id}": self._pump(send),
                    f"heartbeat {job_id}": self._beat(send),
                    f"hang-up {job_id}": disconnected(receive),
                    f"closing {job_id}": _set(self._closing),
                }
            )
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        hello = frame("hello", job_view(self._job))
        await self._write(send, b"retry: %d\n%b" % (RETRY_MILLISECONDS, hello))
        try:
            async with aclosing(self._batches) as batches:
                async for events in batches:
                    # Returns only when the client has taken what came before: a slow one is not read ahead for.
                    await self._write(send, frames(events))
                    metrics.EVENTS_SENT.inc(len(events))
                    self._note(events)
        except errors.TuttiError as error:
            # The status line is long gone. Ending without `end` makes the client come back and be told properly.
            log.warning("event stream broke", extra={"reason": error.reason, "error": error.message})
            return
        await self._write(send, frame("end", self._farewell()))

    async def _beat(self, send: Send) -> None:
        """A comment now and then, so that proxies do not take a quiet stream for a dead one."""
        while True:
            written = self._written
            await asyncio.sleep(self._heartbeat_seconds)
            if written == self._written:
                await self._write(send, b": still here\n\n")

    async def _write(self, send: Send, body: bytes) -> None:
        self._written += 1
        await send({"type": "http.response.body", "body": body, "more_body": True})

    def _note(self, events: Sequence[job_pb2.Event]) -> None:
        self._last_event_id = events[-1].event_id
        for event in events:
            if event.WhichOneof("what") == "job_moved":
                self._status = job_status(event.job_moved.state)

    def _farewell(self) -> dict[str, str]:
        return {"jobId": self._job.job_id, "status": self._status, "lastEventId": self._last_event_id}


async def disconnected(receive: Receive) -> None:
    """Return when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _set(event: asyncio.Event) -> None:
    await event.wait()

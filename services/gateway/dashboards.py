"""Server-sent events about all jobs of an owner, live and from now on only.

    event: hello       first, always: whatever is recorded from here on follows
    event: status …    as on a job's own stream, but without ids: nothing can be resumed

The stream ends when the client falls behind or the upstream one breaks. To come back: list the jobs and watch again,
the other way round where nothing may be missed.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.gateway import metrics
from services.gateway.events import event_view, frame
from services.gateway.racing import first_of
from services.gateway.streams import HEADERS, RETRY_MILLISECONDS, disconnected, write
from tutti import errors
from tutti.v1 import job_pb2

log = logging.getLogger(__name__)


class DashboardStream(StreamingResponse):
    def __init__(
        self,
        batches: AsyncGenerator[Sequence[job_pb2.Event], None],
        *,
        heartbeat_seconds: float,
        closing: asyncio.Event,
    ) -> None:
        super().__init__((), media_type="text/event-stream", headers=HEADERS)
        self._batches = batches
        self._heartbeat_seconds = heartbeat_seconds
        self._closing = closing
        self._written = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with metrics.OPEN_STREAMS.track_inprogress():
            await first_of(
                **{
                    "dashboard events": self._pump(send),
                    "dashboard heartbeat": self._beat(send),
                    "dashboard hang-up": disconnected(receive),
                    "dashboard closing": self._closed(),
                }
            )
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        try:
            async with aclosing(self._batches) as batches:
                async for events in batches:
                    await self._write(send, _frames(events))
                    metrics.EVENTS_SENT.inc(len(events))
        except errors.TuttiError as error:
            log.info("dashboard stream broke", extra={"reason": error.reason, "error": error.message})

    async def _beat(self, send: Send) -> None:
        while True:
            written = self._written
            await asyncio.sleep(self._heartbeat_seconds)
            if written == self._written:
                await self._write(send, b": still here\n\n")

    async def _write(self, send: Send, body: bytes) -> None:
        self._written += 1
        await write(send, body)

    async def _closed(self) -> None:
        await self._closing.wait()


def _frames(events: Sequence[job_pb2.Event]) -> bytes:
    if not events:  # the first batch: somebody listens from here on
        return b"retry: %d\n%b" % (RETRY_MILLISECONDS, frame("hello", {}))
    views = [event_view(event) for event in events]
    return b"".join([frame(view["type"], view) for view in views])

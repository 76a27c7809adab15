"""Server-sent events: one job's stream to one client, at the client's own pace.

    event: hello       first, always, without an id: the job as it stands, as GET /jobs/{jobId} shows it
    event: status …    every event after the client's cursor (from the first one, where it sent none), then live ones
    event: end         last, without an id, once the job has come to rest: its final status

Only a job's own events carry an id, so that a cursor is always the last event that the client has seen. A browser that
lost its stream after `hello` alone comes back without a cursor and is told everything; one that has seen everything of
a finished job is answered 204, which ends its attempts. A stream that ends without `end` is to be resumed.
"""

import logging

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.gateway import metrics
from services.gateway.events import frame
from services.gateway.feeds import Feed, Feeds
from services.gateway.jobs import job_view
from services.gateway.racing import first_of
from tutti import errors
from tutti.v1 import job_pb2

log = logging.getLogger(__name__)

#: Milliseconds after which a browser tries again. A gateway that shuts down has stopped listening by then.
RETRY_MILLISECONDS = 1000

#: Proxies that gather output would hold events back.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class JobStream(StreamingResponse):
    """The answer to one watcher. Starlette's own streaming would learn that the client has gone only when it has
    something to send."""

    def __init__(self, job: job_pb2.Job, feeds: Feeds, *, owner: str, after: str) -> None:
        super().__init__((), media_type="text/event-stream", headers=HEADERS)
        self._job = job
        self._feeds = feeds
        self._owner = owner
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        job_id = self._job.job_id
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with metrics.OPEN_STREAMS.track_inprogress():
            # Whoever hangs up leaves the feed at once, not when the next event finds nobody there.
            await first_of(**{f"events {job_id}": self._pump(send), f"hang-up {job_id}": disconnected(receive)})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        hello = frame("hello", job_view(self._job))
        await write(send, b"retry: %d\n%b" % (RETRY_MILLISECONDS, hello))
        try:
            async with self._feeds.joined(self._job, self._owner, self._after) as feed:
                await self._follow(feed, send)
        except errors.TuttiError as error:
            # The status line is long gone. Ending without `end` makes the client come back and be told properly.
            log.warning("event stream broke", extra={"reason": error.reason, "error": error.message})

    async def _follow(self, feed: Feed, send: Send) -> None:
        cursor, position, beats = self._after, -1, feed.beats
        while True:
            news = feed.news
            if feed.error is not None:
                raise feed.error
            piece = await feed.next(cursor, position)
            if piece is not None:
                # Returns only when the client has taken what came before: a slow one is not read ahead for.
                await write(send, piece.body)
                metrics.EVENTS_SENT.inc(piece.events)
                cursor, position, beats = piece.cursor, piece.position, feed.beats
            elif feed.ended:
                await write(send, feed.farewell())
                return
            elif beats != feed.beats:
                # A comment now and then, so that proxies do not take a quiet stream for a dead one.
                beats = feed.beats
                await write(send, b": still here\n\n")
            else:
                await feed.wait(news)


async def write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def disconnected(receive: Receive) -> None:
    """Return when the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass

"""The part of a job's log that a feed no longer holds, page by page, for watchers who are that far behind.

A page is read once for all who need it at about the same time. The stream that it came from stays open beside it, so
that who goes on to the next page goes on in the same stream.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence

from services.gateway.frames import Frames, Place
from tutti import errors
from tutti.client import Client
from tutti.v1 import job_pb2

#: What is remembered, whichever bound is reached first; one page always is.
PAGES, PAGES_BYTES = 8, 4 * 1024 * 1024
#: A page comes within so many seconds, or those who need it are sent away.
PAGE_SECONDS = 30.0

_Stream = AsyncGenerator[Sequence[job_pb2.Event], None]


class Past:
    def __init__(self, client: Client, job_id: str, owner: str) -> None:
        self._client = client
        self._job_id = job_id
        self._owner = owner
        self._pages: deque[_Page] = deque()
        # One watcher reads; the others find what it has read.
        self._reading = asyncio.Lock()

    async def after(self, place: Place) -> Frames:
        """Events of the log, of which some come after the place. There must be such."""
        async with self._reading:
            for page in self._pages:
                if page.frames.begin <= place < page.frames.places[-1]:
                    return page.frames
            return await self._read(place)

    async def close(self) -> None:
        """Forget everything; reading goes on afterwards with what is true then."""
        async with self._reading:
            while self._pages:
                await self._pages.popleft().stream.aclose()

    async def _read(self, place: Place) -> Frames:
        former = next((page for page in self._pages if page.frames.places[-1] == place), None)
        if former is not None:
            self._pages.remove(former)
        stream = former.stream if former is not None else self._open(place)
        frames = Frames(begin=place)
        try:
            async with asyncio.timeout(PAGE_SECONDS):
                frames.extend(await anext(stream, ()))
        except TimeoutError as error:
            raise errors.Unavailable("the job's past could not be read in time; watch again") from error
        finally:
            if not frames.places:
                await stream.aclose()
        if not frames.places:
            raise errors.NotFound("the job's events have expired", reason="JOB_NOT_FOUND")
        self._pages.append(_Page(frames, stream))
        while len(self._pages) > 1 and (
            len(self._pages) > PAGES or sum(page.frames.bytes for page in self._pages) > PAGES_BYTES
        ):
            await self._pages.popleft().stream.aclose()
        return frames

    def _open(self, place: Place) -> _Stream:
        after = f"{place[0]}-{place[1]}" if place > (0, 0) else ""
        return self._client.watch_batches(self._job_id, after=after, owner=self._owner)


class _Page:
    def __init__(self, frames: Frames, stream: _Stream) -> None:
        self.frames = frames
        #: Stands after the page's last event.
        self.stream = stream

"""What a job sounds like: the master once it is there, and before that the sections as they are finished."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from http import HTTPStatus

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.gateway import schemas
from services.gateway.callers import owner_of
from services.gateway.racing import first_of
from services.gateway.state import gateway_of
from services.gateway.streams import disconnected, write
from tutti import errors
from tutti.artifacts.directory import DirectoryStore
from tutti.client.listening import check_audible, listen, master_of
from tutti.preview import Read
from tutti.v1 import artifact_pb2

router = APIRouter(tags=["artifacts"])
log = logging.getLogger(__name__)

#: Proxies that gather output would hold the sound back.
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class _Growing(StreamingResponse):
    """Sends what comes until it ends, the listener hangs up, or this gateway leaves."""

    def __init__(self, sound: AsyncGenerator[bytes, None], closing: asyncio.Event) -> None:
        super().__init__((), media_type="audio/wav", headers=HEADERS)
        self._sound = sound
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await first_of(sound=self._play(send), hang_up=disconnected(receive), leaving=self._left())
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _play(self, send: Send) -> None:
        try:
            async with aclosing(self._sound) as sound:
                async for chunk in sound:
                    # Returns only when the listener has taken what came before.
                    await write(send, chunk)
        except errors.TuttiError as error:
            # The status line is long gone; what was heard so far is a file that ends here.
            log.warning("a preview broke", extra={"reason": error.reason, "error": error.message})

    async def _left(self) -> None:
        await self._closing.wait()


@router.get("/jobs/{job_id}/audio", operation_id="getAudio", responses=schemas.AUDIO, response_model=None)
async def get_audio(request: Request, job_id: str) -> Response:
    """Listen to a job. Its master, once there is one, is redirected to; until then a preview is streamed that grows
    with the render: each section of the piece as soon as all of its stems are there."""
    gateway, owner = gateway_of(request), owner_of(request)
    job = await gateway.client.get(job_id, owner=owner)
    master = master_of(job)
    if master is not None:
        return Response(status_code=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": master.url})
    check_audible(job)
    read = _reader(gateway.store) if gateway.store is not None else None
    return _Growing(listen(gateway.client, job, owner=owner, read=read), gateway.closing)


def _reader(store: DirectoryStore) -> Read:
    """Reads files directly where they lie within reach, not through an address of our own."""

    async def read(artifact: artifact_pb2.Artifact, start: int, end: int) -> bytes:
        async with await store.open(artifact.key, start, end) as download:
            return b"".join([chunk async for chunk in download.chunks])

    return read

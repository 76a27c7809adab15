"""Listening to a job while it makes music. Apart from the rest of the SDK, because it needs numpy."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import httpx

from tutti import errors
from tutti.client.client import RESTING, Client
from tutti.client.download import part
from tutti.preview import Read, preview, renders
from tutti.v1 import artifact_pb2, job_pb2

MASTER = "master.wav"
FETCH_SECONDS = 30.0
#: Of a file that is read piece by piece.
PART_BYTES = 1024 * 1024
REASON = "NO_AUDIO"


def master_of(job: job_pb2.Job) -> artifact_pb2.Artifact | None:
    """What the job was for, once it is there."""
    return next((artifact for artifact in job.artifacts if artifact.name == MASTER), None)


def check_audible(job: job_pb2.Job) -> None:
    """Raises NotFound where no preview can be heard, and says why."""
    if not renders(job.tasks):
        raise errors.NotFound("The job makes no audio; ask for model muscgen or track.", reason=REASON)
    if job.state in RESTING:
        raise errors.NotFound("The job has ended without a master; its events say why.", reason=REASON)


async def listen(
    client: Client, job: job_pb2.Job, *, owner: str = "", read: Read | None = None
) -> AsyncGenerator[bytes, None]:
    """A preview of the piece as a WAV file that grows with the render: each section as soon as all of its stems are
    there. Ends with the last section, or with the job. `read` gets parts of artifacts; unless given, by their address.
    """
    check_audible(job)
    async with (
        httpx.AsyncClient(timeout=FETCH_SECONDS) as http,
        aclosing(client.watch_batches(job.job_id, owner=owner)) as events,
    ):
        async for chunk in preview(renders(job.tasks), events, read or partial(part, http)):
            yield chunk


async def fetched(artifact: artifact_pb2.Artifact) -> AsyncGenerator[bytes, None]:
    """A file as it comes."""
    async with httpx.AsyncClient(timeout=FETCH_SECONDS) as http:
        for start in range(0, artifact.size, PART_BYTES):
            yield await part(http, artifact, start, min(start + PART_BYTES, artifact.size))

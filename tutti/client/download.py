"""Fetches what a job left behind, by the signed address that the job names, and checks that it is what was stored."""

import contextlib
import hashlib
import os
from datetime import timedelta
from pathlib import Path

import httpx

from tutti import errors
from tutti.v1 import artifact_pb2

CHUNK_BYTES = 256 * 1024
FAILED = "DOWNLOAD_FAILED"
#: What a signed address answers once it has expired or was tampered with.
_REFUSALS = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})


async def download(artifact: artifact_pb2.Artifact, into: Path, *, timeout: timedelta = timedelta(seconds=30)) -> Path:
    """Write the artifact to the file `into`, which is complete as soon as it is there. `timeout` bounds every wait for
    the server, not the whole: files may be large."""
    if not artifact.url:
        raise errors.PreconditionFailed(f"{artifact.name} has no address; ask for the job again to get one")
    into.parent.mkdir(parents=True, exist_ok=True)
    draft = into.with_name(f".{into.name}.{os.getpid()}")
    try:
        await _fetch(artifact, draft, timeout.total_seconds())
        draft.replace(into)
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    return into


async def _fetch(artifact: artifact_pb2.Artifact, draft: Path, timeout: float) -> None:
    digest = hashlib.sha256()
    try:
        async with (
            httpx.AsyncClient(timeout=timeout, follow_redirects=True) as http,
            http.stream("GET", artifact.url) as response,
        ):
            _check(response.status_code, artifact)
            with draft.open("wb") as file:
                async for chunk in response.aiter_bytes(CHUNK_BYTES):
                    digest.update(chunk)
                    file.write(chunk)
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise errors.Unavailable(f"{artifact.name} cannot be downloaded: {why}", reason=FAILED) from error
    if artifact.sha256 and digest.hexdigest() != artifact.sha256:
        raise errors.Unavailable(f"{artifact.name} arrived damaged; download it again", reason="DIGEST_MISMATCH")


async def part(http: httpx.AsyncClient, artifact: artifact_pb2.Artifact, start: int, end: int) -> bytes:
    """The bytes from one place up to another, or to the last one; small enough to be held."""
    try:
        answer = await http.get(artifact.url, headers={"Range": f"bytes={start}-{end - 1}"})
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise errors.Unavailable(f"{artifact.name} cannot be downloaded: {why}", reason=FAILED) from error
    if answer.status_code == httpx.codes.PARTIAL_CONTENT:
        return answer.content
    _check(answer.status_code, artifact)
    return answer.content[start:end]  # from a server that knows no ranges


def _check(status: int, artifact: artifact_pb2.Artifact) -> None:
    if status == httpx.codes.OK:
        return
    if status in _REFUSALS:
        raise errors.PermissionDenied(
            f"the address of {artifact.name} was refused (HTTP {status}), probably because it expired; "
            "ask for the job again to get a fresh one"
        )
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise errors.NotFound(f"{artifact.name} is not in the store any more (HTTP {status})")
    raise errors.Unavailable(f"{artifact.name} cannot be downloaded (HTTP {status}); try again", reason=FAILED)

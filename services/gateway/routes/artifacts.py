"""Downloads from the directory store, by signed address. S3 serves its own."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.gateway import problems, schemas
from services.gateway.racing import first_of
from services.gateway.ranges import ByteRange, Unsatisfiable, requested
from services.gateway.state import gateway_of
from services.gateway.streams import disconnected
from tutti import errors
from tutti.artifacts import Artifact, Download
from tutti.artifacts.directory import DirectoryStore

router = APIRouter(tags=["artifacts"])


class _Body(StreamingResponse):
    """Sends a download as fast as the client takes it, and lets go of the file when the client does."""

    def __init__(self, download: Download, status_code: int, headers: Mapping[str, str]) -> None:
        super().__init__(download.chunks, status_code=status_code, headers=headers)
        self._download = download

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await first_of(download=self._copy(send), hang_up=disconnected(receive))

    async def _copy(self, send: Send) -> None:
        async with self._download as download:
            async for chunk in download.chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@router.head("/artifacts/{key:path}", operation_id="describeArtifact", responses=schemas.ARTIFACT)
@router.get("/artifacts/{key:path}", operation_id="getArtifact", responses=schemas.ARTIFACT)
async def get_artifact(
    request: Request,
    key: str,
    expires: Annotated[str, Query(description="As in the job's artifact url.")] = "",
    signature: Annotated[str, Query(description="As in the job's artifact url.")] = "",
) -> Response:
    """Download an artifact from the address that its job gives. Ranges are served, so players can seek."""
    store = gateway_of(request).store
    if store is None:
        raise errors.NotFound("Artifacts are kept in S3; use the addresses that the job gives.", field="key")
    store.signer.verify(key, expires=expires, signature=signature)
    artifact = await store.stat(key)
    if _is_current(request, artifact):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": _etag(artifact)})
    try:
        part = _part(request, artifact)
    except Unsatisfiable:
        return _unsatisfiable(artifact)
    return await _answer(request, store, artifact, part)


async def _answer(request: Request, store: DirectoryStore, artifact: Artifact, part: ByteRange | None) -> Response:
    start, end = (part.start, part.end) if part else (0, artifact.size)
    headers = {**_headers(artifact), "Content-Length": str(end - start)}
    status = HTTPStatus.OK
    if part is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{artifact.size}"
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return _Body(await store.open(artifact.key, start, end), status, headers)


def _headers(artifact: Artifact) -> dict[str, str]:
    return {
        "Content-Type": artifact.type,
        "ETag": _etag(artifact),
        "Accept-Ranges": "bytes",
        # A key never holds different content.
        "Cache-Control": "private, max-age=3600, immutable",
        # Saved, never shown: a page or a drawing that a job made must not run as this site's own. Players and images
        # on a page do not look at this header.
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(artifact.name, safe='')}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }


def _etag(artifact: Artifact) -> str:
    return f'"{artifact.sha256}"'


def _is_current(request: Request, artifact: Artifact) -> bool:
    held = request.headers.get("if-none-match", "")
    return held.strip() == "*" or _etag(artifact) in (tag.strip().removeprefix("W/") for tag in held.split(","))


def _part(request: Request, artifact: Artifact) -> ByteRange | None:
    # If-Range: only go on with what the client already has if it is a piece of this very content.
    condition = request.headers.get("if-range", "")
    if condition and condition.strip() != _etag(artifact):
        return None
    return requested(request.headers.get("range", ""), artifact.size)


def _unsatisfiable(artifact: Artifact) -> Response:
    return problems.problem(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        f"The file has {artifact.size} bytes; ask for a range within it.",
        reason="RANGE_NOT_SATISFIABLE",
        field="Range",
        headers={"Content-Range": f"bytes */{artifact.size}"},
    )

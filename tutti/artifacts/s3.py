"""Keeps artifacts in an S3 bucket, Amazon's or a compatible one.

S3 shows an object only when all of it has arrived, so nothing half written is ever seen. Files up to one part go in one
request, bigger ones in parts; either way the last request carries `If-None-Match: *`, so that S3 itself refuses to
replace an object. Amazon, MinIO, Ceph and R2 know that condition; where a store answers that it does not, a look before
the write is all there is, and two writers of one key within the same moment could still replace each other.

An upload whose writer was killed stays invisible and costs space: give the bucket a lifecycle rule that aborts
incomplete multipart uploads. The credentials need GetObject, PutObject, DeleteObject, AbortMultipartUpload and
ListBucket; without ListBucket S3 calls a missing object forbidden.
"""

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, closing
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import aioboto3
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from tutti.artifacts.artifact import Artifact
from tutti.artifacts.blocking import run_blocking
from tutti.artifacts.keys import ArtifactKey
from tutti.artifacts.s3_errors import TAKEN, UNSUPPORTED, code_of, translated
from tutti.artifacts.sources import Measure, Source, pieces
from tutti.artifacts.store import ArtifactStore, missing
from tutti.errors import InvalidInput, NotFound, TuttiError

#: Bytes held in memory at once while storing. S3 takes at least 5 MiB and at most 10,000 parts.
PART_SIZE = 8 << 20
MAX_PARTS = 10_000
#: Bytes handed out at once while reading.
CHUNK_SIZE = 1 << 18

CONNECT_TIMEOUT = timedelta(seconds=3)
ATTEMPTS = 3

_log = logging.getLogger(__name__)


class S3Store(ArtifactStore):
    """`timeout` bounds each call with its retries; a download it bounds only until the first byte, and then each wait
    for more. `public_endpoint_url` is how readers reach what the mesh itself reaches as `endpoint_url`."""

    def __init__(
        self,
        *,
        bucket: str,
        endpoint_url: str = "",
        public_endpoint_url: str = "",
        region: str = "",
        prefix: str = "",
        create_bucket: bool = False,
        timeout: timedelta = timedelta(seconds=60),
    ) -> None:
        self._bucket = bucket
        self._endpoint_url = endpoint_url
        self._public_endpoint_url = public_endpoint_url or endpoint_url
        self._region = region
        self._prefix = f"{prefix.strip('/')}/".removeprefix("/")
        self._create_bucket = create_bucket
        self._timeout = timeout
        self._open = AsyncExitStack()
        self._client: Any = None
        self._url_client: Any = None
        self._conditional_writes = True

    async def start(self) -> None:
        async with AsyncExitStack() as stack:
            session = aioboto3.Session()
            with translated("open a client"):
                self._client = await stack.enter_async_context(self._new_client(session, self._endpoint_url))
                # Signing needs no connection, only a client that knows by what name readers reach the bucket.
                self._url_client = await stack.enter_async_context(self._new_client(session, self._public_endpoint_url))
            await self._check_bucket()
            self._open = stack.pop_all()

    async def close(self) -> None:
        await self._open.aclose()

    async def _find(self, key: str) -> Artifact | None:
        try:
            async with self._call(f"look up {key}"):
                head = await self._client.head_object(**self._object(key))
        except NotFound:
            return None
        return Artifact(
            name=ArtifactKey.parse(key).name,
            type=head.get("ContentType", "application/octet-stream"),
            size=head["ContentLength"],
            sha256=head["Metadata"].get("sha256", ""),
            key=key,
        )

    async def _publish(self, artifact: Artifact, source: Source) -> bool:
        upload = self._put_whole if artifact.size <= PART_SIZE else self._put_parts
        with translated(f"store {artifact.key}"):
            try:
                return await upload(artifact, source)
            except ClientError as error:
                if code_of(error) not in UNSUPPORTED or not self._conditional_writes:
                    raise
            _log.warning("this S3 store knows no conditional writes; falling back to a look before each write")
            self._conditional_writes = False
            return await upload(artifact, source)

    async def _put_whole(self, artifact: Artifact, source: Source) -> bool:
        measured = Measure(size=artifact.size, sha256=artifact.sha256)
        body = await run_blocking(
            lambda _: b"".join(pieces(source, measured, size=PART_SIZE)), name=f"artifact-read {artifact.key}"
        )
        checksum = b64encode(bytes.fromhex(artifact.sha256)).decode()
        try:
            async with self._deadline():
                await self._client.put_object(
                    Body=body, ChecksumSHA256=checksum, **self._description(artifact), **self._condition()
                )
        except ClientError as error:
            if code_of(error) in TAKEN:
                return False
            raise
        return True

    async def _put_parts(self, artifact: Artifact, source: Source) -> bool:
        async with AsyncExitStack() as on_failure:
            # Shielded: cancelled between S3's beginning it and our hearing of it, nobody would know what to abort.
            beginning = asyncio.create_task(self._begin(artifact), name=f"begin the upload of {artifact.key}")
            on_failure.push_async_callback(self._abort_begun, beginning)
            upload = await asyncio.shield(beginning)
            parts = [part async for part in self._upload_parts(upload, artifact, source)]
            try:
                async with self._deadline():
                    await self._client.complete_multipart_upload(
                        MultipartUpload={"Parts": parts}, **upload, **self._condition()
                    )
            except ClientError as error:
                if code_of(error) in TAKEN:
                    return False
                raise
            on_failure.pop_all()
        return True

    async def _begin(self, artifact: Artifact) -> dict[str, str]:
        async with self._deadline():
            created = await self._client.create_multipart_upload(**self._description(artifact))
        return {**self._object(artifact.key), "UploadId": created["UploadId"]}

    async def _abort_begun(self, beginning: "asyncio.Task[dict[str, str]]") -> None:
        await asyncio.wait([beginning])
        if not beginning.cancelled() and beginning.exception() is None:
            await self._abort(beginning.result())

    async def _upload_parts(
        self, upload: Mapping[str, str], artifact: Artifact, source: Source
    ) -> AsyncIterator[dict[str, Any]]:
        size = max(PART_SIZE, -(-artifact.size // MAX_PARTS))
        measured = Measure(size=artifact.size, sha256=artifact.sha256)
        with closing(pieces(source, measured, size=size)) as content:
            number = 0
            while piece := await run_blocking(lambda _: next(content, b""), name=f"artifact-read {artifact.key}"):
                number += 1
                async with self._deadline():
                    answer = await self._client.upload_part(PartNumber=number, Body=piece, **upload)
                yield {"PartNumber": number, "ETag": answer["ETag"]}

    async def _abort(self, upload: Mapping[str, str]) -> None:
        try:
            async with self._call(f"abort the upload of {upload['Key']}"):
                await self._client.abort_multipart_upload(**upload)
        except NotFound:
            return
        except TuttiError as error:
            # The failure that brought us here matters more; the bucket's lifecycle rule takes what is left.
            _log.warning("%s", error)

    async def _chunks(self, artifact: Artifact, start: int, end: int) -> AsyncGenerator[bytes, None]:
        try:
            async with self._call(f"read {artifact.key}"):
                answer = await self._client.get_object(Range=f"bytes={start}-{end - 1}", **self._object(artifact.key))
        except NotFound as error:
            raise missing(artifact.key) from error
        body = answer["Body"]
        # Without "as": what the body returns on entering is the bare HTTP response, which checks no length.
        async with body:
            while True:
                with translated(f"read {artifact.key}"):
                    chunk = await body.read(CHUNK_SIZE)
                if not chunk:
                    return
                yield chunk

    async def _delete(self, prefix: str) -> int:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{self._prefix}{prefix}/"
        )
        count = 0
        async with aclosing(aiter(pages)) as listing:
            while True:
                async with self._call(f"delete {prefix}"):
                    page = await anext(listing, None)
                    if page is None:
                        return count
                    count += await self._delete_objects([entry["Key"] for entry in page.get("Contents", ())])

    async def _delete_objects(self, keys: list[str]) -> int:
        if not keys:
            return 0
        answer = await self._client.delete_objects(
            Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
        )
        for refused in answer.get("Errors", ()):
            raise ClientError({"Error": refused}, "DeleteObjects")
        return len(keys)

    async def _address(self, key: str, *, expires: timedelta, name: str, type: str) -> str:
        async with self._call(f"sign the address of {key}"):
            address = await self._url_client.generate_presigned_url(
                "get_object",
                Params={
                    **self._object(key),
                    "ResponseContentType": type,
                    # Always saved, never shown: a page or a drawing of a job must not run as the bucket's own.
                    "ResponseContentDisposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
                },
                ExpiresIn=int(expires.total_seconds()),
            )
        return str(address)

    async def _check_bucket(self) -> None:
        try:
            async with self._call(f"look up the bucket {self._bucket}"):
                await self._client.head_bucket(Bucket=self._bucket)
        except NotFound as error:
            if not self._create_bucket:
                raise InvalidInput(
                    f"There is no bucket {self._bucket}; create it, or set ARTIFACT_S3_CREATE_BUCKET=true.",
                    field="ARTIFACT_S3_BUCKET",
                ) from error
            await self._make_bucket()

    async def _make_bucket(self) -> None:
        region = self._client.meta.region_name
        # us-east-1 is the one region that S3 refuses to be told.
        where = {} if region in (None, "us-east-1", "aws-global") else {"LocationConstraint": region}
        async with self._call(f"create the bucket {self._bucket}"):
            try:
                await self._client.create_bucket(
                    Bucket=self._bucket, **({"CreateBucketConfiguration": where} if where else {})
                )
            except ClientError as error:
                # Another service of the mesh, starting in the same second, was faster.
                if code_of(error) != "BucketAlreadyOwnedByYou":
                    raise

    def _new_client(self, session: aioboto3.Session, endpoint_url: str) -> Any:
        config = AioConfig(
            signature_version="s3v4",
            connect_timeout=CONNECT_TIMEOUT.total_seconds(),
            # A server that hangs once leaves time for the other attempts within the deadline.
            read_timeout=self._timeout.total_seconds() / ATTEMPTS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            # Compatible stores rarely serve a bucket under its own host name.
            s3={"addressing_style": "path" if endpoint_url else "auto"},
            # Newer clients add a CRC trailer to every upload, which older compatible stores refuse.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        try:
            return session.client(
                "s3", endpoint_url=endpoint_url or None, region_name=self._region or None, config=config
            )
        except (ValueError, BotoCoreError) as error:
            raise InvalidInput(f"Invalid S3 settings: {error}", field="ARTIFACT_S3_ENDPOINT") from error

    def _deadline(self) -> asyncio.Timeout:
        return asyncio.timeout(self._timeout.total_seconds())

    @asynccontextmanager
    async def _call(self, action: str) -> AsyncIterator[None]:
        with translated(action):
            async with self._deadline():
                yield

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}{key}"}

    def _description(self, artifact: Artifact) -> dict[str, Any]:
        metadata = {"sha256": artifact.sha256}
        return {**self._object(artifact.key), "ContentType": artifact.type, "Metadata": metadata}

    def _condition(self) -> dict[str, str]:
        return {"IfNoneMatch": "*"} if self._conditional_writes else {}

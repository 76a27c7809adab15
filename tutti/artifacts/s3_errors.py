"""The one place where what S3, its client library and the network say becomes our errors.

A refused credential or a missing bucket is the mesh's own fault and never the caller's, so it is Internal and not
Unauthenticated, PermissionDenied or NotFound: those would reach an end user as 401, 403 or 404 for what only an
operator can mend.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError

from tutti.errors import DeadlineExceeded, Internal, InvalidInput, NotFound, TuttiError, Unavailable

#: The key is taken, or being taken just now, or our own earlier try has completed the upload: look at the key again.
TAKEN = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchUpload"})
#: The store is too old to know conditional writes.
UNSUPPORTED = frozenset({"NotImplemented", "501"})
#: HEAD answers carry no body, so that a status stands where the code would.
MISSING = frozenset({"NoSuchKey", "NotFound", "404"})

_NO_BUCKET = frozenset({"NoSuchBucket"})
_REFUSED = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "Forbidden",
        "InvalidAccessKeyId",
        "InvalidToken",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "403",
    }
)
_TOO_LARGE = frozenset({"EntityTooLarge"})
_RANGE = frozenset({"InvalidRange", "416"})
#: Answers below 500 that a later try may not get again.
_PASSING = frozenset(
    {"BadDigest", "OperationAborted", "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "429"}
)

_CONNECTION = (BotoConnectionError, HTTPClientError, IncompleteReadError, ResponseStreamingError, aiohttp.ClientError)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def translated(action: str) -> Iterator[None]:
    """`action` ends the sentence "S3 could not …"."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(error, action) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise Internal(
            f"S3 could not {action}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a "
            "role.",
            reason="ARTIFACT_STORE_REFUSED",
        ) from error
    # Before the connection errors, of which a read timeout is one too.
    except (ReadTimeoutError, TimeoutError) as error:
        raise DeadlineExceeded(f"S3 could not {action} in time; try again.") from error
    except _CONNECTION as error:
        raise Unavailable(f"S3 could not {action}: {error}; try again.") from error
    except BotoCoreError as error:
        raise Internal(f"S3 could not {action}: {error}") from error


def _from_answer(error: ClientError, action: str) -> TuttiError:
    code = code_of(error)
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    said = f"S3 could not {action}: {code} {error.response.get('Error', {}).get('Message', '')}".rstrip(" .")
    if code in _NO_BUCKET:
        return Internal(f"{said}; create the bucket.", reason="ARTIFACT_STORE_MISCONFIGURED")
    if code in MISSING:
        return NotFound(f"{said}.")
    if code in _REFUSED:
        return Internal(
            f"{said}; check the AWS credentials and that they may get, put, delete and list in the bucket.",
            reason="ARTIFACT_STORE_REFUSED",
        )
    if code in _TOO_LARGE:
        return InvalidInput(f"{said}; store a smaller file.", field="source")
    if code in _RANGE:
        return InvalidInput(f"{said}.", field="range", reason="RANGE_NOT_SATISFIABLE")
    if code in _PASSING or code in TAKEN or status >= 500:
        return Unavailable(f"{said}; try again.")
    return Internal(f"{said}.")

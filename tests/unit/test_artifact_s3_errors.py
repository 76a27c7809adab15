import aiohttp
import pytest
from aiobotocore.response import AioReadTimeoutError
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from tutti.artifacts.s3_errors import translated
from tutti.errors import DeadlineExceeded, Internal, InvalidInput, NotFound, TuttiError, Unavailable

URL = "http://127.0.0.1:1"


def answer(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "said so"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject"
    )


def raised_for(error: Exception) -> TuttiError:
    with pytest.raises(TuttiError) as caught, translated("store job/mix/1/song.wav"):
        raise error
    assert caught.value.__cause__ is error
    assert "store job/mix/1/song.wav" in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("NoSuchKey", 404, NotFound),
        ("404", 404, NotFound),
        ("NoSuchBucket", 404, Internal),
        ("AccessDenied", 403, Internal),
        ("403", 403, Internal),
        ("SignatureDoesNotMatch", 403, Internal),
        ("ExpiredToken", 400, Internal),
        ("InvalidRange", 416, InvalidInput),
        ("EntityTooLarge", 400, InvalidInput),
        ("SlowDown", 503, Unavailable),
        ("InternalError", 500, Unavailable),
        ("RequestTimeout", 400, Unavailable),
        ("429", 429, Unavailable),
        ("ConditionalRequestConflict", 409, Unavailable),
        ("SomethingNew", 502, Unavailable),
        ("SomethingNew", 400, Internal),
    ],
)
def test_what_s3_answers_becomes_ours(code: str, status: int, expected: type[TuttiError]) -> None:
    assert type(raised_for(answer(code, status))) is expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (EndpointConnectionError(endpoint_url=URL), Unavailable),
        (ConnectTimeoutError(endpoint_url=URL), Unavailable),
        (ConnectionClosedError(endpoint_url=URL), Unavailable),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), Unavailable),
        (ResponseStreamingError(error="reset"), Unavailable),
        (aiohttp.ClientPayloadError("cut"), Unavailable),
        (ReadTimeoutError(endpoint_url=URL), DeadlineExceeded),
        (AioReadTimeoutError(endpoint_url=URL), DeadlineExceeded),
        (TimeoutError(), DeadlineExceeded),
        (NoCredentialsError(), Internal),
        (ParamValidationError(report="no"), Internal),
    ],
)
def test_what_the_network_and_the_client_raise_becomes_ours(error: Exception, expected: type[TuttiError]) -> None:
    assert type(raised_for(error)) is expected

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tutti.artifacts.signing import UrlSigner
from tutti.errors import InvalidInput, PermissionDenied

KEY = "job/mix/1/größe 100%.wav"
HOUR = timedelta(hours=1)


@dataclass
class Clock:
    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def signer(clock: Clock, *, secret: bytes = b"0123456789abcdef") -> UrlSigner:
    return UrlSigner(secret=secret, public_url="https://music.example.org/", clock=clock)


def parts_of(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return unquote(parts.path.removeprefix("/artifacts/")), query["expires"][0], query["signature"][0]


def test_an_address_verifies_until_the_moment_it_expires() -> None:
    clock = Clock()
    url = signer(clock).url(KEY, expires=HOUR)
    assert url.startswith(
        "https://music.example.org/artifacts/job/mix/1/gr%C3%B6%C3%9Fe%20100%25.wav?expires=1893459600&"
    )
    key, expires, signature = parts_of(url)
    assert key == KEY

    clock.now += HOUR - timedelta(seconds=1)
    signer(clock).verify(key, expires=expires, signature=signature)
    clock.now += timedelta(seconds=1)
    with pytest.raises(PermissionDenied, match="expired; fetch the job again for a new address") as caught:
        signer(clock).verify(key, expires=expires, signature=signature)
    assert caught.value.reason == "SIGNATURE_EXPIRED"


def test_another_secret_does_not_verify() -> None:
    clock = Clock()
    key, expires, signature = parts_of(signer(clock).url(KEY, expires=HOUR))
    with pytest.raises(PermissionDenied, match="signature does not match"):
        signer(clock, secret=b"fedcba9876543210").verify(key, expires=expires, signature=signature)


@pytest.mark.parametrize(
    ("key", "expires", "signature"),
    [
        ("job/mix/1/other.wav", None, None),
        ("job\ud800", None, None),
        (None, "1893459601", None),
        (None, "01893459600", None),
        (None, "never", None),
        (None, "", None),
        (None, None, ""),
        (None, None, "ü" * 64),
        (None, None, "\ud800"),
        (None, None, "0" * 64),
    ],
)
def test_anything_changed_is_refused_alike(key: str | None, expires: str | None, signature: str | None) -> None:
    clock = Clock()
    genuine = parts_of(signer(clock).url(KEY, expires=HOUR))
    changed = [new if new is not None else old for new, old in zip((key, expires, signature), genuine, strict=True)]
    with pytest.raises(PermissionDenied, match="signature does not match") as caught:
        signer(clock).verify(changed[0], expires=changed[1], signature=changed[2])
    assert caught.value.reason == "SIGNATURE_MISMATCH"


def test_a_forged_address_is_not_told_that_it_expired() -> None:
    clock = Clock()
    _, expires, signature = parts_of(signer(clock).url(KEY, expires=HOUR))
    clock.now += 2 * HOUR
    with pytest.raises(PermissionDenied, match="does not match"):
        signer(clock).verify("job/mix/1/other.wav", expires=expires, signature=signature)


def test_a_short_secret_is_refused_and_no_secret_is_shown() -> None:
    with pytest.raises(InvalidInput, match="openssl") as caught:
        signer(Clock(), secret=b"short")
    assert caught.value.field == "ARTIFACT_URL_SECRET"
    assert "0123456789abcdef" not in repr(signer(Clock()))

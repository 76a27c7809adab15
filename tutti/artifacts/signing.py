"""Signs the addresses of a directory store's files, and checks them when somebody comes to fetch one.

S3 signs its own addresses. What is signed here is the key and the moment of expiry, nothing about the caller: whoever
holds an address may fetch that one file until then.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from tutti.errors import InvalidInput, PermissionDenied

Clock = Callable[[], datetime]

#: Shorter secrets can be found by trying; `openssl rand -hex 32` makes a good one.
MIN_SECRET_BYTES = 16

#: Keeps these signatures apart from anything else that the same secret may sign one day.
_PURPOSE = "tutti artifact address 1"


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class UrlSigner:
    secret: bytes = field(repr=False)
    #: Where the gateway is reached from outside, such as https://music.example.org.
    public_url: str
    clock: Clock = utc_now

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET_BYTES:
            raise InvalidInput(
                f"ARTIFACT_URL_SECRET must be at least {MIN_SECRET_BYTES} bytes; make one with `openssl rand -hex 32`.",
                field="ARTIFACT_URL_SECRET",
            )

    def url(self, key: str, *, expires: timedelta) -> str:
        moment = str(int((self.clock() + expires).timestamp()))
        address = f"{self.public_url.rstrip('/')}/artifacts/{quote(key, safe='/')}"
        return f"{address}?expires={moment}&signature={self._signature(key, moment)}"

    def verify(self, key: str, *, expires: str, signature: str) -> None:
        """Take key, `expires` and `signature` as they came in the request, the key percent-decoded."""
        # The signature comes first: only who held a genuine address is told that it expired. Bytes, because
        # compare_digest refuses text that is not ASCII, which an attacker is free to send.
        if not hmac.compare_digest(self._signature(key, expires).encode(), _encoded(signature)):
            raise PermissionDenied(
                "The signature does not match this artifact's address; use it unchanged, as the job gives it.",
                reason="SIGNATURE_MISMATCH",
            )
        if self.clock().timestamp() >= int(expires):
            raise PermissionDenied(
                "This artifact's address has expired; fetch the job again for a new address.",
                reason="SIGNATURE_EXPIRED",
            )

    def _signature(self, key: str, expires: str) -> str:
        message = _encoded(f"{_PURPOSE}\n{expires}\n{key}")
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()


def _encoded(text: str) -> bytes:
    """Also takes lone surrogates, which a badly percent-encoded request can hold."""
    return text.encode("utf-8", errors="surrogatepass")

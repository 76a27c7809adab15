"""The value that describes one stored file. It holds no address: addresses are signed when asked for, and expire."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    name: str
    #: Media type, such as audio/wav.
    type: str
    #: Size in bytes.
    size: int
    #: Lower-case hexadecimal digest of the content; empty only for an S3 object that something else put there.
    sha256: str
    #: Where the store keeps it: <job>/<task>/<attempt>/<name>.
    key: str

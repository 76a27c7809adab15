"""Byte ranges of HTTP (RFC 9110, section 14), single ones: several in one request are answered with the whole file,
which the standard allows and no player minds."""

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteRange:
    #: First byte.
    start: int
    #: One past the last byte.
    end: int


class Unsatisfiable(Exception):
    """No byte of the file lies in the range."""


def requested(header: str, size: int) -> ByteRange | None:
    """The part of a file that a Range header asks for; None for the whole, which also answers what is malformed."""
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return _suffix(int(last), size)
    start, end = int(first), int(last) + 1 if last else size
    if end <= start and last:
        return None
    if start >= size:
        raise Unsatisfiable
    return ByteRange(start=start, end=min(end, size))


def _suffix(length: int, size: int) -> ByteRange:
    if not length or not size:
        raise Unsatisfiable
    return ByteRange(start=max(0, size - length), end=size)

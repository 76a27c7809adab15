"""Job ids: `<26 characters that sort by creation>-<partition>`, and which partition a request belongs to."""

import random
import re
import secrets
import zlib

from tutti import errors

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
#: Ten bits as two letters that sort like the numbers they stand for.
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_JOB_ID = re.compile(rf"[{_ALPHABET}]{{26}}-([0-9]{{1,3}})", re.ASCII)

_CURSOR = re.compile(r"[0-9]{1,19}-[0-9]{1,19}", re.ASCII)


def new_job_id(milliseconds: int, partition: int) -> str:
    # Unique, not secret: whoever asks for a job has to be its owner.
    return f"{_sorted(milliseconds, random.getrandbits(82))}-{partition}"


def first_job_id(milliseconds: int) -> str:
    """What sorts before the id of every job that was created at that time or later."""
    return _sorted(milliseconds, 0)


def _sorted(milliseconds: int, chance: int) -> str:
    bits = milliseconds << 82 | chance
    return "".join([_PAIRS[bits >> shift & 1023] for shift in range(120, -1, -10)])


def partition_of(job_id: str, partitions: int) -> int:
    """The partition that an id says; an id that cannot be one names no job."""
    match = _JOB_ID.fullmatch(job_id)
    if match is None or int(match[1]) >= partitions:
        raise no_such_job(job_id)
    return int(match[1])


def is_job_id(text: str) -> bool:
    return _JOB_ID.fullmatch(text) is not None


def checked_cursor(text: str) -> str:
    """An event's id, or nothing."""
    if text and _CURSOR.fullmatch(text) is None:
        raise errors.InvalidInput(
            "after: not an event's id; it looks like 1700000000000-0, leave it empty to start from the first event",
            field="after",
        )
    return text


def partition_for(owner: str, request_id: str, partitions: int) -> int:
    """Where a new job goes. By its request id where it has one: a retry must meet the key that its first try left."""
    if partitions == 1:
        return 0
    if not request_id:
        return secrets.randbelow(partitions)
    return zlib.crc32(f"{owner}\0{request_id}".encode()) % partitions


def no_such_job(job_id: str) -> errors.NotFound:
    shown = job_id if len(job_id) <= 64 else f"{job_id[:61]}..."
    return errors.NotFound(
        f"no job {shown!r} of this owner; check the id, or list the jobs", field="job_id", reason="JOB_NOT_FOUND"
    )

"""One mesh per data directory: a lock that lasts as long as any process of the mesh does.

It is an flock on an open file, and every child inherits that file. When a supervisor is killed, the directory is in use
until the last of its children is gone too, so that no second Redis ever opens the files of the first.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from pathlib import Path
from typing import Self

from tutti.errors import PreconditionFailed

#: How long the children of a supervisor that was killed may take to be gone.
REMAINS_SECONDS = 10.0


class DirectoryLock:
    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    async def take(cls, data_dir: Path) -> Self:
        """Raises PreconditionFailed when another mesh has the directory."""
        data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            await _lock(descriptor, data_dir)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        # Closing, not unlocking: the lock stays with children that are still there.
        os.close(self.descriptor)


async def _lock(descriptor: int, data_dir: Path) -> None:
    deadline = time.monotonic() + REMAINS_SECONDS
    while not _locked(descriptor):
        holder = _holder(descriptor)
        if is_alive(holder) or time.monotonic() > deadline:
            raise PreconditionFailed(
                f"the data directory {data_dir} is in use by the mesh of process {holder}; "
                "stop that one, or choose another directory with --data-dir",
                field="data_dir",
                reason="DATA_DIR_IN_USE",
            )
        await asyncio.sleep(0.05)


def _locked(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _holder(descriptor: int) -> int:
    text = os.pread(descriptor, 32, 0)
    return int(text) if text.isdigit() else 0


def is_alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

"""Programs that run beside the mesh for as long as they are needed: a peer, its Redis, a bare service."""

import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import IO

from tutti.embedded.processes import Process


@contextlib.asynccontextmanager
async def running(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] = os.environ,
    output: IO[bytes] | int = subprocess.DEVNULL,
    errors: IO[bytes] | int | None = None,
) -> AsyncIterator[Process]:
    """A program in a process group of its own: whatever it leaves behind goes with it."""
    # Not asyncio's subprocesses: uvloop forks, and gRPC complains of that because it has threads.
    popen = subprocess.Popen(  # noqa: ASYNC220  it takes a millisecond, and nothing is measured yet
        command, env=environment, stdout=output, stderr=errors, process_group=0
    )
    process = Process(popen, command[0])
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        await process.ended

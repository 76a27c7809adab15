"""`tutti listen`: a job's sound while it is rendered, and its master afterwards."""

import asyncio
import struct
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from tutti.cli import arguments, connection, failures, following
from tutti.cli.output import say
from tutti.client import Client, download
from tutti.errors import InvalidInput
from tutti.v1 import artifact_pb2, job_pb2

STDOUT = "-"
#: Where a WAV file says how long it is: the bytes after the place, less those of the header before it.
_LENGTHS = ((4, 8), (40, 44))


def listen(
    job_id: arguments.JobId,
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Else JOB_ID.wav; - for standard output, such as a player."
        ),
    ] = "",
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
) -> None:
    """Save a job's sound while it is being made, section by section, and then its master in the same place. On standard
    output: what can be heard, or the master of a job that has one."""
    where = arguments.where(address, data_dir, timeout)
    raise typer.Exit(asyncio.run(_listen(where, job_id, output or f"{job_id}.wav")))


async def _listen(where: connection.Where, job_id: str, output: str) -> int:
    # Needs numpy, which other commands need not wait for.
    from tutti.client.listening import master_of

    async with connection.connected(where) as client:
        job = await client.get(job_id)
        master = master_of(job)
        if master is None:
            await _preview(client, job, output)
            job = await client.wait(job_id)
            master = None if output == STDOUT else master_of(job)
            if job.state != job_pb2.JOB_STATE_SUCCEEDED:
                following.conclude(job)
                return failures.FAILED
        if master is not None:
            await _save(master, output)
    return failures.OK


async def _preview(client: Client, job: job_pb2.Job, output: str) -> None:
    from tutti.client.listening import check_audible, listen

    check_audible(job)
    size = 0
    with _opened(output) as file:
        async with aclosing(listen(client, job)) as sound:
            async for chunk in sound:
                file.write(chunk)
                # A player may be reading already.
                file.flush()
                size += len(chunk)
        if output != STDOUT and size:
            _tell_length(file, size)
    if output != STDOUT:
        say(f"{output} holds the preview; the master follows", stderr=True)


@contextmanager
def _opened(output: str) -> Iterator[BinaryIO]:
    if output == STDOUT:
        yield sys.stdout.buffer
        return
    try:
        file = Path(output).open("wb")  # noqa: SIM115  closed below
    except OSError as error:
        raise InvalidInput(f"--output {output} cannot be written: {error.strerror}", field="output") from error
    with file:
        yield file


def _tell_length(file: BinaryIO, size: int) -> None:
    """Nobody knew it when the header was written."""
    for place, before in _LENGTHS:
        file.seek(place)
        file.write(struct.pack("<I", size - before))


async def _save(master: artifact_pb2.Artifact, output: str) -> None:
    if output != STDOUT:
        await download(master, Path(output))
        say(f"saved {output}", stderr=True)
        return
    from tutti.client.listening import fetched

    async with aclosing(fetched(master)) as content:
        async for chunk in content:
            sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()

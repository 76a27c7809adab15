"""`tutti dead | replay | discard | retry`: jobs that ended badly, and running them again."""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from tutti import errors
from tutti.cli import arguments, connection, failures, inputs, manifests, tables, words
from tutti.cli.output import say, say_json
from tutti.cli.output import show as show_table
from tutti.client import Client
from tutti.v1 import job_pb2, orchestrator_pb2

LARGEST_PAGE = 200


def dead(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")] = 20,
    reason: Annotated[
        str, typer.Option("--reason", help="Only those that died of this: failed, timeout or poison.")
    ] = "",
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """List dead letters: jobs that failed and will not run again by themselves."""

    async def main() -> int:
        async with connection.connected(arguments.where(address, data_dir, timeout)) as client:
            listed = await _listed(client, reason.upper(), limit)
        if json:
            for letter in listed:
                say_json(letter)
        elif listed:
            show_table(tables.dead(listed, time.time()))
        else:
            say("No dead letters.", stderr=True)
        return failures.OK

    _run(main())


async def _listed(client: Client, reason: str, limit: int) -> list[orchestrator_pb2.DeadJob]:
    listed: list[orchestrator_pb2.DeadJob] = []
    token = ""
    while True:
        page = await client.dead(page_size=min(limit - len(listed), LARGEST_PAGE), page_token=token, reason=reason)
        listed += page.dead_jobs
        token = page.next_page_token
        if not token or len(listed) >= limit:
            return listed


def replay(
    job_ids: Annotated[
        list[str], typer.Argument(metavar="JOB_ID...|MANIFEST", help="The jobs' ids, or a track's manifest.json.")
    ],
    input: Annotated[
        str,
        typer.Option(
            "--input", metavar="JSON", help="A new input for the task that failed; one job only.", show_default=False
        ),
    ] = "",
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Run dead letters again from what succeeded: all of them or, where one cannot be, none. Or make a track again from
    its manifest, and say which of its files became the same; 1 when one did not."""
    where = arguments.where(address, data_dir, timeout)
    if len(job_ids) == 1 and Path(job_ids[0]).is_file():
        if input:
            raise errors.InvalidInput("--input is for dead letters; a manifest says everything")
        _run(_again(where, manifests.read(Path(job_ids[0])), as_json=json))
    edited = inputs.json_object(input, field="input") if input else None

    async def main() -> int:
        async with connection.connected(where) as client:
            jobs = await client.replay(job_ids, edited)
        for job in jobs:
            _runs_again(job, as_json=json)
        return failures.OK

    _run(main())


async def _again(where: connection.Where, manifest: manifests.Manifest, *, as_json: bool) -> int:
    async with connection.connected(where) as client:
        return await manifests.replay(client, manifest, as_json=as_json)


def discard(
    job_ids: arguments.JobIds,
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Take jobs off the list of dead letters."""

    async def main() -> int:
        async with connection.connected(arguments.where(address, data_dir, timeout)) as client:
            discarded = await client.discard(job_ids)
        if json:
            say_json({"discarded": discarded})
        else:
            say(f"discarded {words.count(discarded, 'dead letter')}")
        return failures.OK

    _run(main())


def retry(
    job_id: arguments.JobId,
    address: arguments.Address = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Run a failed or cancelled job again from what succeeded."""

    async def main() -> int:
        async with connection.connected(arguments.where(address, data_dir, timeout)) as client:
            _runs_again(await client.retry(job_id), as_json=json)
        return failures.OK

    _run(main())


def _runs_again(job: job_pb2.Job, *, as_json: bool) -> None:
    if as_json:
        say_json(job)
    else:
        say(f"{job.job_id} is {words.job_state(job.state)}. Follow it: tutti watch {job.job_id}")


def _run(main: Coroutine[Any, Any, int]) -> NoReturn:
    raise typer.Exit(asyncio.run(main))

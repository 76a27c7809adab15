"""`tutti workers | drain | queues | pause | resume`: what operators ask of the scheduler."""

import asyncio
import time
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from tutti.cli import arguments, connection, failures, tables, words
from tutti.cli.output import say, say_json
from tutti.cli.output import show as show_table

Kind = Annotated[str, typer.Argument(metavar="KIND", help="The kind of task, such as muscgen.render.")]
WorkerId = Annotated[str, typer.Argument(metavar="WORKER", help="The worker's id, as `tutti workers` lists it.")]


def workers(
    clean: Annotated[bool, typer.Option("--clean", help="Forget those that are LOST first.")] = False,
    address: arguments.SchedulerAddress = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """List the workers, as the scheduler sees them."""

    async def main() -> int:
        async with connection.connected_to_fleet(arguments.where(address, data_dir, timeout)) as client:
            removed = await client.remove_stale() if clean else []
            fleet = await client.workers()
        if removed:
            say(f"forgot {words.count(len(removed), 'worker')}: {', '.join(removed)}", stderr=True)
        if json:
            for worker in fleet:
                say_json(worker)
        elif fleet:
            show_table(tables.workers(fleet, time.time()))
        else:
            say("No workers.", stderr=True)
        return failures.OK

    _run(main())


def drain(
    worker_id: WorkerId,
    address: arguments.SchedulerAddress = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Give a worker nothing new; it finishes what it has. Starting it anew ends that."""

    async def main() -> int:
        async with connection.connected_to_fleet(arguments.where(address, data_dir, timeout)) as client:
            worker = await client.drain(worker_id)
        if json:
            say_json(worker)
        else:
            say(f"{worker_id} drains, {words.count(len(worker.leases), 'attempt')} to finish")
        return failures.OK

    _run(main())


def queues(
    address: arguments.SchedulerAddress = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
    json: arguments.Json = False,
) -> None:
    """Show what waits, by kind, priority and owner, and which kinds are paused."""

    async def main() -> int:
        async with connection.connected_to_fleet(arguments.where(address, data_dir, timeout)) as client:
            found = await client.queues()
        if json:
            say_json(found)
            return failures.OK
        if found.queues:
            show_table(tables.queues(found, time.time()))
        if found.paused_kinds:
            say(f"paused: {', '.join(found.paused_kinds)}")
        waiting = sum(queue.depth for queue in found.queues)
        say(f"{words.count(waiting, 'task')} waiting, {words.count(found.leased, 'attempt')} with workers")
        return failures.OK

    _run(main())


def pause(
    kind: Kind,
    address: arguments.SchedulerAddress = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
) -> None:
    """Start nothing more of a kind until it is resumed. What runs goes on, and jobs are accepted as ever."""

    async def main() -> int:
        async with connection.connected_to_fleet(arguments.where(address, data_dir, timeout)) as client:
            await client.pause(kind)
        say(f"{kind} is paused; resume it: tutti resume {kind}")
        return failures.OK

    _run(main())


def resume(
    kind: Kind,
    address: arguments.SchedulerAddress = "",
    data_dir: arguments.DataDir = None,
    timeout: arguments.Timeout = 10.0,
) -> None:
    """Let a paused kind go on."""

    async def main() -> int:
        async with connection.connected_to_fleet(arguments.where(address, data_dir, timeout)) as client:
            await client.resume(kind)
        say(f"{kind} goes on")
        return failures.OK

    _run(main())


def _run(main: Coroutine[Any, Any, int]) -> None:
    raise typer.Exit(asyncio.run(main))

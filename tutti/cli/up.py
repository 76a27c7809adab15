"""`tutti up`: a mesh under the eyes of whoever started it, until Ctrl-C."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tutti import redis_urls
from tutti.cli.output import say
from tutti.embedded import Mesh, MeshOptions
from tutti.embedded.endpoints import Endpoints
from tutti.embedded.options import DEFAULT_DATA_DIR, DEFAULT_GATEWAY_PORT

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(
    data_dir: Annotated[
        Path, typer.Option("--data-dir", envvar="TUTTI_DATA_DIR", help="Where the mesh keeps everything.")
    ] = DEFAULT_DATA_DIR,
    gateway_port: Annotated[
        int, typer.Option("--gateway-port", min=0, max=65535, help="Port of the gateway; 0: any free one.")
    ] = DEFAULT_GATEWAY_PORT,
    orchestrators: Annotated[int, typer.Option("--orchestrators", min=1, help="How many.")] = 1,
    schedulers: Annotated[int, typer.Option("--schedulers", min=1, help="How many; one leads, the others wait.")] = 1,
    workers: Annotated[int, typer.Option("--workers", min=1, help="How many.")] = 1,
    worker_concurrency: Annotated[
        int | None,
        typer.Option("--worker-concurrency", min=1, help="Tasks that a worker runs at a time.", show_default=False),
    ] = None,
    test_handlers: Annotated[bool, typer.Option("--test-handlers", help="Also serve the test.* kinds.")] = False,
    redis_url: Annotated[
        str,
        typer.Option(
            "--redis-url",
            help="Use this Redis, such as redis+cluster://host:port,host:port, and start none.",
            show_default=False,
        ),
    ] = "",
    no_triton: Annotated[bool, typer.Option("--no-triton", help="No models: to work on the mesh itself.")] = False,
) -> None:
    """Start a whole mesh on this machine: Redis, Triton, and all services. Ctrl-C stops it."""
    options = MeshOptions(
        data_dir=data_dir,
        gateway_port=gateway_port,
        orchestrators=orchestrators,
        schedulers=schedulers,
        workers=workers,
        worker_concurrency=worker_concurrency,
        test_handlers=test_handlers,
        triton=not no_triton,
        redis_url=redis_url,
    )
    asyncio.run(_up(options))


async def _up(options: MeshOptions) -> None:
    say(f"Starting a mesh in {options.data_dir}")
    begun = time.monotonic()
    mesh = Mesh(options, announce=_announce)
    with _stop_asked(mesh) as asked:
        if await _started(mesh, asked):
            _say_ready(mesh.endpoints, time.monotonic() - begun)
            await asked.wait()
            say("Stopping. Ctrl-C again stops at once.")
            await mesh.stop()
    say("Stopped")


@contextlib.contextmanager
def _stop_asked(mesh: Mesh) -> Iterator[asyncio.Event]:
    """An event that the first signal sets; the second one makes the stop a hard one."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal() -> None:
        if asked.is_set():
            mesh.kill()
        asked.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield asked
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def _started(mesh: Mesh, asked: asyncio.Event) -> bool:
    """False when the user had second thoughts; whatever had been started is stopped then."""
    starting = asyncio.create_task(mesh.start(), name="start")
    waiting = asyncio.create_task(asked.wait(), name="stop-asked")
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if starting.done():
        await starting
        return True
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    return False


def _announce(line: str) -> None:
    say(f"{time.strftime('%H:%M:%S')} {line}")


def _say_ready(endpoints: Endpoints, seconds: float) -> None:
    say(f"ready in {seconds:.1f} s")
    say(f"  gateway        {endpoints.gateway.url}")
    say(f"  orchestrators  {' '.join(endpoints.orchestrator_addresses)}")
    say(f"  schedulers     {' '.join(endpoints.scheduler_addresses)}")
    say(f"  workers        {' '.join(worker.address for worker in endpoints.workers)}")
    say(f"  redis          {redis_urls.shown(endpoints.redis.url)}")
    if endpoints.triton:
        say(f"  triton         {endpoints.triton.grpc}")
    say('Try: tutti submit "a chill lo-fi beat, 90 bpm, piano" --duration 12 --watch')
    say("Ctrl-C stops it.")

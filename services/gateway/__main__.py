"""Starts the gateway: `python -m services.gateway`. Only wiring."""

import asyncio
import contextlib
import logging
from datetime import timedelta

import uvloop

from services.gateway import app
from services.gateway.config import GatewaySettings
from services.gateway.feeds import Feeds
from services.gateway.readiness import Readiness
from services.gateway.server import Server, listen
from services.gateway.state import Gateway
from tutti import config, process, telemetry
from tutti.artifacts.directory import DirectoryStore
from tutti.artifacts.settings import ArtifactSettings
from tutti.artifacts.settings import build as build_store
from tutti.client import Client
from tutti.telemetry import tracing

log = logging.getLogger(__name__)


async def serve(settings: GatewaySettings, artifacts: ArtifactSettings) -> None:
    telemetry.start(settings, service="gateway", instance=settings.instance)
    process.raise_file_limit()
    closing = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(tracing.stop)
        # Left in the reverse order: the server has answered its last request before what it needs is closed.
        client = Client(settings.orchestrators, timeout=timedelta(seconds=settings.upstream_timeout_seconds))
        await stack.enter_async_context(client)
        readiness = Readiness(settings.orchestrators, closing)
        stack.push_async_callback(readiness.close)
        store = await _store(artifacts, stack)
        feeds = Feeds(client, heartbeat_seconds=settings.sse_heartbeat_seconds, closing=closing)
        gateway = Gateway(
            settings=settings, client=client, feeds=feeds, readiness=readiness, store=store, closing=closing
        )
        server = Server(app.build(gateway), closing=closing, grace_seconds=settings.grace_seconds)
        with listen(settings.bind_host, settings.port) as listener:
            host, port = listener.getsockname()[:2]
            log.info("serving", extra={"address": f"{host}:{port}"})
            await server.serve([listener])


async def _store(settings: ArtifactSettings, stack: contextlib.AsyncExitStack) -> DirectoryStore | None:
    if settings.s3_bucket:
        return None
    store = build_store(settings)
    if not isinstance(store, DirectoryStore):
        raise AssertionError("without a bucket, artifacts are kept in a directory")
    await stack.enter_async_context(store)
    return store


def main() -> None:
    settings, artifacts = config.load(GatewaySettings), config.load(ArtifactSettings)
    process.main(serve(settings, artifacts), uvloop.new_event_loop)


if __name__ == "__main__":
    main()

"""What every route needs, made once in `__main__`."""

import asyncio
from dataclasses import dataclass

from starlette.requests import Request

from services.gateway.config import GatewaySettings
from services.gateway.feeds import Feeds
from services.gateway.readiness import Readiness
from tutti.artifacts.directory import DirectoryStore
from tutti.client import Client


@dataclass(frozen=True, kw_only=True)
class Gateway:
    settings: GatewaySettings
    client: Client
    feeds: Feeds
    readiness: Readiness
    #: None where artifacts are kept in S3, which serves them itself.
    store: DirectoryStore | None
    #: Set when the process is about to end: streams end so that their clients go elsewhere.
    closing: asyncio.Event


def gateway_of(request: Request) -> Gateway:
    gateway = request.app.state.gateway
    if not isinstance(gateway, Gateway):
        raise AssertionError("the application was made without a gateway")
    return gateway

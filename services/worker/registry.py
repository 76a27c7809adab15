"""The kinds that this worker serves: the handlers of every package installed here that offers some."""

import json
import logging
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points

from tutti import errors
from tutti.handlers import Handler
from tutti.v1 import scheduler_pb2

log = logging.getLogger(__name__)

GROUP = "tutti.handlers"


def installed() -> dict[str, Handler]:
    """Handlers by kind, from the entry points of group `tutti.handlers`."""
    offered: list[Handler] = []
    for point in entry_points(group=GROUP):
        try:
            offered += point.load()()
        except Exception as error:
            # One broken package must not be taken for a worker that serves less than it should.
            raise errors.PreconditionFailed(
                f"handlers of entry point {point.name!r} ({point.value}) cannot be loaded: {error}"
            ) from error
    return by_kind(offered)


def by_kind(handlers: Iterable[Handler]) -> dict[str, Handler]:
    found: dict[str, Handler] = {}
    for handler in handlers:
        if handler.kind in found:
            raise errors.Conflict(f"two installed packages offer handlers of kind {handler.kind!r}; remove one")
        found[handler.kind] = handler
    return found


def kind_infos(handlers: Mapping[str, Handler]) -> list[scheduler_pb2.KindInfo]:
    return [
        scheduler_pb2.KindInfo(
            kind=handler.kind,
            input_schema=json.dumps(handler.input_schema) if handler.input_schema is not None else "",
            models=handler.models,
            concurrency=handler.concurrency or 0,
            cache_version=handler.cache_version,
            cache_needs=handler.cache_needs,
        )
        for handler in handlers.values()
    ]

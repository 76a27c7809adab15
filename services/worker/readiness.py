"""Which models are ready. Asked for in the background, so that a model server that hangs never delays a heartbeat."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from tutti.handlers import Handler

log = logging.getLogger(__name__)

#: A model that is ready rarely changes its mind; one that is not keeps work waiting.
ASK_READY_SECONDS = 1.0
ASK_UNREADY_SECONDS = 0.2


class Readiness:
    def __init__(self, handlers: Iterable[Handler]) -> None:
        self._asked: dict[str, Callable[[str], Awaitable[bool]]] = {}
        self._ready: set[str] = set()
        #: Set when a model became ready or ceased to be.
        self.changed = asyncio.Event()
        for handler in handlers:
            for model in handler.models:
                if handler.ready is None:
                    self._ready.add(model)
                else:
                    self._asked[model] = handler.ready

    def models(self) -> list[str]:
        return sorted(self._ready)

    async def look(self) -> None:
        """Ask each model once."""
        answers = await asyncio.gather(*(ready(model) for model, ready in self._asked.items()))
        for model, ready in zip(self._asked, answers, strict=True):
            if ready == (model in self._ready):
                continue
            self.changed.set()
            if ready:
                self._ready.add(model)
                log.info("a model is ready", extra={"model": model})
            else:
                self._ready.discard(model)
                log.warning("a model is not ready", extra={"model": model})

    async def run(self) -> None:
        while True:
            await self.look()
            missing = self._asked.keys() - self._ready
            await asyncio.sleep(ASK_UNREADY_SECONDS if missing else ASK_READY_SECONDS)

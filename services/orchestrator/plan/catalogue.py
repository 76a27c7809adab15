"""The kinds that the mesh serves, as this replica last read them from the store."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from services.orchestrator.plan.kinds import Kinds
from tutti.v1 import scheduler_pb2

#: A kind that is not known is asked for at most so often, in seconds: nonsense must not become load on Redis.
ASK_AGAIN_SECONDS = 0.25


class Catalogue:
    def __init__(self, read: Callable[[], Awaitable[Sequence[scheduler_pb2.KindInfo]]]) -> None:
        self._read = read
        self._asked = 0.0
        # Of many who miss a kind at once, one asks and all wait for the answer.
        self._asking = asyncio.Lock()
        self._seen: set[bytes] = set()
        self.kinds = Kinds()

    async def refresh(self) -> None:
        known = await self._read()
        seen = {info.SerializeToString() for info in known}
        if seen != self._seen:
            self.kinds, self._seen = Kinds(known), seen

    async def learn(self, kinds: Iterable[str]) -> None:
        """Look once more whether kinds have become known; a worker that serves them may have just registered."""
        wanted = [kind for kind in kinds if kind and kind not in self.kinds]
        if not wanted:
            return
        async with self._asking:
            missing = any(kind not in self.kinds for kind in wanted)
            if missing and time.monotonic() - self._asked >= ASK_AGAIN_SECONDS:
                self._asked = time.monotonic()
                await self.refresh()

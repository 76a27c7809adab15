"""Events as watchers are answered with them: put together and signed once for all who are given the same ones."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

from tutti.v1 import artifact_pb2, job_pb2, orchestrator_pb2

#: Answers that are remembered. Watchers of a job move in step, so its latest few serve nearly all of them.
MOST = 64
#: Addresses in an answer begin to age when it is made; seconds.
FRESH_SECONDS = 30.0

#: Gives an artifact its address.
Sign = Callable[[Sequence[artifact_pb2.Artifact]], Awaitable[None]]


class Responses:
    def __init__(self, sign: Sign) -> None:
        self._sign = sign
        self._made: OrderedDict[tuple[str, int, int], tuple[float, orchestrator_pb2.WatchJobResponse]] = OrderedDict()

    async def of(self, events: Sequence[job_pb2.Event]) -> orchestrator_pb2.WatchJobResponse:
        """Events of one job that follow on each other; the answer is shared and must not be changed."""
        key, now = (events[0].job_id, events[0].sequence, events[-1].sequence), time.monotonic()
        known = self._made.get(key)
        if known is not None and known[0] > now:
            return known[1]
        response = orchestrator_pb2.WatchJobResponse(events=events)
        await signed(response.events, self._sign)
        self._made[key] = now + FRESH_SECONDS, response
        self._made.move_to_end(key)
        while len(self._made) > MOST:
            self._made.popitem(last=False)
        return response


async def signed(events: Sequence[job_pb2.Event], sign: Sign) -> None:
    """Give the artifacts in events their addresses. The events are changed: they must be the caller's own copies."""
    for event in events:
        if event.HasField("artifact"):
            await sign([event.artifact])

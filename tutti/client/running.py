"""Jobs that are handed over and followed in one go, on streams that stay open for the next ones."""

from collections.abc import AsyncGenerator
from typing import TypeAlias

import grpc

from tutti import errors, lanes, rpc
from tutti.v1 import orchestrator_pb2, orchestrator_pb2_grpc

#: Streams that are kept for another job. Who has more under way opens more, and they go when their jobs have ended.
IDLE = 32

_Stream: TypeAlias = "grpc.aio.StreamStreamCall[orchestrator_pb2.RunJobRequest, orchestrator_pb2.RunJobResponse]"


class Runs:
    def __init__(self, stub: orchestrator_pb2_grpc.OrchestratorServiceStub) -> None:
        self._stub = stub
        #: By owner: a stream names it once, for all of its jobs.
        self._idle: list[tuple[str, _Stream]] = []

    async def follow(
        self, request: orchestrator_pb2.RunJobRequest, owner: str
    ) -> AsyncGenerator[orchestrator_pb2.RunJobResponse, None]:
        """What is answered, until the job has ended. Raises our errors; the job may have been accepted all the same."""
        stream, ended = self._take(owner), False
        try:
            await lanes.say(stream, request)
            while not ended:
                response = await lanes.hear(stream)
                ended = response.ended
                if ended:
                    # Before it is handed over: who has seen the end may never ask for more.
                    self._keep(owner, stream)
                yield response
        except errors.Unavailable:
            # The others may lead to the same server.
            self.close()
            raise
        finally:
            if not ended:
                stream.cancel()

    def close(self) -> None:
        """Hang up what waits; what is under way goes on."""
        while self._idle:
            self._idle.pop()[1].cancel()

    def _take(self, owner: str) -> _Stream:
        for place in range(len(self._idle) - 1, -1, -1):
            if self._idle[place][0] == owner and not self._idle[place][1].done():
                return self._idle.pop(place)[1]
        # What a request is part of, it says itself: the call's metadata would say the same of all.
        return self._stub.RunJob(metadata=((rpc.OWNER_KEY, owner),) if owner else ())

    def _keep(self, owner: str, stream: _Stream) -> None:
        self._idle.append((owner, stream))
        if len(self._idle) > IDLE:
            self._idle.pop(0)[1].cancel()

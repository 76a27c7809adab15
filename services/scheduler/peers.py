"""The orchestrator replicas that this leader speaks to: what each has still to hear, and which of them are gone."""

import time
from collections.abc import AsyncIterator

from tutti.updates import Outbox
from tutti.v1 import task_pb2

#: A replica that has had no stream for so long, in seconds, is gone; its jobs were taken over by others.
FORGET_SECONDS = 120.0


class Peer:
    def __init__(self, epoch: str) -> None:
        self.outbox = Outbox(epoch)
        self.last_heard = time.monotonic()
        #: Streams that it has open; while there is one, it is not gone, however little is said.
        self.streams = 0

    @property
    def gone(self) -> bool:
        return not self.streams and time.monotonic() - self.last_heard > FORGET_SECONDS


class Peers:
    def __init__(self, epoch: str) -> None:
        self._epoch = epoch
        self._peers: dict[str, Peer] = {}

    @property
    def listening(self) -> bool:
        """Whether there is any orchestrator that could ask for what it misses."""
        return any(peer.streams for peer in self._peers.values())

    def outbox(self, orchestrator_id: str) -> Outbox:
        return self._peer(orchestrator_id).outbox

    def heard(self, orchestrator_id: str) -> None:
        self._peer(orchestrator_id).last_heard = time.monotonic()

    def acknowledged_by(self, orchestrator_id: str) -> int:
        return self._peer(orchestrator_id).outbox.acknowledged

    async def read(self, orchestrator_id: str, after: task_pb2.UpdateCursor) -> AsyncIterator[task_pb2.UpdateBatch]:
        peer = self._peer(orchestrator_id)
        peer.streams += 1
        try:
            async for batch in peer.outbox.read(after):
                yield batch
        finally:
            peer.streams -= 1
            peer.last_heard = time.monotonic()

    def forget_gone(self) -> list[task_pb2.Update]:
        """Drop what nobody will come for any more; returns it. The outbox itself stays, or its numbers would begin anew
        for a replica that was only cut off."""
        gone = [peer.outbox for peer in self._peers.values() if peer.gone]
        return [update for outbox in gone for update in outbox.acknowledge(outbox.number)]

    def end(self) -> None:
        """The term is over: orchestrators shall look for the next leader."""
        for peer in self._peers.values():
            peer.outbox.end()

    def _peer(self, orchestrator_id: str) -> Peer:
        peer = self._peers.get(orchestrator_id)
        if peer is None:
            peer = self._peers[orchestrator_id] = Peer(self._epoch)
        return peer

"""Who leads: a lease in Redis, and a term that grows with every election.

The term fences: workers refuse a leader of an earlier term, and leases carry it. So a leader may go on while Redis is
away; should another have been elected meanwhile, nobody listens to this one any more.

    key                       type     holds
    tutti:scheduler:leader    string   the leader's name and address; expires
    tutti:scheduler:term      string   the last term
    tutti:scheduler:paused    set      kinds whose queues are held
    tutti:scheduler:drained   hash     worker -> incarnation, who was told to drain of late; expires
    tutti:kinds               hash     kind -> KindInfo, every kind that a worker ever registered
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tutti import errors, redis_client
from tutti.v1 import scheduler_pb2

log = logging.getLogger(__name__)

LEADER = "tutti:scheduler:leader"
TERM = "tutti:scheduler:term"
PAUSED = "tutti:scheduler:paused"
DRAINED = "tutti:scheduler:drained"
KINDS = "tutti:kinds"

#: A worker learns within a heartbeat that it is to drain, and remembers it for as long as it lives.
DRAINED_SECONDS = 3600
#: Away or full: in either case it is a matter of time.
_REDIS_REFUSES = (errors.Unavailable, errors.QuotaExceeded)


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Of operators, to whoever leads."""

    #: Kinds whose queues are held.
    paused: frozenset[str]
    #: Incarnations that are to drain, by worker.
    drained: Mapping[str, str]


class Election:
    def __init__(self, url: str, *, name: str, lease_seconds: float) -> None:
        self._redis = redis_client.connect(url)
        self._scripts = redis_client.scripts(self._redis, Path(__file__).parent / "scripts")
        self._name = name
        self._lease_ms = int(lease_seconds * 1000)

    async def win(self) -> int:
        """Wait until this process leads; returns its term."""
        while True:
            try:
                with redis_client.translated():
                    if await self._redis.set(LEADER, self._name, nx=True, px=self._lease_ms):
                        term = int(await self._redis.incr(TERM))
                        # Paused in between for longer than its lease, this process would hold the highest term while
                        # another leads. Asked in this order, whoever is elected later gets a later term.
                        if await self._refreshed():
                            return term
            except _REDIS_REFUSES as error:
                log.warning("cannot stand for election", extra={"error": error.message})
            await asyncio.sleep(self._lease_ms / 3000)

    async def keep(self, term: int) -> None:
        """Return once another leads, or has led."""
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            try:
                with redis_client.translated():
                    if not (await self._refreshed() or await self._taken_back(term)):
                        return
            except _REDIS_REFUSES as error:
                log.warning("cannot refresh the leader's lease", extra={"error": error.message})

    async def _refreshed(self) -> bool:
        return bool(await self._scripts["keep"](keys=[LEADER], args=[self._name, self._lease_ms]))

    async def _taken_back(self, term: int) -> bool:
        """Whether the lease, which ran out while Redis or this process was away, is ours again. Not if somebody led in
        between: workers have heard a later term from them and refuse this one for ever."""
        if not await self._redis.set(LEADER, self._name, nx=True, px=self._lease_ms):
            return False
        if int(await self._redis.get(TERM) or 0) == term:
            return True
        await self._scripts["leave"](keys=[LEADER], args=[self._name])
        return False

    async def leave(self) -> None:
        with redis_client.translated():
            await self._scripts["leave"](keys=[LEADER], args=[self._name])

    async def publish_kinds(self, kinds: Iterable[scheduler_pb2.KindInfo]) -> None:
        """Make known what the mesh can run. Never taken back: jobs may wait for a worker that is away."""
        offered = {kind.kind: kind.SerializeToString() for kind in kinds}
        with redis_client.translated():
            # A full Redis takes no writes; workers that come back must be let in all the same.
            known = await self._redis.hmget(KINDS, list(offered))
            fresh = {kind: info for (kind, info), old in zip(offered.items(), known, strict=True) if info != old}
            if fresh:
                await self._redis.hset(KINDS, mapping=fresh)

    async def orders(self) -> Orders:
        """What operators have told the leaders before; asked until Redis answers."""
        while True:
            try:
                with redis_client.translated():
                    paused, drained = await self._redis.smembers(PAUSED), await self._redis.hgetall(DRAINED)
                return Orders(
                    paused=frozenset(kind.decode() for kind in paused),
                    drained={worker.decode(): incarnation.decode() for worker, incarnation in drained.items()},
                )
            except errors.Unavailable as error:
                log.warning("cannot read what operators have ordered", extra={"error": error.message})
            await asyncio.sleep(self._lease_ms / 3000)

    async def pause(self, kind: str) -> None:
        """Hold a kind's queue, whoever leads."""
        with redis_client.translated():
            await self._redis.sadd(PAUSED, kind)
            await self._check_leads()

    async def resume(self, kind: str) -> None:
        with redis_client.translated():
            await self._redis.srem(PAUSED, kind)
            await self._check_leads()

    async def drain(self, worker_id: str, incarnation: str) -> None:
        """Let a worker drain, whoever leads when it comes by."""
        with redis_client.translated():
            await self._redis.hset(DRAINED, worker_id, incarnation)
            await self._redis.expire(DRAINED, DRAINED_SECONDS)
            await self._check_leads()

    async def _check_leads(self) -> None:
        """After a change: another leader that was elected before it may have read what was there before. Should one be
        elected after this look, it reads the change."""
        holder = await self._redis.get(LEADER)
        if holder is None or holder.decode() != self._name:
            raise errors.Unavailable("another scheduler leads by now, or none; try again", reason="NOT_LEADER")

    async def close(self) -> None:
        await self._redis.aclose()

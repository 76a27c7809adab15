"""Results of tasks in Redis, and who is computing one now."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from services.orchestrator.store import keys
from services.orchestrator.store.jobs import SCRIPTS, JobStore
from tutti import redis_client
from tutti.v1 import job_pb2


class How(StrEnum):
    """In which state a task asks."""

    ASK = "ask"
    KEEP = "keep"
    RUN = "run"


class Verdict(StrEnum):
    HIT = "hit"
    CLAIMED = "claimed"
    #: It had the claim already.
    MINE = "mine"
    TAKEN = "taken"


class Asked(NamedTuple):
    digest: str
    job_id: str
    task: str
    epoch: int
    priority: int
    how: How


class Answer(NamedTuple):
    verdict: Verdict
    #: Result and artifacts, where it is a hit.
    done: job_pb2.Task | None = None


class Settled(NamedTuple):
    digest: str
    job_id: str
    task: str
    epoch: int
    #: Result and artifacts; None gives the claim back.
    done: job_pb2.Task | None = None


class CacheStore:
    def __init__(self, store: JobStore, *, ttl_seconds: int, claim_seconds: float) -> None:
        self._store = store
        self._scripts = redis_client.scripts(store.redis, SCRIPTS)
        self._ttl = ttl_seconds
        self._claim_ms = int(claim_seconds * 1000)

    def partition_of(self, digest: str) -> int:
        """Equal tasks of all jobs must meet, so it is the digest that says where."""
        return int(digest[:8], 16) % self._store.partitions

    async def ask(self, partition: int, asked: Sequence[Asked]) -> list[Answer]:
        args: list[str | int] = [self._claim_ms, self._claim_ms]
        for each in asked:
            args += (_who(each), each.epoch, each.priority, each.how.value)
        with redis_client.translated():
            answers = await self._scripts["cache_claim"](keys=_keys(partition, asked), args=args)
        return [
            Answer(Verdict(verdict.decode()), job_pb2.Task.FromString(result[0]) if result else None)
            for verdict, *result in answers
        ]

    async def settle(self, partition: int, settled: Sequence[Settled]) -> list[bool]:
        """Returns for each whether it changed something."""
        args: list[str | int | bytes] = [self._ttl]
        for each in settled:
            args += (_who(each), each.epoch, each.done.SerializeToString() if each.done is not None else "")
        with redis_client.translated():
            answers = await self._scripts["cache_settle"](keys=_keys(partition, settled), args=args)
        return [bool(answer) for answer in answers]


def _who(each: Asked | Settled) -> str:
    return f"{each.job_id} {each.task}"


def _keys(partition: int, items: Sequence[Asked | Settled]) -> list[str]:
    return [keys.cache(partition, item.digest) for item in items]

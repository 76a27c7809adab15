"""Dead letters in Redis: jobs that failed, and what lets them run again or be forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.orchestrator import ids
from services.orchestrator.job_record import JobRecord, Transition
from services.orchestrator.store import keys, records
from services.orchestrator.store.jobs import SCRIPTS, JobStore
from services.orchestrator.store.records import Stored
from services.orchestrator.store.values import recorded
from tutti import redis_client
from tutti.v1 import job_pb2


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Letter:
    """A dead letter's place on the list: by the time of death, and by id where that is the same."""

    dead_ms: int
    job_id: str


class DeadLetters:
    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._redis = store.redis
        self._scripts = redis_client.scripts(store.redis, SCRIPTS)

    async def page(self, owner: str, before: Letter | None, count: int) -> list[Letter]:
        """Up to `count` letters that come after one on the list, newest first."""
        found: list[Letter] = []
        for partition in range(self._store.partitions):
            found += await self._page_of(partition, owner, before, count)
        return sorted(found, reverse=True)[:count]

    async def _page_of(self, partition: int, owner: str, before: Letter | None, count: int) -> list[Letter]:
        found: list[Letter] = []
        highest = before.dead_ms if before else "+inf"
        for offset in range(0, 2**31, count):
            with redis_client.translated():
                rows = await self._redis.zrevrangebyscore(
                    keys.dead(partition, owner), highest, "-inf", start=offset, num=count, withscores=True
                )
            letters = [Letter(dead_ms=int(score), job_id=job_id.decode()) for job_id, score in rows]
            # Many jobs may die in one millisecond, of which some are on an earlier page.
            found += [letter for letter in letters if before is None or letter < before]
            if len(found) >= count or len(rows) < count:
                break
        return found[:count]

    async def read(self, owner: str, letters: Sequence[Letter]) -> list[Stored | None]:
        """The jobs of letters; those that are past their retention are None, and taken off the list."""
        with redis_client.translated():
            pipeline = self._redis.pipeline(transaction=False)
            for letter in letters:
                pipeline.hgetall(keys.job(self._partition(letter.job_id), letter.job_id))
            rows = await pipeline.execute() if letters else []
            gone = [letter.job_id for letter, fields in zip(letters, rows, strict=True) if not fields]
            for job_id in gone:
                await self._redis.zrem(keys.dead(self._partition(job_id), owner), job_id)
        return [
            records.parse(letter.job_id, fields) if fields else None
            for letter, fields in zip(letters, rows, strict=True)
        ]

    async def has(self, owner: str, job_id: str) -> bool:
        with redis_client.translated():
            score = await self._redis.zscore(keys.dead(self._partition(job_id), owner), job_id)
        return score is not None

    async def retry(self, seen: Stored, transition: Transition) -> tuple[job_pb2.Event, ...] | str:
        """Record that a job runs again; returns its events, or `missing`, `open` or `changed` where it is no longer as
        it was seen."""
        job: JobRecord = transition.job
        partition = self._partition(job.job_id)
        fields = records.retried_fields(job, transition.changed)
        events = [event.SerializeToString() for event in transition.events]
        with redis_client.translated():
            answer = await self._scripts["retry"](
                keys=[
                    keys.job(partition, job.job_id),
                    keys.events(partition, job.job_id),
                    keys.stream(partition, job.spec.priority),
                    keys.open_jobs(partition),
                    keys.dead(partition, job.owner),
                ],
                args=[job.job_id, job.owner, seen.revision, len(fields), *fields, len(events), *events],
            )
        return answer.decode() if isinstance(answer, bytes) else recorded(job.job_id, transition.events, answer)

    async def discard(self, owner: str, job_ids: Sequence[str]) -> int:
        """Take jobs off the owner's list; returns how many were on it."""
        by_partition: dict[int, list[str]] = {}
        for job_id in job_ids:
            by_partition.setdefault(self._partition(job_id), []).append(job_id)
        discarded = 0
        for partition, names in by_partition.items():
            keys_ = [keys.dead(partition, owner)]
            for job_id in names:
                keys_ += (keys.job(partition, job_id), keys.events(partition, job_id))
            with redis_client.translated():
                discarded += await self._scripts["discard"](keys=keys_, args=[self._store.retention_seconds, *names])
        return discarded

    def _partition(self, job_id: str) -> int:
        return ids.partition_of(job_id, self._store.partitions)

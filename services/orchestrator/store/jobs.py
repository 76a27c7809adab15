"""The adapter between jobs and Redis: one method per thing that the orchestrator does to its store."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

from redis.exceptions import ResponseError

from services.orchestrator import ids
from services.orchestrator.store import keys, records
from services.orchestrator.store.records import Stored
from services.orchestrator.store.values import (
    Claimed,
    Commit,
    Committed,
    Look,
    NewJob,
    PageRead,
    event_of,
    stream_number,
)
from tutti import redis_client
from tutti.v1 import job_pb2, scheduler_pb2

SCRIPTS = Path(__file__).parent / "scripts"
#: Checkpoints that callers may add to one job.
MOST_CHECKPOINTS = 1_000
#: Entries of a stream that a replica is reminded of at a time.
PENDING_PAGE = 1_000
#: How the answer to a job begins whose owner has no room left; the number of its unfinished jobs follows.
FULL = "full "
_NO_LIMITS: Mapping[str, int] = {}


class JobStore:
    def __init__(
        self, url: str, *, retention_seconds: int, dead_retention_seconds: int, request_ttl_seconds: int
    ) -> None:
        self._redis = redis_client.connect(url)
        # Reads that wait get connections of their own, so that they never hold up a write.
        self._blocking = redis_client.connect(url, blocking=True)
        self._scripts = redis_client.scripts(self._redis, SCRIPTS)
        self.retention_seconds = retention_seconds
        self.dead_retention_seconds = dead_retention_seconds
        self._request_ttl = request_ttl_seconds
        self.partitions = 1

    @property
    def redis(self) -> redis_client.Connection:
        return self._redis

    @property
    def blocking(self) -> redis_client.Connection:
        return self._blocking

    async def open(self, partitions: int) -> None:
        """Agree on the number of partitions (the first start ever decides) and make sure that the streams exist."""
        with redis_client.translated():
            await self._redis.set(keys.PARTITIONS, partitions, nx=True)
            self.partitions = int(await self._redis.get(keys.PARTITIONS))
            for partition in range(self.partitions):
                for stream in keys.streams(partition):
                    await self._make_group(stream)

    async def _make_group(self, stream: str) -> None:
        try:
            await self._redis.xgroup_create(stream, keys.GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def close(self) -> None:
        await self._redis.aclose()
        await self._blocking.aclose()

    async def create(
        self, partition: int, jobs: Sequence[NewJob], replica: str, room: int, limits: Mapping[str, int] = _NO_LIMITS
    ) -> tuple[list[str], list[Claimed]]:
        """Accept jobs; per job `created`, `conflict`, the id that its request id already stands for, or `full <n>`
        where its owner has n unfinished jobs in this partition, and a limit that allows no more."""
        keys_: list[str] = [*keys.streams(partition), keys.open_jobs(partition)]
        args: list[bytes | str | int] = [replica, room, self._request_ttl]
        for new in jobs:
            job = new.record
            log = keys.events(partition, job.job_id)
            request = keys.request(partition, job.owner, new.request_id) if new.request_id else log
            keys_ += (keys.job(partition, job.job_id), log, keys.owner(partition, job.owner), request)
            fields = records.new_job_fields(job)
            args += (
                job.job_id,
                job.owner,
                limits.get(job.owner, ""),
                stream_number(job.spec.priority),
                "1" if new.request_id else "",
                new.digest,
                new.event.SerializeToString(),
                len(fields),
                *fields,
            )
        with redis_client.translated():
            answers, claimed = await self._scripts["create"](keys=keys_, args=args)
        return [answer.decode() for answer in answers], [
            Claimed(entry=entry.decode(), stream=stream, job_id=job_id.decode(), epoch=epoch, cursor=cursor.decode())
            for entry, stream, job_id, epoch, cursor in zip(*[iter(claimed)] * 5, strict=True)
        ]

    async def claim(
        self, partition: int, stream: int, entries: Mapping[str, str], replica: str, *, holder: str = ""
    ) -> list[Stored]:
        """Become the driver of the jobs of these entries (entry -> job id); returns those that are left to drive. With
        a holder, only of entries that are still in its hands."""
        keys_ = [keys.streams(partition)[stream - 1]]
        keys_ += [keys.job(partition, job_id) for job_id in entries.values()]
        with redis_client.translated():
            answers = await self._scripts["claim"](keys=keys_, args=[replica, holder, *entries])
        found = []
        for job_id, answer in zip(entries.values(), answers, strict=True):
            if answer:
                found.append(records.parse(job_id, _as_mapping(answer[1:])))
        return found

    async def commit(self, partition: int, commits: Sequence[Commit]) -> list[Committed]:
        keys_: list[str] = [*keys.streams(partition), keys.open_jobs(partition)]
        args: list[bytes | str | int] = [self.retention_seconds, self.dead_retention_seconds]
        for commit in commits:
            keys_ += (keys.job(partition, commit.job_id), keys.events(partition, commit.job_id))
            args += (
                commit.epoch,
                commit.number,
                commit.stream or "",
                commit.entry,
                commit.dead_ms or "",
                len(commit.fields),
                *commit.fields,
                len(commit.events),
                *[event.SerializeToString() for event in commit.events],
            )
        with redis_client.translated():
            answers = await self._scripts["commit"](keys=keys_, args=args)
        return [
            Committed(commit, fenced=answer == b"fenced") if isinstance(answer, bytes) else Committed(commit, answer)
            for commit, answer in zip(commits, answers, strict=True)
        ]

    async def read_streams(self, partition: int, replica: str, each: int, block_ms: int | None = None) -> list[Claimed]:
        """Up to so many entries of each stream that nobody has been given yet, waited for if asked to. Their jobs are
        not this replica's until it claims them."""
        streams = keys.streams(partition)
        # A server that hangs, or whose machine is gone, never says that the wait is over.
        seconds = (block_ms or 0) / 1000 + redis_client.ANSWER_SECONDS
        with redis_client.translated():
            async with asyncio.timeout(seconds):
                answer = await self._blocking.xreadgroup(
                    keys.GROUP, replica, dict.fromkeys(streams, ">"), count=each, block=block_ms
                )
        return _entries(answer, streams)

    async def own_pending(self, partition: int, replica: str) -> AsyncIterator[list[Claimed]]:
        """Pages of entries that were given to this replica before: the answer may have been lost on the way."""
        streams = keys.streams(partition)
        after: dict[str, str | bytes] = dict.fromkeys(streams, "0")
        while True:
            with redis_client.translated():
                answer = await self._redis.xreadgroup(keys.GROUP, replica, after, count=PENDING_PAGE)
            found = {name.decode(): entries for name, entries in answer or () if entries}
            if not found:
                return
            after |= {name: entries[-1][0] for name, entries in found.items()}
            yield _entries(answer, streams)

    async def consumers(self, partition: int, stream: int) -> dict[str, int]:
        """Replicas that were ever given entries of a stream, with how many they still hold."""
        with redis_client.translated():
            found = await self._redis.xinfo_consumers(keys.streams(partition)[stream - 1], keys.GROUP)
        return {consumer["name"].decode(): consumer["pending"] for consumer in found}

    async def pending_of(self, partition: int, stream: int, replica: str, count: int) -> dict[str, str]:
        """Entries that a replica holds, entry -> job id."""
        name = keys.streams(partition)[stream - 1]
        with redis_client.translated():
            pending = await self._redis.xpending_range(name, keys.GROUP, "-", "+", count, consumername=replica)
            pipeline = self._redis.pipeline(transaction=False)
            for item in pending:
                pipeline.xrange(name, item["message_id"], item["message_id"])
            found = await pipeline.execute() if pending else []
        return {entry.decode(): fields[b"id"].decode() for rows in found for entry, fields in rows}

    async def forget_consumer(self, partition: int, stream: int, replica: str) -> None:
        """Drop a dead replica's name from a stream, unless it holds entries there: should it have been only paused."""
        with redis_client.translated():
            await self._scripts["forget"](keys=[keys.streams(partition)[stream - 1]], args=[replica])

    async def get(self, job_id: str) -> Stored:
        partition = ids.partition_of(job_id, self.partitions)
        with redis_client.translated():
            fields = await self._redis.hgetall(keys.job(partition, job_id))
        if not fields:
            raise ids.no_such_job(job_id)
        return records.parse(job_id, fields)

    async def epochs(self, job_ids: Iterable[str]) -> dict[str, int]:
        """How often each job has been claimed; 0 where it is gone."""
        by_partition: dict[int, list[str]] = {}
        for job_id in job_ids:
            by_partition.setdefault(ids.partition_of(job_id, self.partitions), []).append(job_id)
        found: dict[str, int] = {}
        with redis_client.translated():
            for partition, of_partition in by_partition.items():
                pipeline = self._redis.pipeline(transaction=False)
                for job_id in of_partition:
                    pipeline.hget(keys.job(partition, job_id), "epoch")
                answers = await pipeline.execute()
                found.update(zip(of_partition, (int(epoch or 0) for epoch in answers), strict=True))
        return found

    async def head(self, job_id: str) -> tuple[str, int, str]:
        """Owner, state and last event id."""
        partition = ids.partition_of(job_id, self.partitions)
        with redis_client.translated():
            owner, state, last = await self._redis.hmget(
                keys.job(partition, job_id), ["owner", "state", "last_event_id"]
            )
        if owner is None:
            raise ids.no_such_job(job_id)
        return owner.decode(), int(state), last.decode()

    async def open_jobs(self, owner: str) -> list[int]:
        """How many unfinished jobs an owner has in each partition."""
        with redis_client.translated():
            pipeline = self._redis.pipeline(transaction=False)
            for partition in range(self.partitions):
                pipeline.hget(keys.open_jobs(partition), owner)
            return [int(found or 0) for found in await pipeline.execute()]

    async def page(self, owner: str, before: str, count: int) -> PageRead:
        """Up to `count` jobs of an owner that were created before the job of that id, newest first."""
        below = f"({before}" if before else "+"
        with redis_client.translated():
            pipeline = self._redis.pipeline(transaction=False)
            for partition in range(self.partitions):
                pipeline.zrevrangebylex(keys.owner(partition, owner), below, "-", 0, count)
            found = [job_id.decode() for names in await pipeline.execute() for job_id in names]
            newest = sorted(found, reverse=True)[:count]
            pipeline = self._redis.pipeline(transaction=False)
            for job_id in newest:
                pipeline.hgetall(keys.job(ids.partition_of(job_id, self.partitions), job_id))
            rows = await pipeline.execute() if newest else []
        await self._forget(owner, [job_id for job_id, fields in zip(newest, rows, strict=True) if not fields])
        jobs = [records.parse(job_id, fields) for job_id, fields in zip(newest, rows, strict=True) if fields]
        return PageRead(jobs=jobs, last=newest[-1] if len(newest) == count else "")

    async def _forget(self, owner: str, expired: Sequence[str]) -> None:
        """Take jobs out of their owner's index whose retention is over: nothing else notices that they have gone."""
        with redis_client.translated():
            pipeline = self._redis.pipeline(transaction=False)
            for job_id in expired:
                pipeline.zrem(keys.owner(ids.partition_of(job_id, self.partitions), owner), job_id)
            if expired:
                await pipeline.execute()

    async def events(self, job_id: str, after: str, count: int) -> list[job_pb2.Event]:
        return (await self.look(job_id, after, count)).events

    async def look(self, job_id: str, after: str, count: int) -> Look:
        """A job's head and its events after a cursor, in one round trip."""
        partition = ids.partition_of(job_id, self.partitions)
        first = f"({after}" if after else "-"
        with redis_client.translated():
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hmget(keys.job(partition, job_id), ["owner", "state", "last_event_id", "driver"])
            pipeline.xrange(keys.events(partition, job_id), first, "+", count)
            (owner, state, last, driver), rows = await pipeline.execute()
        if owner is None:
            raise ids.no_such_job(job_id)
        events = [event_of(job_id, cursor, fields) for cursor, fields in rows]
        return Look(
            owner=owner.decode(),
            state=int(state),
            last_event_id=last.decode(),
            driver=driver.decode() if driver else "",
            events=events,
        )

    async def cancel(self, job_id: str) -> str:
        """Record the wish; returns the driver, `-` while there is none, or nothing where the job is at rest."""
        partition = ids.partition_of(job_id, self.partitions)
        with redis_client.translated():
            driver: bytes = await self._scripts["cancel"](keys=[keys.job(partition, job_id)])
        return driver.decode()

    async def add_checkpoint(self, event: job_pb2.Event) -> job_pb2.Event | str:
        """Returns the event as recorded, or `missing`, `finished` or `full`."""
        partition = ids.partition_of(event.job_id, self.partitions)
        with redis_client.translated():
            answer = await self._scripts["checkpoint"](
                keys=[keys.job(partition, event.job_id), keys.events(partition, event.job_id)],
                args=[event.checkpoint.SerializeToString(), event.SerializeToString(), MOST_CHECKPOINTS],
            )
        if isinstance(answer, bytes):
            return answer.decode()
        event.sequence, event.event_id = int(answer[0]), answer[1].decode()
        return event

    async def refresh_lease(self, replica: str, address: str, seconds: float) -> None:
        with redis_client.translated():
            # A full Redis still extends a lease, but grants none.
            if not await self._redis.pexpire(keys.replica(replica), int(seconds * 1000)):
                await self._redis.set(keys.replica(replica), address, px=int(seconds * 1000))

    async def drop_lease(self, replica: str) -> None:
        with redis_client.translated():
            await self._redis.delete(keys.replica(replica))

    async def alive(self, replica: str) -> bool:
        with redis_client.translated():
            return bool(await self._redis.exists(keys.replica(replica)))

    async def send_wish(self, replica: str, job_id: str) -> None:
        with redis_client.translated():
            await self._redis.publish(keys.wishes(replica), job_id)

    async def kinds(self) -> list[scheduler_pb2.KindInfo]:
        with redis_client.translated():
            found = await self._redis.hgetall(keys.KINDS)
        return [scheduler_pb2.KindInfo.FromString(value) for value in found.values()]


def _as_mapping(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _entries(
    answer: Sequence[tuple[bytes, Sequence[tuple[bytes, Mapping[bytes, bytes]]]]], streams: list[str]
) -> list[Claimed]:
    return [
        Claimed(entry=entry.decode(), stream=streams.index(name.decode()) + 1, job_id=fields[b"id"].decode(), epoch=0)
        for name, entries in answer or ()
        for entry, fields in entries
        # An entry that was deleted while it was pending comes without fields.
        if fields
    ]

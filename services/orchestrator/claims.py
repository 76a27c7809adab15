"""Which jobs are this replica's: its lease, the jobs that it claims from the streams, and those of replicas that died.

A replica holds one lease for all its jobs. When it is gone, others claim its pending entries under a higher epoch; the
old driver, should it only have been paused, is refused at its next commit.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Sequence

from services.orchestrator import metrics
from services.orchestrator.driver import Driver
from services.orchestrator.job import resumed
from services.orchestrator.plan.catalogue import Catalogue
from services.orchestrator.store import keys
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.values import Claimed
from tutti import backoff, errors, process, redis_client

log = logging.getLogger(__name__)

#: How long a read waits at the server for new entries, in milliseconds.
BLOCK_MS = 2_000
#: Entries claimed in one script call: bounds how long Redis is busy with it.
CLAIM_BATCH = 100
#: Away or full: in either case it is a matter of time, and no reason to let go of what is in hand.
_REDIS_REFUSES = (errors.Unavailable, errors.QuotaExceeded)
STREAM_NUMBERS = range(1, len(keys.STREAMS) + 1)


class Claims:
    def __init__(
        self,
        store: JobStore,
        driver: Driver,
        catalogue: Catalogue,
        *,
        replica: str,
        address: str,
        lease_seconds: float,
        max_driven: int,
    ) -> None:
        self.replica = replica
        self._address = address
        self._store = store
        self._driver = driver
        self._catalogue = catalogue
        self._lease_seconds = lease_seconds
        self._max_driven = max_driven
        self._stopping = False
        self._left = False
        self._look_again = True
        #: Jobs that reads which are under way may bring.
        self._expected = 0
        self._waiting: asyncio.Queue[tuple[int, Sequence[Claimed]]] = asyncio.Queue()

    def room(self) -> int:
        """How many more jobs this replica will drive. What a read may still bring counts, but never for more than half:
        a replica with less room than partitions must be able to read them all."""
        if self._stopping:
            return 0
        return max(0, self._max_driven - len(self._driver) - min(self._expected, self._max_driven // 2))

    def look_again(self) -> None:
        """Something may have been given to this replica without its knowledge."""
        self._look_again = True

    def claim_soon(self, partition: int, claimed: Sequence[Claimed]) -> None:
        self._waiting.put_nowait((partition, claimed))

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True

    async def start(self) -> None:
        await self.renew()
        # Jobs that are claimed first of all may be of kinds whose tasks can be spared.
        await self._catalogue.refresh()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(), name="keep-lease")
            tasks.create_task(self._load(), name="load-claimed")
            tasks.create_task(self._wishes(), name="hear-wishes")
            for partition in range(self._store.partitions):
                tasks.create_task(self._read(partition), name=f"read-streams-{partition}")

    async def leave(self) -> None:
        """Give the lease back: the jobs that are left may be taken over at once. Without Redis it runs out instead."""
        self._left = True
        with contextlib.suppress(errors.Unavailable):
            await self._store.drop_lease(self.replica)

    async def _keep(self) -> None:
        """Refresh the lease, and look after what others left behind."""
        while not self._left:
            try:
                await self.renew()
                await self._catalogue.refresh()
                if not self._stopping:
                    await self._adopt_own()
                    await self._take_over()
            except _REDIS_REFUSES as error:
                log.warning("could not refresh the lease", extra={"error": error.message})
            await asyncio.sleep(self._lease_seconds / 3)

    async def renew(self) -> None:
        """Refresh the lease. Had it run out, because this process was paused or Redis away, others may have taken jobs
        over: those are let go before anything more is handed over."""
        asked = time.monotonic()
        await self._store.refresh_lease(self.replica, self._address, self._lease_seconds)
        lapsed = time.monotonic() > self._driver.trusted_until
        if lapsed:
            log.warning("the lease had run out", extra={"jobs": len(self._driver)})
            await self._let_go_of_what_was_taken()
        self._driver.trusted_until = asked + self._lease_seconds
        if lapsed:
            self._driver.hand_over_again()

    async def hand_over_again(self) -> None:
        """To a leader who knows nothing yet. Of a job that was taken over unnoticed, by one who found the lease run out
        just before it was refreshed, such a leader would believe anybody, also after its end."""
        await process.wait_for(self._let_go_of_what_was_taken, what="Redis")
        self._driver.hand_over_again()

    async def _let_go_of_what_was_taken(self) -> None:
        known = self._driver.epochs()
        stored = await self._store.epochs(known)
        taken = [job_id for job_id, epoch in known.items() if stored[job_id] != epoch]
        for job_id in taken:
            self._driver.disown(job_id, epoch=known[job_id])
        if taken:
            log.warning("jobs were taken over", extra={"jobs": len(taken)})

    async def _read(self, partition: int) -> None:
        pauses = backoff.delays(0.05, 1.0)
        while True:
            if self.room() == 0:
                await asyncio.sleep(0.05)
                continue
            try:
                await self._wait_and_claim(partition)
                pauses = backoff.delays(0.05, 1.0)
            except _REDIS_REFUSES as error:
                self.look_again()  # what was read may be this replica's without its knowledge
                log.warning("could not read the streams", extra={"error": error.message})
                await asyncio.sleep(next(pauses))

    async def _wait_and_claim(self, partition: int) -> None:
        """Wait for one entry of each stream, then take what else there is room for: while a read waits, the room that
        there was when it began may be taken by jobs which this replica creates."""
        self._expected += len(keys.STREAMS)
        try:
            first = await self._store.read_streams(partition, self.replica, 1, BLOCK_MS)
            await self._claim(partition, first)
        finally:
            self._expected -= len(keys.STREAMS)
        each = min(self.room(), CLAIM_BATCH) // len(keys.STREAMS)
        if first and each:
            await self._claim(partition, await self._store.read_streams(partition, self.replica, each))

    async def _load(self) -> None:
        while True:
            partition, claimed = await self._waiting.get()
            try:
                await self._claim(partition, claimed)
            except _REDIS_REFUSES:
                self.look_again()

    async def _claim(self, partition: int, claimed: Iterable[Claimed], *, holder: str = "") -> None:
        if self._stopping:
            return  # others inherit what a read that was under way has brought
        by_stream: dict[int, dict[str, str]] = {}
        for claim in claimed:
            by_stream.setdefault(claim.stream, {})[claim.entry] = claim.job_id
        for stream, entries in by_stream.items():
            try:
                found = await self._store.claim(partition, stream, entries, self.replica, holder=holder or self.replica)
            except errors.Unavailable:
                # Redis may have given them to this replica all the same.
                self.look_again()
                raise
            for stored in found:
                self._driver.take(
                    stored.record,
                    epoch=stored.epoch,
                    entry=stored.entry,
                    commits=stored.commits,
                    recorded=stored.revision,
                    effects=resumed(stored.record),
                    driven_before=bool(stored.driver),
                )
                if stored.record.retry_ms:
                    await self._reread_wish(stored.record.job_id)

    async def _adopt_own(self) -> None:
        if not self._look_again:
            return
        self._look_again = False
        try:
            for partition in range(self._store.partitions):
                async for pending in self._store.own_pending(partition, self.replica):
                    await self._claim(partition, [claim for claim in pending if claim.job_id not in self._driver])
        except _REDIS_REFUSES:
            self.look_again()
            raise

    async def _take_over(self) -> None:
        for partition in range(self._store.partitions):
            for stream in STREAM_NUMBERS:
                for name, pending in (await self._store.consumers(partition, stream)).items():
                    if name != self.replica and not await self._store.alive(name):
                        await self._inherit(partition, stream, name, pending)

    async def _inherit(self, partition: int, stream: int, dead: str, pending: int) -> None:
        while pending and self.room():
            entries = await self._store.pending_of(partition, stream, dead, min(self.room(), CLAIM_BATCH))
            if not entries:
                break
            log.info("taking jobs over", extra={"from": dead, "jobs": len(entries)})
            metrics.TAKE_OVERS.inc(len(entries))
            await self._claim(
                partition,
                [Claimed(entry=entry, stream=stream, job_id=job_id, epoch=0) for entry, job_id in entries.items()],
                holder=dead,
            )
        await self._store.forget_consumer(partition, stream, dead)

    async def _wishes(self) -> None:
        """Hear of wishes recorded at other replicas. After a break, every job in hand is looked at again."""
        pauses = backoff.delays(0.05, 1.0)
        while True:
            try:
                with redis_client.translated():
                    async with self._store.blocking.pubsub() as channel:
                        await channel.subscribe(keys.wishes(self.replica))
                        await self._reread_wishes()
                        pauses = backoff.delays(0.05, 1.0)
                        while True:
                            message = await redis_client.heard(channel)
                            if message["type"] == "message":
                                self._driver.cancel(message["data"].decode())
            except errors.Unavailable as error:
                log.warning("lost the channel of wishes", extra={"error": error.message})
            await asyncio.sleep(next(pauses))

    async def _reread_wishes(self) -> None:
        for job_id in self._driver.job_ids():
            await self._reread_wish(job_id)

    async def _reread_wish(self, job_id: str) -> None:
        try:
            stored = await self._store.get(job_id)
        except errors.NotFound:
            return
        if stored.record.cancel_requested:
            self._driver.cancel(job_id)

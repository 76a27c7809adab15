"""Takes jobs whose retention is over out of their owners' indexes and off the lists of dead letters: Redis drops a job
by itself, and tells nobody.

Nothing of it is on the path of a job. One replica at a time goes through the keys, slowly, and looks only at ids that
are old enough to have gone.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from services.orchestrator import ids, metrics
from services.orchestrator.store import keys
from services.orchestrator.store.jobs import JobStore
from tutti import clock, errors, redis_client

log = logging.getLogger(__name__)

#: Keys that Redis looks at in one step, and the pause after it: what it is busy with this is a fraction of a percent.
SCAN_KEYS, SCAN_PAUSE_SECONDS = 1_000, 0.1
#: Ids of one owner that are looked up together.
PAGE = 500
#: From the end of one round to the next. A replica that dies in the middle is followed by another after as long.
ROUND = timedelta(minutes=5)


class Upkeep:
    def __init__(self, store: JobStore, *, replica: str, retention_seconds: int) -> None:
        self._store = store
        self._replica = replica
        self._retention = timedelta(seconds=retention_seconds)
        #: With a short retention nobody should have to wait long to see it.
        self._round = min(ROUND, max(self._retention, timedelta(seconds=1)))

    async def run(self) -> None:
        while True:
            try:
                if await self.take_turn():
                    await self.sweep()
            except (errors.Unavailable, errors.QuotaExceeded) as error:
                log.warning("could not look after the indexes", extra={"error": error.message})
            await asyncio.sleep(self._round.total_seconds())

    async def take_turn(self) -> bool:
        """Whether nobody else has looked after the indexes in this round."""
        milliseconds = int(self._round.total_seconds() * 1000)
        with redis_client.translated():
            return bool(await self._store.redis.set(keys.UPKEEP, self._replica, nx=True, px=milliseconds))

    async def sweep(self) -> int:
        """Go through all owners once; returns how many ids were taken out."""
        found = 0
        with redis_client.translated():
            for server in await redis_client.servers(self._store.redis):
                cursor = -1
                while cursor != 0:
                    cursor, names = await server.scan(max(cursor, 0), match=keys.INDEXES, count=SCAN_KEYS)
                    for name in names:
                        partition = keys.partition_of(name.decode())
                        if name.startswith(keys.owner_prefix(partition).encode()):
                            found += await self._clean_index(partition, name)
                        elif name.startswith(keys.dead(partition, "").encode()):
                            found += await self._clean_dead(partition, name)
                    await asyncio.sleep(SCAN_PAUSE_SECONDS if cursor else 0)
        metrics.FORGOTTEN.inc(found)
        return found

    async def _clean_index(self, partition: int, index: bytes) -> int:
        # A job is kept for the retention after its end, and it has not ended before it was created.
        oldest_kept = ids.first_job_id(clock.now_ms() - int(self._retention.total_seconds() * 1000))
        found, after = 0, "-"
        while names := await self._store.redis.zrangebylex(index, after, f"({oldest_kept}", 0, PAGE):
            found += await self._drop(partition, index, names)
            after = f"({names[-1].decode()}"
        return found

    async def _clean_dead(self, partition: int, dead: bytes) -> int:
        """They are kept for another time, but all for the same: where one is left, so are all that died later."""
        found = 0
        while names := await self._store.redis.zrange(dead, 0, PAGE - 1):
            gone = await self._drop(partition, dead, names)
            found += gone
            if gone < len(names):
                break
        return found

    async def _drop(self, partition: int, index: bytes, names: Sequence[bytes]) -> int:
        """Take out of an index those of its jobs that are no more."""
        pipeline = self._store.redis.pipeline(transaction=False)
        for name in names:
            pipeline.exists(keys.job(partition, name.decode()))
        gone = [name for name, there in zip(names, await pipeline.execute(), strict=True) if not there]
        return int(await self._store.redis.zrem(index, *gone)) if gone else 0

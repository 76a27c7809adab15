"""How many unfinished jobs an owner may have.

Each partition counts in its own scripts, exactly. With several, what an owner has in the others is read at most once a
second: it may go over its limit by what all replicas accept for it within that second.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence

from tutti import errors

#: How long what was counted is taken for true, in seconds.
COUNT_AGAIN_SECONDS = 1.0
#: Owners whose counts are remembered.
MOST_OWNERS = 10_000


class Quota:
    def __init__(self, most: int, count: Callable[[str], Awaitable[Sequence[int]]]) -> None:
        """`most` unfinished jobs an owner, 0 for any number; `count` says how many it has in each partition."""
        self.most = most
        self._count = count
        #: Owner -> when it was counted, and what was found in each partition.
        self._counted: OrderedDict[str, tuple[float, Sequence[int]]] = OrderedDict()

    async def limits(self, partition: int, partitions: int, owners: Iterable[str]) -> dict[str, int]:
        """What is left of each owner's limit for one partition."""
        if not self.most:
            return {}
        if partitions == 1:
            return dict.fromkeys(owners, self.most)
        return {owner: self.most - await self._elsewhere(partition, owner) for owner in set(owners)}

    def refusal(self, left: int, here: int) -> errors.QuotaExceeded:
        """For an owner who has so many jobs in a partition in which so many are left to it."""
        used = self.most - left + here
        return errors.QuotaExceeded(
            f"{used:,} of your jobs are unfinished, and {self.most:,} may be; wait until some have ended, or ask for "
            "more",
            reason="OWNER_QUOTA",
            details={"limit": str(self.most), "used": str(used)},
        )

    async def _elsewhere(self, partition: int, owner: str) -> int:
        now = time.monotonic()
        at, counts = self._counted.get(owner, (-COUNT_AGAIN_SECONDS, ()))
        if now - at >= COUNT_AGAIN_SECONDS:
            counts = await self._count(owner)
            self._counted[owner] = (now, counts)
            self._counted.move_to_end(owner)
            if len(self._counted) > MOST_OWNERS:
                self._counted.popitem(last=False)
        return sum(counts) - counts[partition]

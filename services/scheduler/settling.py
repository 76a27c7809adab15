"""The first moments of a term: workers say what they run, and orchestrators hand over again what has not ended.

Until both have had the time, an order that was handed over before is not placed: its attempt may well be running.
"""

import time

from services.scheduler.orders import AttemptKey, TaskKey
from services.scheduler.turns import Waiting


class Settling:
    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        #: Recovered orders that wait for it.
        self._orders: dict[TaskKey, Waiting] = {}
        #: Attempts that were stopped meanwhile: a worker that still names one as running is told.
        self._stopped: set[AttemptKey] = set()

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._until

    def hold(self, waiting: Waiting) -> None:
        self._orders[waiting.key] = waiting

    def find(self, key: TaskKey) -> Waiting | None:
        return self._orders.get(key)

    def take(self, key: TaskKey) -> Waiting | None:
        return self._orders.pop(key, None)

    def stop(self, attempt: AttemptKey) -> None:
        if not self.over:
            self._stopped.add(attempt)

    def was_stopped(self, attempt: AttemptKey) -> bool:
        return attempt in self._stopped

    def settled(self) -> list[Waiting]:
        """What may be placed from now on."""
        if not self.over:
            return []
        orders = list(self._orders.values())
        self._orders.clear()
        self._stopped.clear()
        return orders

"""Places to work at, given out in order; whoever waits for one may give up."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Places:
    def __init__(self, count: int) -> None:
        self._free = count
        self._changed = threading.Condition()
        self._line: deque[object] = deque()

    @contextmanager
    def taken(self, check: Callable[[], None], *, every_seconds: float) -> Iterator[None]:
        """While waiting, `check` is called again and again, and may raise."""
        self._wait(check, every_seconds)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _wait(self, check: Callable[[], None], every_seconds: float) -> None:
        ticket = object()
        with self._changed:
            self._line.append(ticket)
        try:
            while not self._take(ticket, every_seconds):
                # Outside the lock: it asks the server, and others come and go meanwhile.
                check()
        except BaseException:
            with self._changed:
                self._line.remove(ticket)
                self._changed.notify_all()
            raise

    def _take(self, ticket: object, seconds: float) -> bool:
        with self._changed:
            if not self._changed.wait_for(lambda: self._free > 0 and self._line[0] is ticket, seconds):
                return False
            self._line.popleft()
            self._free -= 1
            # The next in line may find a place too.
            self._changed.notify_all()
            return True

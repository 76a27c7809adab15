"""How many log lines an attempt may say: a bucket of tokens. Pure; the clock is the caller's."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LineLimit:
    """So many lines at once, and so many a second in the long run."""

    burst: int = 200
    per_second: float = 50.0


class LineBudget:
    def __init__(self, limit: LineLimit, now: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._filled = now
        self._left_out = 0

    def admits(self, now: float) -> bool:
        """Whether a line may be said; where not, it is counted."""
        self._tokens = min(self._limit.burst, self._tokens + (now - self._filled) * self._limit.per_second)
        self._filled = now
        if self._tokens < 1:
            self._left_out += 1
            return False
        self._tokens -= 1
        return True

    def left_out(self) -> str:
        """A line that says what was left out since it was last said; empty where nothing was."""
        count, self._left_out = self._left_out, 0
        if not count:
            return ""
        lines = "one line" if count == 1 else f"{count:,} lines"
        return f"… {lines} left out: a task may log {self._limit.per_second:g} a second, {self._limit.burst:,} at once"

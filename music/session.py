"""From a plan to a master, stage by stage: what is played is recorded, mixed, and mastered.

Each stage yields what it makes as it makes it, and passes it on: whoever iterates may watch, keep or stop. Between
stages the sound waits in scratch files, so that memory does not grow with the piece.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any

from music.mix import Audio, Mixed, mixdown
from music.mix.master import Master, Report
from music.mix.scratch import Scratch
from music.plan import Plan
from music.rendering import SAMPLE_RATE, Piece, render


class Session:
    """To be used as a context: `render`, then `mix`, each to its end; then `master`, then `blocks`."""

    def __init__(self, plan: Plan, *, rate: int = SAMPLE_RATE, seed: int | None = None) -> None:
        """Another `seed` is another performance of the same notes."""
        self.plan, self.rate = plan, rate
        self.frames = round(plan.duration_seconds * rate)
        self._seed = seed
        self._open = ExitStack()
        self._tapes: dict[str, Scratch] = {}
        self._master = self._open.enter_context(
            Master(plan.mix, rate=rate, reference=_value(plan, "reference"), strength=_value(plan, "strength") or 0.0)
        )

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def render(self) -> Iterator[Piece]:
        """The dry stems, section by section."""
        for piece in render(self.plan, seed=self._seed, rate=self.rate):
            if piece.stem not in self._tapes:
                self._tapes[piece.stem] = tape = Scratch()
                self._open.callback(tape.close)
            self._tapes[piece.stem].append(piece.audio)
            yield piece

    def mix(self) -> Generator[Mixed, None, None]:
        """The finished stems and their sum."""
        for block in mixdown(self.plan, {stem: tape.read for stem, tape in self._tapes.items()}, rate=self.rate):
            self._master.feed(block.mix)
            yield block

    def master(self) -> Report:
        return self._master.finish()

    def blocks(self) -> Iterator[Audio]:
        """The master; as often as wanted."""
        return self._master.blocks()


def _value(plan: Plan, parameter: str) -> Any:
    return plan.resolved.get(parameter, {}).get("value")

"""One supervised child: started, probed, restarted with growing pauses when it dies, and stopped on request.

What to run is a `Program`; who is told about deaths and returns is the caller's affair.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tutti import backoff
from tutti.embedded import ports
from tutti.embedded.processes import Group, Process, described, last_lines
from tutti.errors import Unavailable

#: A child that lived this long was well: its next restart is quick again.
WELL_AFTER_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
#: A child that dies this often before it was ever healthy will not get well by itself.
FALSE_STARTS = 3
#: What a shell would report.
CANNOT_START = 127


class PortTaken(Unavailable):
    """Somebody else was quicker; the mesh picks other ports."""

    default_reason = "PORT_TAKEN"


@dataclass(frozen=True, kw_only=True)
class Program:
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    log_file: Path
    #: Returns once the child is healthy.
    probe: Callable[[], Awaitable[None]]
    #: Ports that it listens on.
    ports: tuple[int, ...] = ()
    #: Clears away what a former run that was killed has left behind.
    clean: Callable[[], object] = lambda: None


class Restarts:
    """How long to wait before the next start: longer each time, from the beginning again after a healthy while."""

    def __init__(self) -> None:
        self._pauses = self._fresh()

    def pause_after(self, lived_seconds: float) -> float:
        if lived_seconds >= WELL_AFTER_SECONDS:
            self._pauses = self._fresh()
        return next(self._pauses)

    @staticmethod
    def _fresh() -> Iterator[float]:
        return backoff.delays(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)


class Child:
    def __init__(
        self, program: Program, group: Group, *, announce: Callable[[str], None], changed: Callable[[], None]
    ) -> None:
        self.program = program
        self.healthy = asyncio.Event()
        self._group = group
        self._announce = announce
        self._changed = changed
        self._process: Process | None = None
        self._pid = 0
        self._stopping = asyncio.Event()
        self._false_starts = 0
        #: Settled by the first healthy run, or by the decision that there will be none.
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._first.add_done_callback(lambda first: first.cancelled() or first.exception())
        self._task = asyncio.create_task(self._run(), name=f"child-{program.name}")

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        """Of the last process; 0 before the first. Nobody ever gets a 0 from a mesh that is ready: as a process id it
        would mean the reader's own group."""
        return self._pid

    async def started(self) -> None:
        """Wait for the first healthy run; raises Unavailable when there will be none."""
        await asyncio.shield(self._first)

    def dismiss(self) -> None:
        """From now on it is not started again."""
        self._stopping.set()

    async def stop(self, grace_seconds: float) -> None:
        self.dismiss()
        if self._process is not None:
            await self._end(self._process, grace_seconds)
        await self._task

    async def _end(self, process: Process, grace_seconds: float) -> None:
        process.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(asyncio.shield(process.ended), grace_seconds)
        except TimeoutError:
            self._announce(f"{self.name} did not stop within {grace_seconds:g} s; killing it")
            process.send(signal.SIGKILL)

    async def _run(self) -> None:
        restarts = Restarts()
        while not self._stopping.is_set():
            begun = time.monotonic()
            status = await self._live()
            if self._stopping.is_set():
                break
            pause = restarts.pause_after(time.monotonic() - begun)
            self._announce(f"{self.name} died ({described(status)}); starting it again in {pause:.1f} s")
            self._give_up_on_false_starts(status)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
        self.program.clean()
        self._first.cancel()

    async def _live(self) -> int:
        """One life, from start to end."""
        self.program.clean()
        try:
            self._process = self._spawned()
        except OSError as error:
            self._announce(f"{self.name} cannot be started: {error}")
            return CANNOT_START
        self._pid = self._process.pid
        self._changed()
        probing = asyncio.create_task(self._probe(), name=f"probe-{self.name}")
        try:
            return await self._process.ended
        finally:
            self.healthy.clear()
            self._process = None
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    def _spawned(self) -> Process:
        program = self.program
        return self._group.spawn(program.name, program.argv, env=program.env, log_file=program.log_file)

    async def _probe(self) -> None:
        await self.program.probe()
        self.healthy.set()
        if self._first.done():
            self._announce(f"{self.name} is back (process {self.pid})")
        else:
            self._first.set_result(None)

    def _give_up_on_false_starts(self, status: int) -> None:
        self._false_starts += 1
        if self._first.done():
            return
        # The child is gone, so whoever holds its port is a stranger.
        taken = [port for port in self.program.ports if not ports.is_free(port)]
        if taken:
            self._first.set_exception(PortTaken(f"{self.name} found port {taken[0]} taken"))
        elif self._false_starts >= FALSE_STARTS:
            self._first.set_exception(self._hopeless(status))

    def _hopeless(self, status: int) -> Unavailable:
        log_file = self.program.log_file
        lines = "".join(f"\n  {line}" for line in last_lines(log_file))
        return Unavailable(
            f"{self.name} does not start ({described(status)}); its log {log_file} ends with:{lines}",
            reason="CHILD_FAILED",
        )

"""The supervisor: starts the parts of a mesh in order, keeps them running, and stops them in the opposite order."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from tutti import redis_urls
from tutti.embedded import endpoints, layout, ports, probes, programs
from tutti.embedded.children import Child, PortTaken, Program
from tutti.embedded.lock import DirectoryLock
from tutti.embedded.options import MeshOptions
from tutti.embedded.processes import Group
from tutti.errors import DeadlineExceeded, InvalidInput, PreconditionFailed

#: How often to pick other ports when somebody was quicker.
PORT_TRIES = 3
#: A service needs this much longer than the grace of its work to close what it has open.
CLOSING_SECONDS = 3.0


class Mesh:
    """A running mesh. `announce` is told in a line what becomes of its parts."""

    def __init__(self, options: MeshOptions, *, announce: Callable[[str], None] = lambda line: None) -> None:
        self._options = options
        self._announce = announce
        self._lock: DirectoryLock | None = None
        self._group: Group | None = None
        self._layout: layout.Layout | None = None
        #: In the order of the start; each stage is stopped before the one that stands before it.
        self._stages: list[list[Child]] = []
        self._ready = False
        #: What is not the mesh's own and does not answer yet.
        self._awaited = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def endpoints(self) -> endpoints.Endpoints:
        if self._layout is None:
            raise PreconditionFailed("the mesh is not running; start it first")
        pids = {child.name: child.pid for stage in self._stages for child in stage}
        return self._layout.endpoints(os.getpid(), pids)

    async def start(self) -> None:
        """Return once every part is healthy. When that fails, nothing is left running."""
        _check(self._options)
        self._lock = await DirectoryLock.take(self._options.data_dir)
        # Those of a mesh that was killed.
        endpoints.remove(self._options.data_dir)
        try:
            await self._start_on_free_ports()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop every part in order; what does not end within its grace is killed."""
        await self._stop_children()
        if self._lock is not None:
            endpoints.remove(self._options.data_dir)
            self._lock.release()
            self._lock = None

    def kill(self) -> None:
        """Make a stop that is under way a hard one."""
        for stage in self._stages:
            for child in stage:
                child.dismiss()
        if self._group is not None:
            self._group.kill()

    async def _start_on_free_ports(self) -> None:
        for tries_left in reversed(range(PORT_TRIES)):
            try:
                await self._start_children()
                return
            except PortTaken as error:
                if not tries_left:
                    raise
                self._announce(f"{error.message}; starting over with other ports")
                await self._stop_children()

    async def _start_children(self) -> None:
        if self._options.gateway_port and not ports.is_free(self._options.gateway_port):
            raise PreconditionFailed(
                f"port {self._options.gateway_port} is taken; stop who listens there, or choose another with "
                "--gateway-port (0: any free one)",
                field="gateway_port",
                reason="GATEWAY_PORT_TAKEN",
            )
        assert self._lock is not None  # noqa: S101  taken by start
        self._layout = layout.choose(self._options)
        self._group = Group(inherited=(self._lock.descriptor,))
        try:
            async with asyncio.timeout(self._options.start_timeout_seconds):
                await self._start_stages(programs.Programs(self._options, self._layout), self._layout)
        except TimeoutError:
            raise self._not_ready() from None
        self._ready = True
        self._publish()

    async def _start_stages(self, parts: programs.Programs, plan: layout.Layout) -> None:
        # Redis is there in a moment, and services that find it at once need no retries. Triton takes longer than all
        # of them and nobody waits for it, so it goes first and is looked at last.
        redis = self._add([] if plan.external_redis else [parts.redis()])
        self._add([parts.triton(plan.triton)] if plan.triton else [])
        await asyncio.gather(*map(self._healthy, redis))
        await self._external_redis(plan)
        self._add(parts.schedulers())
        self._add(parts.workers())
        self._add(parts.orchestrators())
        self._add([parts.gateway()])
        waiting = [child for stage in self._stages[1:] for child in stage]
        await asyncio.gather(*map(self._healthy, waiting))
        await probes.until(lambda: programs.has_leader(plan))

    async def _external_redis(self, plan: layout.Layout) -> None:
        if not plan.external_redis:
            return
        shown = redis_urls.shown(plan.redis_url)
        self._announce(f"uses {shown}")
        self._awaited = shown
        await probes.until(partial(probes.redis_pong, plan.redis_url))
        self._awaited = ""

    def _add(self, stage: Sequence[Program]) -> list[Child]:
        assert self._group is not None  # noqa: S101  made before the first stage
        children = [Child(program, self._group, announce=self._announce, changed=self._publish) for program in stage]
        self._stages.append(children)
        return children

    async def _healthy(self, child: Child) -> None:
        begun = time.monotonic()
        await child.started()
        self._announce(f"{child.name} is ready ({time.monotonic() - begun:.1f} s)")

    def _publish(self) -> None:
        # Before everything is there, nobody should find it.
        if self._ready:
            endpoints.write(self._options.data_dir, self.endpoints)

    def _not_ready(self) -> DeadlineExceeded:
        missing = [self._awaited] if self._awaited else []
        missing += [child.name for stage in self._stages for child in stage if not child.healthy.is_set()]
        what, seconds = ", ".join(missing) or "no scheduler leads", self._options.start_timeout_seconds
        return DeadlineExceeded(
            f"not ready within {seconds:g} s: {what}; the logs in {self._options.data_dir / 'logs'} say why",
            reason="MESH_NOT_READY",
        )

    async def _stop_children(self) -> None:
        # Nobody takes new work before those who would do it are gone; Redis goes when nobody writes any more.
        self._ready = False
        for stage in reversed(self._stages):
            await asyncio.gather(*(child.stop(self._options.grace_seconds + CLOSING_SECONDS) for child in stage))
        self._stages.clear()
        if self._group is not None:
            self._group.kill()
            await self._group.gone()
            self._group = None


def _check(options: MeshOptions) -> None:
    redis_urls.parse(options.redis_url)
    for name in ("orchestrators", "schedulers", "workers"):
        if getattr(options, name) < 1:
            raise InvalidInput(f"a mesh needs at least one of its {name}", field=name)

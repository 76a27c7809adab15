"""Supervision of stand-in children: small Python programs that live, die or refuse to stop on command."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tutti.embedded import ports
from tutti.embedded.children import Child, PortTaken, Program
from tutti.embedded.lock import DirectoryLock, is_alive
from tutti.embedded.processes import Group
from tutti.errors import PreconditionFailed, Unavailable

SLEEPER = "import sys, time; print('here', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(600)"
)


async def eventually(check: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110  the answer lies in another process
            await asyncio.sleep(0.01)


@dataclass
class Nursery:
    directory: Path
    group: Group
    lines: list[str] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    changes: int = 0

    def child(self, code: str, *, listening: tuple[int, ...] = ()) -> Child:
        log_file = self.directory / f"child-{len(self.children)}.log"

        async def probe() -> None:
            await eventually(lambda: "here" in log_file.read_text())

        program = Program(
            name="stand-in",
            argv=(sys.executable, "-I", "-S", "-c", code),
            env=os.environ,
            log_file=log_file,
            probe=probe,
            ports=listening,
        )
        child = Child(program, self.group, announce=self.lines.append, changed=self._changed)
        self.children.append(child)
        return child

    def _changed(self) -> None:
        self.changes += 1


@pytest.fixture
async def nursery(tmp_path: Path) -> AsyncIterator[Nursery]:
    group = Group()
    nursery = Nursery(tmp_path, group)
    yield nursery
    await asyncio.gather(*(child.stop(5) for child in nursery.children))
    group.kill()
    await group.gone()


async def test_a_child_that_is_killed_is_started_again_and_both_are_told(nursery: Nursery) -> None:
    child = nursery.child(SLEEPER)
    await child.started()
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await eventually(lambda: child.healthy.is_set() and child.pid != first)
    assert nursery.lines[0].startswith("stand-in died (SIGKILL); starting it again in 0.")
    assert nursery.lines[1] == f"stand-in is back (process {child.pid})"
    assert nursery.changes == 2


async def test_what_a_child_says_is_appended_to_its_log(nursery: Nursery) -> None:
    child = nursery.child(SLEEPER)
    await child.started()
    os.kill(child.pid, signal.SIGKILL)
    await eventually(lambda: child.program.log_file.read_text() == "here\nhere\n")


async def test_a_child_that_never_gets_well_is_given_up_with_the_end_of_its_log(nursery: Nursery) -> None:
    child = nursery.child("print('no such thing as a port'); raise SystemExit(2)")
    with pytest.raises(Unavailable, match=r"(?s)does not start \(exit status 2\).*no such thing as a port"):
        await child.started()


async def test_a_program_that_does_not_exist_is_given_up(nursery: Nursery) -> None:
    program = nursery.child(SLEEPER).program
    missing = Program(
        name="missing", argv=("/no/such/program",), env={}, log_file=program.log_file, probe=program.probe
    )
    child = Child(missing, nursery.group, announce=nursery.lines.append, changed=lambda: None)
    nursery.children.append(child)
    with pytest.raises(Unavailable, match="missing does not start"):
        await child.started()
    assert any("missing cannot be started" in line for line in nursery.lines)


async def test_a_child_whose_port_a_stranger_has_says_so_at_once(nursery: Nursery) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as stranger:
        child = nursery.child("raise SystemExit(1)", listening=(stranger.getsockname()[1],))
        with pytest.raises(PortTaken):
            await child.started()


async def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(nursery: Nursery) -> None:
    child = nursery.child(STUBBORN)
    await child.started()
    pid = child.pid
    await child.stop(0.1)
    assert not is_alive(pid)
    assert nursery.lines == ["stand-in did not stop within 0.1 s; killing it"]


async def test_a_child_can_be_stopped_while_it_waits_to_be_started_again(nursery: Nursery) -> None:
    child = nursery.child("raise SystemExit(1)")
    await eventually(lambda: nursery.lines)
    await child.stop(5)
    assert not child.healthy.is_set()


async def test_children_are_not_in_the_group_of_the_terminal(nursery: Nursery) -> None:
    child = nursery.child(SLEEPER)
    await child.started()
    assert os.getpgid(child.pid) != os.getpgrp()


async def test_a_warden_that_is_killed_is_replaced_in_the_same_group(nursery: Nursery) -> None:
    child = nursery.child(SLEEPER)
    await child.started()
    group = os.getpgid(child.pid)
    os.kill(group, signal.SIGKILL)

    def members() -> list[int]:
        processes = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in processes if _runs(pid) and _group(pid) == group]

    # The child and the new one; for a moment the old one may still be dying.
    await eventually(lambda: group not in members() and len(members()) == 2)


SUPERVISOR = """
    import asyncio, sys
    from pathlib import Path
    from tutti.embedded.lock import DirectoryLock
    from tutti.embedded.processes import Group

    async def main(directory):
        lock = await DirectoryLock.take(directory)
        group = Group(inherited=(lock.descriptor,))
        argv = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)")
        process = group.spawn("child", argv, env={}, log_file=directory / "log")
        print(process.pid, flush=True)
        await asyncio.sleep(600)

    asyncio.run(main(Path(sys.argv[1])))
"""


@contextlib.asynccontextmanager
async def supervisor(directory: Path) -> AsyncIterator[tuple[subprocess.Popen[str], int]]:
    argv = [sys.executable, "-c", textwrap.dedent(SUPERVISOR), str(directory)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:  # noqa: ASYNC220  takes a millisecond
        try:
            assert process.stdout is not None
            yield process, int(await asyncio.to_thread(process.stdout.readline))
        finally:
            process.kill()


async def test_children_die_with_a_supervisor_that_is_killed_and_the_directory_is_free_then(tmp_path: Path) -> None:
    async with supervisor(tmp_path) as (process, child):
        assert is_alive(child)
        process.kill()
        process.wait()
        lock = await DirectoryLock.take(tmp_path)
        lock.release()
        await eventually(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    # Where nobody reaps orphans a killed process stays in the table as a zombie.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _group(pid: int) -> int:
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(pid)
    return 0


async def test_a_directory_in_use_is_refused_at_once_with_the_process_that_has_it(tmp_path: Path) -> None:
    async with supervisor(tmp_path) as (process, _):
        with pytest.raises(PreconditionFailed, match=f"in use by the mesh of process {process.pid}") as refused:
            await DirectoryLock.take(tmp_path)
        assert refused.value.reason == "DATA_DIR_IN_USE"

"""Child processes: started into the mesh's process group, logged to a file, their end awaited. Restarts are elsewhere.

Not asyncio's own subprocesses: those of uvloop cannot join a process group, and a mesh should run under either loop.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tutti.embedded import warden

#: Python started this way reads no environment and no site-packages: it is up in a few milliseconds.
_WARDEN = (sys.executable, "-I", "-S", warden.__file__)


class Process:
    """A running child; `ended` yields its exit status, negative for a signal."""

    def __init__(self, popen: "subprocess.Popen[bytes]", name: str) -> None:
        self._popen = popen
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = self._loop.create_future()
        threading.Thread(target=self._wait, name=f"wait-{name}", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def send(self, number: signal.Signals) -> None:
        # Popen looks whether the child was reaped first, so a process id that was given away again is never hit.
        self._popen.send_signal(number)

    def _wait(self) -> None:
        status = self._popen.wait()
        # The loop may be gone when the program ends without having stopped its mesh.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, status)

    def _settle(self, status: int) -> None:
        if not self.ended.done():
            self.ended.set_result(status)


class Group:
    """The process group of a mesh. Not the terminal's foreground group: Ctrl-C reaches the supervisor alone.

    `inherited` are descriptors that every member keeps open; see `lock`.
    """

    def __init__(self, *, inherited: tuple[int, ...] = ()) -> None:
        self._inherited = inherited
        # Only this process has the writing end: it closes when the supervisor ends, and the warden is told.
        self._reading, self._writing = os.pipe()
        self._killed = False
        self._warden = self._start_warden(group=0)
        self._id = self._warden.pid
        self._guard = asyncio.create_task(self._keep_a_warden(), name="warden")

    def spawn(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log_file: Path) -> Process:
        with log_file.open("ab") as log:
            popen = subprocess.Popen(  # noqa: S603  argv is built by this package
                argv,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=self._id,
                pass_fds=self._inherited,
            )
        return Process(popen, name)

    def kill(self) -> None:
        """Everything at once; also the last step of an orderly end, when only the warden is left."""
        if not self._killed:
            self._killed = True
            os.killpg(self._id, signal.SIGKILL)

    async def gone(self) -> None:
        """Wait for the warden's end, after `kill`."""
        await self._guard
        os.close(self._writing)
        os.close(self._reading)

    def _start_warden(self, *, group: int) -> Process:
        popen = subprocess.Popen(  # noqa: S603  our own interpreter and file
            _WARDEN,
            stdin=self._reading,
            stdout=subprocess.DEVNULL,
            process_group=group,
            pass_fds=self._inherited,
        )
        return Process(popen, "warden")

    async def _keep_a_warden(self) -> None:
        await self._warden.ended
        while not self._killed:
            # The group outlives its leader as long as it has members, and there is always Redis.
            self._warden = self._start_warden(group=self._id)
            await self._warden.ended


def described(status: int) -> str:
    """An exit status, for people."""
    if status >= 0:
        return f"exit status {status}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-status).name
    return f"signal {-status}"


def last_lines(log_file: Path, count: int = 5) -> list[str]:
    with contextlib.suppress(OSError), log_file.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 8192))
        return file.read().decode(errors="replace").splitlines()[-count:]
    return []

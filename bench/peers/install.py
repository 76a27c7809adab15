"""Puts the peers where git does not look: a virtual environment and a folder of Node's in `bench/.peers`, made once and
again when the versions change. Says what it does, because it takes a minute."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.peers.catalogue import Peer

HERE = Path(__file__).parent
THEIRS = HERE / "theirs"
CACHE = HERE.parent / ".peers"
INSTALL_SECONDS = 600.0
#: A copy of what was asked for, written once it is all there.
RECORD = "installed"


class NotInstalled(Exception):
    """Says why."""


def commands(peers: Iterable[Peer]) -> dict[str, tuple[str, ...] | NotInstalled]:
    """How each peer's program is started, or why it cannot be."""
    found: dict[str, tuple[str, ...] | NotInstalled] = {}
    for peer in peers:
        try:
            found[peer.name] = _python(peer) if peer.python else _node(peer)
        except NotInstalled as error:
            print(f"{peer.title} is left out: {error}", file=sys.stderr)
            found[peer.name] = error
    return found


def _python(peer: Peer) -> tuple[str, ...]:
    folder, wanted = CACHE / "python", HERE / "requirements.txt"
    program = folder / "bin" / "python"
    if not _same(folder, wanted):
        shutil.rmtree(folder, ignore_errors=True)
        _run("making an environment for the peers", sys.executable, "-m", "venv", str(folder))
        quiet = ("--quiet", "--disable-pip-version-check", "--progress-bar", "off")
        _run("installing the peers", str(program), "-m", "pip", "install", *quiet, "-r", str(wanted))
        _record(folder, wanted)
    return (str(program), "-B", str(THEIRS / "drive.py"), peer.name)


def _node(peer: Peer) -> tuple[str, ...]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NotInstalled("node and npm are not installed")
    folder, wanted = CACHE / "node", HERE / "package.json"
    if not _same(folder, wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(wanted, folder)
        quiet = ("--silent", "--no-audit", "--no-fund", "--no-package-lock")
        _run(f"installing {peer.title}", npm, "install", *quiet, "--prefix", str(folder))
        _record(folder, wanted)
    # Node looks for packages from where the program lies.
    return (node, str(shutil.copy(THEIRS / f"{peer.name}.mjs", folder)))


def _same(folder: Path, wanted: Path) -> bool:
    record = folder / RECORD
    return record.exists() and record.read_bytes() == wanted.read_bytes()


def _record(folder: Path, wanted: Path) -> None:
    shutil.copy(wanted, folder / RECORD)


def _run(what: str, *command: str) -> None:
    print(f"{what} in {CACHE.relative_to(HERE.parents[1])}", file=sys.stderr)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{what} failed: {error}") from error
    if done.returncode:
        raise NotInstalled(f"{what} failed: {done.stderr.strip()[-300:] or done.returncode}")

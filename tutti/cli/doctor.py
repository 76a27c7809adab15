"""`tutti doctor`: whether this machine has what a mesh needs, and what to do where it has not."""

import asyncio
import importlib.metadata
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from tutti.cli import failures, words
from tutti.cli.output import say, say_json, show
from tutti.embedded import endpoints, ports, probes, redis, triton
from tutti.embedded.lock import is_alive
from tutti.embedded.options import DEFAULT_DATA_DIR, DEFAULT_GATEWAY_PORT
from tutti.embedded.programs import TRITON_READY
from tutti.errors import TuttiError

PYTHONS = ((3, 11), (3, 12))
#: Redis, logs and a few hundred tracks.
LEAST_DISK_BYTES = 2_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    subject: str
    #: None: missing, and only nice to have.
    good: bool | None
    detail: str
    remedy: str = ""


def doctor(
    data_dir: Annotated[
        Path, typer.Option("--data-dir", envvar="TUTTI_DATA_DIR", help="Data directory of the mesh.")
    ] = DEFAULT_DATA_DIR,
    json: Annotated[bool, typer.Option("--json", help="Write JSON for machines.")] = False,
) -> None:
    """Check that this machine has what a mesh needs; say what mends it where it has not."""
    findings = [*machine(data_dir), asyncio.run(mesh(data_dir))]
    if json:
        for finding in findings:
            say_json({name: getattr(finding, name) for name in Finding.__slots__})
    else:
        show(_table(findings))
        for finding in findings:
            if finding.remedy:
                say(f"{finding.subject}: {finding.remedy}")
    raise typer.Exit(failures.FAILED if any(finding.good is False for finding in findings) else failures.OK)


def machine(data_dir: Path) -> list[Finding]:
    return [
        python(sys.version_info[:2]),
        numpy(importlib.metadata.version("numpy")),
        _attempt("redis-server", _redis),
        _attempt("triton", _triton),
        gateway_port(data_dir),
        disk(shutil.disk_usage(_existing(data_dir)).free),
        npm(shutil.which("npm")),
    ]


def python(version: tuple[int, ...]) -> Finding:
    shown = ".".join(map(str, version))
    if version in PYTHONS:
        return Finding(subject="python", good=True, detail=shown)
    remedy = "use Python 3.11 or 3.12: Triton's Python backend is built for these"
    return Finding(subject="python", good=False, detail=shown, remedy=remedy)


def numpy(version: str) -> Finding:
    if int(version.partition(".")[0]) < 2:
        return Finding(subject="numpy", good=True, detail=version)
    remedy = "pip install 'numpy<2': Triton's Python backend crashes with numpy 2"
    return Finding(subject="numpy", good=False, detail=version, remedy=remedy)


def _attempt(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject=subject, good=True, detail=look())
    except TuttiError as error:
        return Finding(subject=subject, good=False, detail="missing", remedy=error.message)


def _redis() -> str:
    return ".".join(map(str, redis.find_redis().version))


def _triton() -> str:
    """Looks for the binary, the stub for this Python and the shared libpython that the stub is linked against."""
    triton.find_triton()
    models = sorted(path.parent.name for path in triton.model_repository().glob("*/config.pbtxt"))
    version = importlib.metadata.version("nvidia-pytriton")
    return f"nvidia-pytriton {version}, with the stub for this Python; models {', '.join(models)}"


def gateway_port(data_dir: Path) -> Finding:
    subject = f"port {DEFAULT_GATEWAY_PORT}"
    if ports.is_free(DEFAULT_GATEWAY_PORT):
        return Finding(subject=subject, good=True, detail="free")
    running = endpoints.read(data_dir)
    if running is not None and running.gateway.url.endswith(f":{DEFAULT_GATEWAY_PORT}") and is_alive(running.pid):
        return Finding(subject=subject, good=True, detail=f"used by the mesh in {data_dir}")
    remedy = "stop who listens there, or start with `tutti up --gateway-port 0`"
    return Finding(subject=subject, good=None, detail="taken", remedy=remedy)


def disk(free_bytes: int) -> Finding:
    if free_bytes >= LEAST_DISK_BYTES:
        return Finding(subject="disk", good=True, detail=f"{words.size(free_bytes)} free")
    remedy = f"free {words.size(LEAST_DISK_BYTES)}, or choose another --data-dir"
    return Finding(subject="disk", good=False, detail=f"{words.size(free_bytes)} free", remedy=remedy)


def npm(found: str | None) -> Finding:
    if found:
        return Finding(subject="npm", good=True, detail="there")
    return Finding(subject="npm", good=None, detail="missing", remedy="install Node.js to work on the studio page")


async def mesh(data_dir: Path) -> Finding:
    running = endpoints.read(data_dir)
    if running is None or not is_alive(running.pid):
        return Finding(subject="mesh", good=None, detail=f"none runs in {data_dir}", remedy="start one: tutti up")
    checks = {
        "redis": probes.redis_pong(running.redis.url),
        "gateway": probes.http_ok(f"{running.gateway.url}/ready"),
        **{
            replica.name: probes.grpc_serving(replica.address)
            for replica in (*running.orchestrators, *running.schedulers, *running.workers)
        },
    }
    if running.triton:
        checks["triton"] = probes.http_ok(f"{running.triton.http}/{TRITON_READY}")
    answers = dict(zip(checks, await asyncio.gather(*checks.values()), strict=True))
    ill = [name for name, well in answers.items() if not well]
    if not ill:
        detail = f"{words.count(len(answers), 'part')} healthy, gateway at {running.gateway.url}"
        return Finding(subject="mesh", good=True, detail=detail)
    remedy = f"read the logs in {data_dir / 'logs'}; `tutti up` starts dead parts again by itself"
    return Finding(subject="mesh", good=False, detail=f"not healthy: {', '.join(ill)}", remedy=remedy)


def _existing(path: Path) -> Path:
    """The directory itself, or the nearest one above it that is there already."""
    resolved = path.resolve()
    return next(candidate for candidate in (resolved, *resolved.parents) if candidate.exists())


def _table(findings: list[Finding]) -> Table:
    table = Table.grid(padding=(0, 2))
    marks = {True: Text("✓", style="green"), False: Text("✗", style="red"), None: Text("–", style="yellow")}
    for finding in findings:
        table.add_row(marks[finding.good], finding.subject, Text(finding.detail))
    return table

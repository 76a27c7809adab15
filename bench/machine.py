"""What a figure was measured on, for its table's title and for the file that keeps it."""

import datetime
import json
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tutti.embedded.redis import find_redis

ROOT = Path(__file__).parents[1]

About = Mapping[str, Any]


def about(**run: Any) -> About:
    """The machine, the versions, the moment and the commit; `run` says how much was measured."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "cores": os.cpu_count(),
        "cpu": cpu_model(_read("/proc/cpuinfo")),
        "memory_gib": memory_gib(_read("/proc/meminfo")),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "redis": ".".join(map(str, find_redis().version)),
        **run,
    }


def title(about: About) -> str:
    """Two lines for people."""
    return (
        f"{about['jobs']:,} jobs, median of {about['rounds']} rounds, commit {about['commit']}, {about['date']}\n"
        f"{about['cores']} cores ({about['cpu']}), {about['memory_gib']} GiB, Python {about['python']}, "
        f"Redis {about['redis']} with AOF everysec"
    )


def write_json(file: Path, about: About, figures: Mapping[str, Any]) -> None:
    file.write_text(json.dumps({"about": about, "figures": figures}, indent=2) + "\n", encoding="utf-8")


def cpu_model(cpuinfo: str) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def memory_gib(meminfo: str) -> int:
    found = re.search(r"^MemTotal:\s*(\d+) kB", meminfo, re.MULTILINE)
    return round(int(found[1]) / 2**20) if found else 0


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8", errors="replace")


def _commit() -> str:
    """With a + where the tree was changed since; unknown outside a checkout."""
    try:
        head = _git("rev-parse", "--short", "HEAD")
        return head + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()

"""What a caller may choose about an embedded mesh."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_DATA_DIR = Path(".tutti")
DEFAULT_GATEWAY_PORT = 7070


@dataclass(frozen=True, kw_only=True, slots=True)
class MeshOptions:
    #: Everything the mesh keeps: Redis, artifacts, logs, endpoints.json.
    data_dir: Path = DEFAULT_DATA_DIR
    #: 0 takes any free one.
    gateway_port: int = DEFAULT_GATEWAY_PORT
    orchestrators: int = 1
    schedulers: int = 1
    workers: int = 1
    #: Attempts that one worker runs at a time; None leaves it to the worker.
    worker_concurrency: int | None = None
    #: Workers also serve the `test.*` kinds.
    test_handlers: bool = False
    triton: bool = True
    #: A Redis, Sentinels or cluster that are there already and outlive the mesh; empty starts one of its own.
    redis_url: str = ""
    #: How Redis syncs its append-only file: `always`, or `everysec` for callers who can spare the last second or two.
    appendfsync: str = "always"
    start_timeout_seconds: float = 60.0
    #: How long work in hand may take to finish once the mesh is told to stop.
    grace_seconds: float = 3.0
    #: Further variables for the four services, above those inherited.
    environment: Mapping[str, str] = field(default_factory=dict)

"""`endpoints.json`: where the parts of a running mesh are, for people, tools and tests.

`grpc` and `address` are host:port, `http`, `metrics` and `url` are URLs, `pid` is 0 while a part is being restarted,
and that of a Redis that is not a part of the mesh.
"""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

FILE_NAME = "endpoints.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpPart:
    url: str
    pid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TritonPart:
    grpc: str
    http: str
    metrics: str
    pid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Replica:
    name: str
    address: str
    metrics: str
    pid: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoints:
    #: The supervisor.
    pid: int
    gateway: HttpPart
    redis: HttpPart
    #: None where the mesh was started without.
    triton: TritonPart | None
    orchestrators: tuple[Replica, ...]
    schedulers: tuple[Replica, ...]
    workers: tuple[Replica, ...]

    @property
    def orchestrator_addresses(self) -> tuple[str, ...]:
        return tuple(replica.address for replica in self.orchestrators)

    @property
    def scheduler_addresses(self) -> tuple[str, ...]:
        return tuple(replica.address for replica in self.schedulers)


_adapter = TypeAdapter(Endpoints)


def write(data_dir: Path, endpoints: Endpoints) -> None:
    """Whoever reads meanwhile sees the old file or the new one, never half of one."""
    draft = data_dir / f".{FILE_NAME}.{os.getpid()}"
    # The address of a Redis may hold its password.
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(endpoints), indent=2) + "\n")
    draft.replace(data_dir / FILE_NAME)


def read(data_dir: Path) -> Endpoints | None:
    """None where no mesh has left its endpoints, or not in a form that we know."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, ValidationError):
        return _adapter.validate_json((data_dir / FILE_NAME).read_bytes())
    return None


def remove(data_dir: Path) -> None:
    (data_dir / FILE_NAME).unlink(missing_ok=True)

"""Which parts a mesh has, under which names and on which ports, and where each keeps its things."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tutti.embedded import ports
from tutti.embedded.endpoints import Endpoints, HttpPart, Replica, TritonPart
from tutti.embedded.options import MeshOptions
from tutti.embedded.ports import LOOPBACK

GATEWAY = "gateway"
REDIS = "redis"
TRITON = "triton"


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A replica of one of the three gRPC services."""

    name: str
    port: int
    metrics_port: int

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def replica(self, pid: int) -> Replica:
        metrics = f"http://{LOOPBACK}:{self.metrics_port}/metrics"
        return Replica(name=self.name, address=self.address, metrics=metrics, pid=pid)


@dataclass(frozen=True, kw_only=True, slots=True)
class Triton:
    http_port: int
    grpc_port: int
    metrics_port: int

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.grpc_port}"

    @property
    def url(self) -> str:
        return f"grpc://{self.address}"

    @property
    def http_url(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    def part(self, pid: int) -> TritonPart:
        return TritonPart(
            grpc=self.address,
            http=self.http_url,
            metrics=f"http://{LOOPBACK}:{self.metrics_port}/metrics",
            pid=pid,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    data_dir: Path
    gateway_port: int
    redis_port: int
    #: Of a Redis that is not the mesh's own.
    external_redis: str
    triton: Triton | None
    orchestrators: tuple[Service, ...]
    schedulers: tuple[Service, ...]
    workers: tuple[Service, ...]

    @property
    def gateway_url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway_port}"

    @property
    def redis_url(self) -> str:
        return self.external_redis or f"redis://{LOOPBACK}:{self.redis_port}/0"

    def directory(self, name: str) -> Path:
        """Made when it is not there; absolute, because children may run elsewhere."""
        path = self.data_dir.resolve() / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def log_file(self, name: str) -> Path:
        return self.directory("logs") / f"{name}.log"

    def endpoints(self, supervisor: int, pids: Mapping[str, int]) -> Endpoints:
        return Endpoints(
            pid=supervisor,
            gateway=HttpPart(url=self.gateway_url, pid=pids[GATEWAY]),
            redis=HttpPart(url=self.redis_url, pid=0 if self.external_redis else pids[REDIS]),
            triton=self.triton.part(pids[TRITON]) if self.triton else None,
            orchestrators=tuple(service.replica(pids[service.name]) for service in self.orchestrators),
            schedulers=tuple(service.replica(pids[service.name]) for service in self.schedulers),
            workers=tuple(service.replica(pids[service.name]) for service in self.workers),
        )


def choose(options: MeshOptions) -> Layout:
    """Pick ports that are free now."""
    replicas = options.orchestrators + options.schedulers + options.workers
    free = iter(ports.pick(5 + 2 * replicas))
    return Layout(
        data_dir=options.data_dir,
        redis_port=next(free),
        external_redis=options.redis_url,
        gateway_port=options.gateway_port or next(free),
        triton=Triton(http_port=next(free), grpc_port=next(free), metrics_port=next(free)) if options.triton else None,
        orchestrators=_services("orchestrator", options.orchestrators, free),
        schedulers=_services("scheduler", options.schedulers, free),
        workers=_services("worker", options.workers, free),
    )


def _services(name: str, count: int, free: Iterator[int]) -> tuple[Service, ...]:
    return tuple(
        Service(name=f"{name}-{number}", port=next(free), metrics_port=next(free)) for number in range(1, count + 1)
    )

"""The environment of each child: what was inherited, less what only the mesh may say, plus what it says. Pure."""

from collections.abc import Mapping

from tutti.embedded.layout import Layout, Service
from tutti.embedded.options import MeshOptions
from tutti.embedded.ports import LOOPBACK

#: Never inherited: a value meant for some other mesh would send a service of this one astray.
OWNED = frozenset(
    {
        "ARTIFACT_DIR",
        "ARTIFACT_URL_SECRET",
        "JEN1_URL",
        "LOG_FILE",
        "MUSCGEN_URL",
        "PORT",
        "REDIS_URL",
        "TUTTI_ADVERTISE",
        "TUTTI_BIND_HOST",
        "TUTTI_GRACE_SECONDS",
        "TUTTI_INSTANCE",
        "TUTTI_METRICS_PORT",
        "TUTTI_ORCHESTRATORS",
        "TUTTI_PORT",
        "TUTTI_PUBLIC_URL",
        "TUTTI_SCHEDULERS",
        "TUTTI_TEST_HANDLERS",
        "TUTTI_WORK_DIR",
    }
)


class Environment:
    def __init__(
        self, inherited: Mapping[str, str], *, options: MeshOptions, layout: Layout, artifact_secret: str
    ) -> None:
        self._inherited = {name: value for name, value in inherited.items() if name not in OWNED}
        self._options = options
        self._layout = layout
        self._secret = artifact_secret

    def gateway(self) -> dict[str, str]:
        return self._service(
            TUTTI_INSTANCE="gateway",
            PORT=str(self._layout.gateway_port),
            TUTTI_ORCHESTRATORS=_addresses(self._layout.orchestrators),
            TUTTI_SCHEDULERS=_addresses(self._layout.schedulers),
            **self._artifacts(),
        )

    def orchestrator(self, service: Service) -> dict[str, str]:
        return self._grpc_service(
            service, TUTTI_SCHEDULERS=_addresses(self._layout.schedulers), **self._artifacts(), **self._models()
        )

    def scheduler(self, service: Service) -> dict[str, str]:
        return self._grpc_service(service)

    def worker(self, service: Service) -> dict[str, str]:
        return self._grpc_service(
            service,
            TUTTI_SCHEDULERS=_addresses(self._layout.schedulers),
            # Shared by the workers: each attempt makes a directory of its own inside.
            TUTTI_WORK_DIR=str(self._layout.directory("work")),
            **self._concurrency(),
            **self._artifacts(),
            **self._models(),
        )

    def _grpc_service(self, service: Service, **more: str) -> dict[str, str]:
        return self._service(
            TUTTI_INSTANCE=service.name,
            TUTTI_PORT=str(service.port),
            TUTTI_METRICS_PORT=str(service.metrics_port),
            **more,
        )

    def _service(self, **more: str) -> dict[str, str]:
        return {
            **self._inherited,
            "REDIS_URL": self._layout.redis_url,
            "TUTTI_BIND_HOST": LOOPBACK,
            "TUTTI_GRACE_SECONDS": f"{self._options.grace_seconds:g}",
            "TUTTI_TEST_HANDLERS": "1" if self._options.test_handlers else "0",
            "LOG_FILE": "",
            **more,
            **self._options.environment,
        }

    def _artifacts(self) -> dict[str, str]:
        return {
            "ARTIFACT_DIR": str(self._layout.directory("artifacts")),
            "ARTIFACT_URL_SECRET": self._secret,
            "TUTTI_PUBLIC_URL": self._layout.gateway_url,
        }

    def _models(self) -> dict[str, str]:
        triton = self._layout.triton
        return {"JEN1_URL": triton.url, "MUSCGEN_URL": triton.url} if triton else {}

    def _concurrency(self) -> dict[str, str]:
        concurrency = self._options.worker_concurrency
        return {} if concurrency is None else {"WORKER_CONCURRENCY": str(concurrency)}


def _addresses(services: tuple[Service, ...]) -> str:
    return ",".join(service.address for service in services)

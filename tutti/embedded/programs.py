"""What each child of a mesh runs, and how to tell that it is well."""

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from tutti.embedded import probes, redis, secret, triton
from tutti.embedded.children import Program
from tutti.embedded.environment import Environment
from tutti.embedded.layout import GATEWAY, REDIS, TRITON, Layout, Service, Triton
from tutti.embedded.options import MeshOptions

WORKER_SERVICE = "tutti.v1.WorkerService"
ORCHESTRATOR_SERVICE = "tutti.v1.OrchestratorService"
SCHEDULER_SERVICE = "tutti.v1.SchedulerService"
#: Answers 200 once the server and all its models are ready.
TRITON_READY = "v2/health/ready"


class Programs:
    """The programs of one layout."""

    def __init__(self, options: MeshOptions, layout: Layout) -> None:
        self._layout = layout
        self._appendfsync = options.appendfsync
        self._environment = Environment(
            os.environ, options=options, layout=layout, artifact_secret=secret.kept(options.data_dir)
        )

    def redis(self) -> Program:
        layout = self._layout
        directory = layout.directory("redis")
        return Program(
            name=REDIS,
            argv=redis.command(
                redis.find_redis(), port=layout.redis_port, directory=directory, appendfsync=self._appendfsync
            ),
            env=os.environ,
            log_file=layout.log_file(REDIS),
            probe=partial(probes.until, partial(probes.redis_pong, layout.redis_url)),
            ports=(layout.redis_port,),
        )

    def triton(self, ports: Triton) -> Program:
        repository = triton.model_repository()
        launch = triton.command(
            triton.find_triton(),
            model_repository=repository,
            http_port=ports.http_port,
            grpc_port=ports.grpc_port,
            metrics_port=ports.metrics_port,
            runtime_dir=self._layout.directory("triton"),
        )
        return Program(
            name=TRITON,
            argv=(*_weights_first(os.environ), *launch.argv, *_only_models(repository)),
            env=launch.env,
            log_file=self._layout.log_file(TRITON),
            # By HTTP: a gRPC channel that was refused once waits a second and longer before it tries again.
            probe=partial(probes.until, partial(probes.http_ok, f"{ports.http_url}/{TRITON_READY}")),
            ports=(ports.http_port, ports.grpc_port, ports.metrics_port),
            clean=launch.remove_leftovers,
        )

    def gateway(self) -> Program:
        layout = self._layout
        ready = partial(probes.http_ok, f"{layout.gateway_url}/ready")
        return self._service("gateway", GATEWAY, self._environment.gateway(), ready, (layout.gateway_port,))

    def orchestrators(self) -> list[Program]:
        return [
            self._grpc_service("orchestrator", service, self._environment.orchestrator(service), ORCHESTRATOR_SERVICE)
            for service in self._layout.orchestrators
        ]

    def schedulers(self) -> list[Program]:
        # A standby is well and yet NOT_SERVING, so only the process is asked about; `leader` is asked of all of them.
        return [
            self._grpc_service("scheduler", service, self._environment.scheduler(service), "")
            for service in self._layout.schedulers
        ]

    def workers(self) -> list[Program]:
        return [
            self._grpc_service("worker", service, self._environment.worker(service), WORKER_SERVICE)
            for service in self._layout.workers
        ]

    def _grpc_service(self, module: str, service: Service, env: dict[str, str], health: str) -> Program:
        serving = partial(probes.grpc_serving, service.address, health)
        return self._service(module, service.name, env, serving, (service.port, service.metrics_port))

    def _service(
        self, module: str, name: str, env: dict[str, str], check: Callable[[], Awaitable[bool]], ports: tuple[int, ...]
    ) -> Program:
        return Program(
            name=name,
            # -P: a directory called `services` where the user happens to be must not be taken for ours.
            argv=(sys.executable, "-P", "-m", f"services.{module}"),
            env=env,
            log_file=self._layout.log_file(name),
            probe=partial(probes.until, check),
            ports=ports,
        )


def _weights_first(environment: Mapping[str, str]) -> tuple[str, ...]:
    """What fetches the weights of the models and then becomes Triton; nothing where there is nothing to fetch."""
    return (sys.executable, "-P", "-m", "tutti.weights", "--") if environment.get("MODEL_S3_PATH") else ()


def _only_models(repository: Path) -> tuple[str, ...]:
    """Triton takes every other directory, such as Python's own __pycache__, for a model that is broken."""
    names = sorted(config.parent.name for config in repository.glob("*/config.pbtxt"))
    return ("--model-control-mode=explicit", *(f"--load-model={name}" for name in names))


async def has_leader(layout: Layout) -> bool:
    for service in layout.schedulers:
        if await probes.grpc_serving(service.address, SCHEDULER_SERVICE):
            return True
    return False

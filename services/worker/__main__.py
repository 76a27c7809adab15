"""Starts a worker. Only wiring."""

import logging

import uvloop

from services.worker import registry
from services.worker.config import WorkerSettings
from services.worker.lines import LineLimit
from services.worker.membership import Membership
from services.worker.readiness import Readiness
from services.worker.resources import of_worker
from services.worker.runner import Runner
from services.worker.servicer import WorkerServicer
from tutti import errors, process, rpc, telemetry
from tutti.artifacts.settings import ArtifactSettings
from tutti.artifacts.settings import build as build_artifacts
from tutti.config import default_instance_name, load
from tutti.v1 import scheduler_pb2, worker_pb2_grpc

log = logging.getLogger(__name__)

WORKER = "tutti.v1.WorkerService"


def labels_of(pairs: tuple[str, ...]) -> dict[str, str]:
    labels = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise errors.InvalidInput(f"TUTTI_WORKER_LABELS: {pair!r} is not key=value", field="TUTTI_WORKER_LABELS")
        labels[key] = value
    return labels


async def serve(settings: WorkerSettings, artifact_settings: ArtifactSettings) -> None:
    name = settings.instance or default_instance_name("worker")
    telemetry.start(settings, service="worker", instance=name)
    handlers, incarnation = registry.installed(), process.incarnation()
    if not handlers:
        raise errors.PreconditionFailed(
            "this worker would serve nothing: set JEN1_URL and MUSCGEN_URL, install a package with handlers, or set "
            "TUTTI_TEST_HANDLERS=1",
            reason="NO_HANDLERS",
        )
    server = rpc.Server(services=[WORKER])
    address = server.bind(f"{settings.bind_host}:{settings.port}")
    info = scheduler_pb2.WorkerInfo(
        worker_id=name,
        incarnation=incarnation,
        address=settings.advertise or address,
        slots=settings.slots,
        kinds=registry.kind_infos(handlers),
        resources=await of_worker(settings),
        labels=labels_of(settings.labels),
    )
    readiness = Readiness(handlers.values())
    async with build_artifacts(artifact_settings) as artifacts:
        runner = Runner(
            handlers,
            worker_id=name,
            incarnation=incarnation,
            slots=settings.slots,
            artifacts=artifacts,
            work_dir=settings.work_dir,
            lines=LineLimit(burst=settings.log_burst, per_second=settings.log_lines_per_second),
        )
        servicer = WorkerServicer(runner, info, readiness.models)
        worker_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, server.grpc)
        await server.start()
        membership = Membership(settings.schedulers, info, runner, readiness=readiness, on_member=server.serving)

        async def shut_down() -> None:
            # Take nothing new, let what runs end, and stay reachable until the scheduler has heard how it ended.
            servicer.draining = True
            await server.serving(False)
            await membership.drain()
            await runner.drain(settings.grace_seconds)
            await runner.said(within_seconds=2.0)
            await membership.leave()
            await server.stop(0)

        async def belong() -> None:
            try:
                await membership.run()
            except errors.PreconditionFailed:
                # Another process has this one's name, and others have its attempts: stop them before leaving.
                await runner.drain(0)
                raise

        await readiness.look()
        await process.run({"membership": belong, "readiness": readiness.run}, on_stop=shut_down)
    await membership.close()
    for handler in handlers.values():
        if handler.close is not None:
            await handler.close()


def main() -> None:
    process.main(serve(load(WorkerSettings), load(ArtifactSettings)), uvloop.new_event_loop)


if __name__ == "__main__":
    main()

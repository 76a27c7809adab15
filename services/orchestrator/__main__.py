"""Starts an orchestrator replica. Only wiring."""

import logging
from datetime import timedelta

import uvloop

from services.orchestrator.claims import Claims
from services.orchestrator.config import OrchestratorSettings
from services.orchestrator.dashboards import Dashboards
from services.orchestrator.dead import DeadJobs
from services.orchestrator.driver import Driver
from services.orchestrator.handover import SchedulerLink
from services.orchestrator.intake import Intake
from services.orchestrator.plan.catalogue import Catalogue
from services.orchestrator.quota import Quota
from services.orchestrator.servicer import OrchestratorServicer
from services.orchestrator.sharing import Sharing
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.upkeep import Upkeep
from services.orchestrator.watch import WatchHub
from tutti import clock, process, rpc, telemetry
from tutti.artifacts.settings import ArtifactSettings
from tutti.artifacts.settings import build as build_artifacts
from tutti.client.client import ORCHESTRATOR
from tutti.config import default_instance_name, load
from tutti.v1 import orchestrator_pb2_grpc

log = logging.getLogger(__name__)


async def serve(settings: OrchestratorSettings, artifact_settings: ArtifactSettings) -> None:
    # A replica's name is its incarnation: a restarted process is another replica, and fenced off from the first.
    replica = f"{settings.instance or default_instance_name('orchestrator')}.{process.incarnation()}"
    telemetry.start(settings, service="orchestrator", instance=replica)
    store = JobStore(
        settings.redis_url,
        retention_seconds=settings.retention_seconds,
        dead_retention_seconds=settings.dead_retention_seconds,
        request_ttl_seconds=settings.request_ttl_seconds,
    )
    server = rpc.Server(services=[ORCHESTRATOR])
    address = server.bind(f"{settings.bind_host}:{settings.port}")
    await process.wait_for(lambda: store.open(settings.first_partitions), what="Redis")
    hub, dashboards = WatchHub(store, replica=replica), Dashboards(store)

    def link(driver: Driver) -> SchedulerLink:
        return SchedulerLink(
            settings.schedulers,
            orchestrator_id=replica,
            on_updates=driver.on_updates,
            on_new_leader=lambda: claims.hand_over_again(),
            stands=driver.stands,
        )

    catalogue = Catalogue(store.kinds)
    sharing = Sharing.of(store, catalogue, ttl_seconds=settings.cache_ttl_seconds, lease_seconds=settings.lease_seconds)
    driver = Driver(store, hub, link, sharing, clock_ms=clock.now_ms)
    claims = Claims(
        store,
        driver,
        catalogue,
        replica=replica,
        address=settings.advertise or address,
        lease_seconds=settings.lease_seconds,
        max_driven=settings.max_driven_jobs,
    )
    upkeep = Upkeep(store, replica=replica, retention_seconds=settings.retention_seconds)
    quota = Quota(settings.owner_max_jobs, store.open_jobs)
    dead = DeadJobs(store, hub, catalogue, clock_ms=clock.now_ms)
    async with build_artifacts(artifact_settings) as artifacts:
        intake = Intake(store, driver, claims, catalogue, quota, artifacts, clock_ms=clock.now_ms)
        servicer = OrchestratorServicer(
            store=store,
            intake=intake,
            dead=dead,
            driver=driver,
            hub=hub,
            dashboards=dashboards,
            artifacts=artifacts,
            replica=replica,
            address_ttl=timedelta(seconds=artifact_settings.url_ttl_seconds),
        )
        orchestrator_pb2_grpc.add_OrchestratorServiceServicer_to_server(servicer, server.grpc)
        await server.start()

        async def shut_down() -> None:
            # Take nothing new; let callers go to other replicas; finish what is being written; only then give the
            # lease back, so that nobody takes jobs over while this replica could still commit them.
            claims.stop()
            await server.serving(False)
            hub.stop()
            dashboards.stop()
            await server.stop(settings.grace_seconds)
            await intake.close()
            await driver.close()
            await claims.leave()

        await claims.start()
        await server.serving(True)
        loops = {
            "claims": claims.run,
            "hub": hub.run,
            "dashboards": dashboards.run,
            "upkeep": upkeep.run,
            "scheduler-link": driver.link.run,
            "sharing": sharing.run,
        }
        await process.run(loops, on_stop=shut_down)
    await driver.link.close()
    await dashboards.close()
    await store.close()


def main() -> None:
    settings, artifact_settings = load(OrchestratorSettings), load(ArtifactSettings)
    process.main(serve(settings, artifact_settings), uvloop.new_event_loop)


if __name__ == "__main__":
    main()

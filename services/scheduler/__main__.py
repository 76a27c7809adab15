"""Starts a scheduler: a standby until it is elected, then the leader until it is told to stop or superseded."""

import asyncio
import contextlib
import logging

import uvloop

from services.scheduler import metrics
from services.scheduler.config import SchedulerSettings
from services.scheduler.dispatch import Dispatcher
from services.scheduler.leader import Election
from services.scheduler.placement import Placement
from services.scheduler.servicer import SchedulerServicer
from tutti import errors, process, rpc, telemetry
from tutti.client.client import SCHEDULER
from tutti.config import default_instance_name, load
from tutti.v1 import scheduler_pb2_grpc

log = logging.getLogger(__name__)


class Superseded(Exception):
    """Another scheduler leads; ends the task group of a term."""


async def lead(
    election: Election, servicer: SchedulerServicer, server: rpc.Server, settings: SchedulerSettings
) -> None:
    """Stand for election and lead, again and again."""
    while True:
        metrics.LEADER.set(0)
        term = await election.win()
        log.info("leading", extra={"term": term})
        metrics.LEADER.set(1)
        try:
            async with asyncio.TaskGroup() as tasks:
                # Read before anything can be placed, and after the election: see `Election._check_leads`.
                orders = await election.orders()
                servicer.dispatcher = Dispatcher(
                    Placement(settings.policy(), paused=orders.paused),
                    drained=orders.drained,
                    term=term,
                    settle_seconds=settings.settle_seconds,
                    heartbeat_ttl_seconds=settings.heartbeat_ttl_seconds,
                    tasks=tasks,
                )
                tasks.create_task(servicer.dispatcher.upkeep(), name="upkeep")
                tasks.create_task(_step_down_when_refused(servicer, servicer.dispatcher, election), name="step-down")
                try:
                    await server.serving(True)
                    await election.keep(term)
                    raise Superseded
                finally:
                    _end_term(servicer)
        except* Superseded:
            log.warning("another scheduler leads", extra={"term": term})
        finally:
            await server.serving(False)


def _end_term(servicer: SchedulerServicer) -> None:
    """Answer no more calls in this term, while its task group still takes what they begin. Its streams must not outlive
    it: their readers would wait for updates that go elsewhere."""
    dispatcher, servicer.dispatcher = servicer.dispatcher, None
    if dispatcher is not None:
        dispatcher.end_streams()


async def _step_down_when_refused(servicer: SchedulerServicer, dispatcher: Dispatcher, election: Election) -> None:
    """A worker has heard a later leader. Should nobody else lead by now, the next term is this process's own."""
    await dispatcher.superseded.wait()
    with contextlib.suppress(errors.Unavailable):
        await election.leave()
    _end_term(servicer)
    raise Superseded


async def serve(settings: SchedulerSettings) -> None:
    name = f"{settings.instance or default_instance_name('scheduler')}.{process.incarnation()}"
    telemetry.start(settings, service="scheduler", instance=name)
    server = rpc.Server(services=[SCHEDULER])
    address = server.bind(f"{settings.bind_host}:{settings.port}")
    election = Election(
        settings.redis_url,
        name=f"{name} {settings.advertise or address}",
        lease_seconds=settings.leader_lease_seconds,
    )
    servicer = SchedulerServicer(election)
    scheduler_pb2_grpc.add_SchedulerServiceServicer_to_server(servicer, server.grpc)
    await server.start()

    async def shut_down() -> None:
        # The lease goes back first: the standby leads while this one is still saying good-bye.
        with contextlib.suppress(errors.Unavailable):
            await election.leave()
        await server.serving(False)
        if servicer.dispatcher is not None:
            servicer.dispatcher.end_streams()
        await server.stop(min(1.0, settings.grace_seconds))

    await process.run({"lead": lambda: lead(election, servicer, server, settings)}, on_stop=shut_down)
    await election.close()


def main() -> None:
    process.main(serve(load(SchedulerSettings)), uvloop.new_event_loop)


if __name__ == "__main__":
    main()

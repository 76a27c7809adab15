"""What the chaos suite found in the services, each in the small: one break at the moment that hurt."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.orchestrator.claims import Claims
from services.orchestrator.store.jobs import JobStore
from services.orchestrator.store.records import Stored
from services.orchestrator.store.values import Claimed
from tests.builders import order, progressed, started, succeeded, task_spec, worker_info
from tests.fixtures.fleet import RunningScheduler, Stage, calling, running_scheduler, running_worker
from tests.fixtures.replicas import running_replica
from tests.fixtures.scheduler import ScriptedScheduler, serving
from tests.fixtures.stores import accept, new_job, open_store
from tests.fixtures.waiting import eventually
from tutti import errors, redis_client, rpc
from tutti.v1 import job_pb2, scheduler_pb2, task_pb2, worker_pb2, worker_pb2_grpc


class Endless(worker_pb2_grpc.WorkerServiceServicer):
    """A stream that says one thing and then waits."""

    async def WatchAttempts(self, request: Any, context: Any) -> AsyncIterator[worker_pb2.WatchAttemptsResponse]:
        yield worker_pb2.WatchAttemptsResponse()
        await asyncio.Event().wait()


async def test_a_call_that_a_leaving_server_cuts_off_may_be_repeated() -> None:
    server = rpc.Server(services=[])
    worker_pb2_grpc.add_WorkerServiceServicer_to_server(Endless(), server.grpc)  # type: ignore[abstract]
    address = server.bind("127.0.0.1:0")
    await server.start()
    async with rpc.channel([address]) as channel:
        call = worker_pb2_grpc.WorkerServiceStub(channel).WatchAttempts(worker_pb2.WatchAttemptsRequest(), timeout=30)
        await call.read()
        with pytest.raises(errors.Unavailable), rpc.translated():
            await asyncio.gather(call.read(), server.stop(0.1))


@pytest.fixture
async def scripted() -> AsyncIterator[tuple[ScriptedScheduler, str]]:
    scheduler = ScriptedScheduler()  # type: ignore[abstract]  # the calls that no orchestrator makes
    async with serving(scheduler) as address:
        yield scheduler, address


async def test_a_replica_that_leaves_records_and_acknowledges_nothing_more(
    redis_url: str, scripted: tuple[ScriptedScheduler, str]
) -> None:
    scheduler, address = scripted
    async with running_replica(redis_url, address) as replica:
        job_id = await replica.submit(task_spec())
        await scheduler.order()
        scheduler.say(started(job_id=job_id))
        await replica.until(job_id, job_pb2.JOB_STATE_RUNNING)

        async def hear(number: int, update: task_pb2.Update) -> None:
            await replica.driver.on_updates(
                task_pb2.UpdateBatch(epoch=scheduler.epoch, number=number, updates=[update])
            )

        await hear(6, progressed(job_id=job_id))
        closing = asyncio.create_task(replica.driver.close(), name="close")
        await asyncio.sleep(0)  # it waits for the commit of the progress now
        await hear(7, succeeded(job_id=job_id))

        await closing
        assert (await replica.job(job_id)).record.state == job_pb2.JOB_STATE_RUNNING
        assert replica.driver.link._acknowledged == 6


async def test_a_replica_can_leave_while_redis_is_away(redis_url: str, scripted: tuple[ScriptedScheduler, str]) -> None:
    async with running_replica(redis_url, scripted[1]) as replica:
        nowhere = JobStore(
            "redis://127.0.0.1:1/0", retention_seconds=60, dead_retention_seconds=60, request_ttl_seconds=60
        )
        leaving = Claims(
            nowhere, replica.driver, replica.intake._catalogue, replica="r2", address="", lease_seconds=1, max_driven=1
        )
        await leaving.leave()
        await nowhere.close()


@pytest.fixture
async def scheduler(redis_url: str) -> AsyncIterator[RunningScheduler]:
    async with running_scheduler(redis_url) as running:
        await eventually(lambda: running.leads, what="it is elected")
        yield running


class Slow(worker_pb2_grpc.WorkerServiceServicer):
    """A worker that takes leases only when it is let to, and notes in which order it was told things."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def WatchAttempts(self, request: Any, context: Any) -> AsyncIterator[worker_pb2.WatchAttemptsResponse]:
        yield worker_pb2.WatchAttemptsResponse(batch=task_pb2.UpdateBatch(epoch="i1"))
        await asyncio.Event().wait()

    async def Execute(self, requests: Any, context: Any) -> AsyncIterator[worker_pb2.ExecuteResponse]:
        async for _ in requests:
            self.asked.set()
            await self.let.wait()
            self.told.append("execute")
            yield worker_pb2.ExecuteResponse()

    async def CancelTasks(self, request: Any, context: Any) -> worker_pb2.WorkerServiceCancelTasksResponse:
        self.told.append("cancel")
        self.let.set()
        return worker_pb2.WorkerServiceCancelTasksResponse()


async def test_a_stop_never_overtakes_its_lease(scheduler: RunningScheduler) -> None:
    """The worker would not know the lease, and begin the attempt after everyone was told that it has ended."""
    worker, server, held = Slow(), rpc.Server(services=[]), order("job-0")  # type: ignore[abstract]
    worker_pb2_grpc.add_WorkerServiceServicer_to_server(worker, server.grpc)
    info = worker_info(incarnation="i1", address=server.bind("127.0.0.1:0"))
    await server.start()
    async with calling([scheduler]) as caller:
        await caller.stub.RegisterWorker(scheduler_pb2.RegisterWorkerRequest(info=info), timeout=5)
        await caller.schedule(held)
        await worker.asked.wait()
        await caller.cancel(held)
        with contextlib.suppress(TimeoutError):
            # Long enough for a stop that does not wait to arrive.
            await asyncio.wait_for(worker.let.wait(), 0.2)
        worker.let.set()
        await eventually(lambda: len(worker.told) == 2, what="the worker was told both")
    await server.stop(0)
    assert worker.told == ["execute", "cancel"]


async def test_what_runs_is_attached_to_though_an_older_lease_of_it_has_ended(
    scheduler: RunningScheduler, tmp_path: Path
) -> None:
    """A worker that was thought gone brings along how its attempt ended, which was given to another meanwhile. Told
    that end, which its record outranks, an orchestrator that has taken the job over would wait for ever."""
    stage, held = Stage(), order("job-0", kind="test.hold")
    async with calling([scheduler]) as caller, running_worker([scheduler], tmp_path, stage.handlers()):
        await caller.schedule(held)
        await caller.hears(held, "started")
        dispatcher = scheduler.servicer.dispatcher
        assert dispatcher is not None
        dispatcher.leases.collect(
            task_pb2.Update(
                job_id=held.job_id,
                task=held.task,
                attempt=held.attempt,
                lease_id="0-1",
                cancelled=task_pb2.Update.Cancelled(),
            )
        )
        async with calling([scheduler], name="o2") as heir:
            held.recovered = True
            await heir.schedule(held)
            stage.let_go()
            await heir.hears(held, "succeeded")
            assert heir.heard(held) == ["started", "succeeded"]


async def test_what_was_seen_but_not_recorded_is_said_to_the_heir(scheduler: RunningScheduler, tmp_path: Path) -> None:
    """A cursor names what was seen. An orchestrator whose stream breaks, and that dies before it has recorded, must not
    take the end of an attempt along: it would be run again."""
    stage, held = Stage(), order("job-0", kind="test.hold")
    stage.let_go()
    async with calling([scheduler]) as caller, running_worker([scheduler], tmp_path, stage.handlers()):
        await caller.schedule(held)
        await caller.hears(held, "succeeded")
        cursor = task_pb2.UpdateCursor(epoch=caller.epoch, number=caller.number)
        await caller.leave()
        again = caller.stub.WatchTasks(scheduler_pb2.WatchTasksRequest(orchestrator_id="o1", after=cursor), timeout=30)
        assert await again.read() is not grpc.aio.EOF
        again.cancel()
        async with calling([scheduler], name="o2") as heir:
            held.recovered = True
            await heir.schedule(held)
            await heir.hears(held, "succeeded")
    assert len(stage.begun) == 1


async def test_an_order_that_waits_to_go_out_is_dropped_once_its_job_is_anothers(
    redis_url: str, scripted: tuple[ScriptedScheduler, str]
) -> None:
    """A replica that is paused with an order in hand, and goes on after its jobs were taken over and have ended, would
    have them run again: no leader of a later term knows of them."""
    scheduler, address = scripted
    async with running_replica(redis_url, address) as replica:
        scheduler.open.clear()
        first = await replica.submit(task_spec())
        await eventually(lambda: scheduler.held_back == 1, what="the first order is on its way")
        second, third = await replica.submit(task_spec()), await replica.submit(task_spec())

        replica.driver.disown(second, epoch=1)
        scheduler.open.set()

        await eventually(lambda: len(scheduler.orders) > 1, what="the others go out")
        assert [order.job_id for order in scheduler.orders] == [first, third]


async def test_a_term_that_ends_while_redis_is_waited_for_registers_nobody(
    scheduler: RunningScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def meanwhile(kinds: Iterable[scheduler_pb2.KindInfo]) -> None:
        scheduler.servicer.dispatcher = None

    monkeypatch.setattr(scheduler.servicer._election, "publish_kinds", meanwhile)
    async with calling([scheduler]) as caller:
        request = scheduler_pb2.RegisterWorkerRequest(info=worker_info(incarnation="i1", address="127.0.0.1:1"))
        with pytest.raises(errors.Unavailable) as caught, rpc.translated():
            await caller.stub.RegisterWorker(request, timeout=5)
    assert caught.value.reason == "NOT_LEADER"


@pytest.mark.parametrize("lost", ["claim", "own_pending"])
async def test_jobs_whose_claim_was_answered_to_nobody_are_driven(
    redis_url: str, scripted: tuple[ScriptedScheduler, str], monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Redis dies when it has given the jobs of a dead replica to this one, and has not said so; or just when this one
    looks what it was given. They are this replica's then, and nobody else would ever drive them."""
    scheduler, address = scripted
    async with running_replica(redis_url, address) as replica:
        store, answers = replica.store, {"claim": 1, lost: 1}

        def lose(name: str) -> None:
            if answers.get(name):
                answers[name] -= 1
                raise errors.Unavailable("the answer was lost")

        real_claim, real_pending = store.claim, store.own_pending

        async def claim(*args: Any, **more: Any) -> list[Stored]:
            found = await real_claim(*args, **more)
            if found:
                lose("claim")
            return found

        async def own_pending(*args: Any) -> AsyncIterator[list[Claimed]]:
            async for page in real_pending(*args):
                lose("own_pending")
                yield page

        monkeypatch.setattr(store, "claim", claim)
        monkeypatch.setattr(store, "own_pending", own_pending)
        await accept(store, new_job(), replica="dead", room=1)

        await scheduler.order(recovered=True)
        assert not any(answers.values())


async def test_only_one_replica_inherits_a_job(redis_url: str) -> None:
    """Two who found the same replica dead: the second would take the job from the first, which lives and would not
    notice before its next commit; under a later leader it would have the job run again though it has ended."""
    async with open_store(redis_url) as store:
        (claim,) = await accept(store, new_job(), replica="dead", room=1)
        entries = {claim.entry: claim.job_id}

        first = await store.claim(0, claim.stream, entries, "r1", holder="dead")
        second = await store.claim(0, claim.stream, entries, "r2", holder="dead")

        assert ([stored.epoch for stored in first], second) == ([2], [])


async def test_a_replica_that_was_paused_between_reading_and_claiming_takes_nothing_back(redis_url: str) -> None:
    async with open_store(redis_url) as store:
        await accept(store, new_job())
        (read,) = await store.read_streams(0, "r1", 10, 100)
        entries = {read.entry: read.job_id}
        await store.claim(0, read.stream, entries, "r2", holder="r1")

        assert await store.claim(0, read.stream, entries, "r1", holder="r1") == []


async def test_a_new_leader_is_told_nothing_of_jobs_that_were_taken_over_unnoticed(
    redis_url: str, scripted: tuple[ScriptedScheduler, str]
) -> None:
    scheduler, address = scripted
    async with running_replica(redis_url, address) as replica:
        kept, taken = await replica.submit(task_spec()), await replica.submit(task_spec())
        await eventually(lambda: len(scheduler.orders) == 2, what="both are handed over")
        await replica.store.claim(0, 2, {(await replica.job(taken)).entry: taken}, "r2", holder="r1")
        scheduler.orders.clear()

        scheduler.begin_term("2")

        await scheduler.order(recovered=True)
        assert [order.job_id for order in scheduler.orders] == [kept]


async def test_a_job_that_a_replica_has_claimed_again_stays_with_it(
    redis_url: str, scripted: tuple[ScriptedScheduler, str]
) -> None:
    """Looking at the epochs takes a while; what was known before may have been claimed anew since."""
    async with running_replica(redis_url, scripted[1]) as replica:
        job_id = await replica.submit(task_spec())
        replica.driver.disown(job_id, epoch=0)
        assert job_id in replica.driver


def test_a_write_to_a_connection_that_was_just_closed_means_that_redis_is_away() -> None:
    with pytest.raises(errors.Unavailable), redis_client.translated():
        raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")
    with pytest.raises(RuntimeError), redis_client.translated():
        raise RuntimeError("a defect")

"""Calls and writes of somebody who was given up: hand-made, over real gRPC, and refused or without effect."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from services.scheduler import leader as election
from services.scheduler import metrics as scheduler_metrics
from services.scheduler import orphans
from services.scheduler.leader import Election
from services.worker import metrics as worker_metrics
from tests.builders import order
from tests.fixtures.fleet import (
    Caller,
    RunningScheduler,
    RunningWorker,
    Stage,
    calling,
    running_scheduler,
    running_worker,
)
from tests.fixtures.waiting import eventually
from tutti import errors, redis_client, rpc
from tutti.v1 import scheduler_pb2, scheduler_pb2_grpc, task_pb2, worker_pb2, worker_pb2_grpc

HOLD = order("job-0", kind="test.hold")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def scheduler(redis_url: str) -> AsyncIterator[RunningScheduler]:
    async with running_scheduler(redis_url) as running:
        await eventually(lambda: running.leads, what="it is elected")
        yield running


@pytest.fixture
async def worker(scheduler: RunningScheduler, stage: Stage, tmp_path: Path) -> AsyncIterator[RunningWorker]:
    async with running_worker([scheduler], tmp_path, stage.handlers()) as running:
        yield running


@pytest.fixture
async def caller(scheduler: RunningScheduler) -> AsyncIterator[Caller]:
    async with calling([scheduler]) as met:
        yield met


@pytest.fixture
async def at_worker(worker: RunningWorker) -> AsyncIterator[Any]:
    async with rpc.channel([worker.address]) as channel:
        yield worker_pb2_grpc.WorkerServiceStub(channel)


@pytest.fixture
async def at_scheduler(scheduler: RunningScheduler) -> AsyncIterator[Any]:
    async with rpc.channel([scheduler.address]) as channel:
        yield scheduler_pb2_grpc.SchedulerServiceStub(channel)


def of_epoch(job_epoch: int, *, attempt: int = 1, recovered: bool = True) -> task_pb2.TaskOrder:
    """HOLD, as said by the driver that claimed the job under this epoch."""
    return order("job-0", kind="test.hold", attempt=attempt, job_epoch=job_epoch, recovered=recovered)


def ref(job_epoch: int) -> task_pb2.AttemptRef:
    return task_pb2.AttemptRef(job_id="job-0", task="main", attempt=1, job_epoch=job_epoch)


async def refused(call: Awaitable[Any]) -> tuple[grpc.StatusCode, str, str]:
    """Status, domain and reason, as any client reads them."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    trailing = dict(caught.value.trailing_metadata() or ())
    status = status_pb2.Status.FromString(bytes(trailing["grpc-status-details-bin"]))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return caught.value.code(), info.domain, info.reason


def stale(reason: str) -> tuple[grpc.StatusCode, str, str]:
    return (grpc.StatusCode.FAILED_PRECONDITION, "tutti", reason)


def counted(counter: Any) -> float:
    return float(counter._value.get())


async def first_answer(method: Any, request: Any) -> Any:
    """Whatever the method streams."""
    if isinstance(method, grpc.aio.StreamStreamMultiCallable):
        call = method(timeout=5)
        await call.write(request)
        return await call.read()
    call = method(request, timeout=5)
    return await (call.read() if isinstance(method, grpc.aio.UnaryStreamMultiCallable) else call)


#: Calls to a worker that carry the leader's term.
OF_A_LEADER: dict[str, Callable[..., Any]] = {
    "Execute": worker_pb2.ExecuteRequest,
    "WatchAttempts": worker_pb2.WatchAttemptsRequest,
    "CancelTasks": worker_pb2.WorkerServiceCancelTasksRequest,
}
#: Calls to the leader that carry a term which is not its own.
OF_ANOTHER_TERM: dict[str, list[Any]] = {
    "Schedule": [
        scheduler_pb2.ScheduleRequest(orchestrator_id="o1", epoch="999", orders=[HOLD]),
        scheduler_pb2.ScheduleRequest(orchestrator_id="o1", orders=[HOLD]),
    ],
    "CancelTasks": [
        scheduler_pb2.CancelTasksRequest(orchestrator_id="o1", epoch="999", attempts=[ref(0)]),
        scheduler_pb2.CancelTasksRequest(orchestrator_id="o1", attempts=[ref(0)]),
    ],
    "Heartbeat": [scheduler_pb2.HeartbeatRequest(worker_id="w1", incarnation="x", epoch="999")],
}


class TestEarlierTerms:
    @pytest.mark.parametrize("method", OF_A_LEADER)
    async def test_a_worker_refuses_every_call_of_an_earlier_leader(
        self, worker: RunningWorker, at_worker: Any, caller: Caller, stage: Stage, method: str
    ) -> None:
        await caller.schedule(HOLD)
        await caller.hears(HOLD, "started")
        before = counted(worker_metrics.STALE_CALLS)

        request = OF_A_LEADER[method](term=int(caller.epoch) - 1)
        assert await refused(first_answer(getattr(at_worker, method), request)) == stale("STALE_EPOCH")

        assert counted(worker_metrics.STALE_CALLS) == before + 1
        assert stage.cancelled == []

    @pytest.mark.parametrize("method", OF_ANOTHER_TERM)
    async def test_the_leader_refuses_every_call_of_another_term(
        self, worker: RunningWorker, at_scheduler: Any, caller: Caller, stage: Stage, method: str
    ) -> None:
        held = order("held", kind="test.hold")
        await caller.schedule(held)
        await caller.hears(held, "started")
        before = counted(scheduler_metrics.STALE_CALLS.labels(reason="STALE_EPOCH"))

        for request in OF_ANOTHER_TERM[method]:
            assert await refused(first_answer(getattr(at_scheduler, method), request)) == stale("STALE_EPOCH")

        counter = scheduler_metrics.STALE_CALLS.labels(reason="STALE_EPOCH")
        assert counted(counter) == before + len(OF_ANOTHER_TERM[method])
        assert stage.begun == ["held/main.1"]

    async def test_a_leader_that_a_worker_refuses_steps_down_and_what_runs_goes_on(
        self, scheduler: RunningScheduler, at_worker: Any, caller: Caller, stage: Stage
    ) -> None:
        caller.outstanding = lambda: [of_epoch(0)]
        await caller.schedule(HOLD)
        await caller.hears(HOLD, "started")
        former = caller.epoch

        await first_answer(at_worker.Execute, worker_pb2.ExecuteRequest(term=int(former) + 1))
        await caller.schedule(order("next"))

        await eventually(lambda: int(caller.epoch) > int(former), what="it leads under a later term")
        await eventually(lambda: caller.heard(HOLD).count("started") >= 2, what="the new term attaches")
        stage.let_go()
        await caller.hears(HOLD, "succeeded")
        assert stage.begun == ["job-0/main.1"]


class TestElections:
    """What a candidate or leader finds that was paused at the worst moment."""

    async def test_a_lease_is_not_taken_back_after_somebody_else_led(self, redis_url: str) -> None:
        paused, other = (Election(redis_url, name=name, lease_seconds=0.3) for name in ("paused", "other"))
        redis = redis_client.connect(redis_url)
        term = await paused.win()
        await redis.delete(election.LEADER)  # as when it ran out
        assert await other.win() == term + 1
        await other.leave()

        await asyncio.wait_for(paused.keep(term), 5)

        assert await redis.get(election.LEADER) is None
        for each in (paused, other, redis):
            await (each.close() if isinstance(each, Election) else each.aclose())

    async def test_a_lease_that_ran_out_unnoticed_is_taken_back(self, redis_url: str) -> None:
        leading = Election(redis_url, name="leading", lease_seconds=0.3)
        redis = redis_client.connect(redis_url)
        keeping = asyncio.create_task(leading.keep(await leading.win()))
        await redis.delete(election.LEADER)

        async def back() -> bool:
            return bool(await redis.get(election.LEADER) == b"leading")

        async with asyncio.timeout(5):
            while not await back():  # noqa: ASYNC110  it is another's key
                await asyncio.sleep(0.01)
        assert not keeping.done()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await leading.close()
        await redis.aclose()

    async def test_a_candidate_that_lost_its_lease_before_it_got_its_term_does_not_lead(
        self, redis_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paused, other = (Election(redis_url, name=name, lease_seconds=0.3) for name in ("paused", "other"))
        redis = redis_client.connect(redis_url)
        incr, won = paused._redis.incr, []

        async def incr_after_a_pause(key: str) -> int:
            await redis.delete(election.LEADER)
            won.append(await other.win())
            return int(await incr(key))

        monkeypatch.setattr(paused._redis, "incr", incr_after_a_pause)
        standing = asyncio.create_task(paused.win())
        await eventually(lambda: bool(won), what="the other leads")
        keeping = asyncio.create_task(other.keep(won[0]))
        await asyncio.wait([standing], timeout=0.5)

        assert not standing.done()
        assert not keeping.done()
        for each in (standing, keeping):
            each.cancel()
        await asyncio.gather(standing, keeping, return_exceptions=True)
        await paused.close()
        await other.close()
        await redis.aclose()


class TestWorkersOfOneName:
    @pytest.fixture
    async def replaced(self, worker: RunningWorker, at_scheduler: Any, caller: Caller) -> str:
        """The incarnation of a process before the one that is registered."""
        await caller.schedule(HOLD)
        await caller.hears(HOLD, "started")
        return "0"

    async def test_a_replaced_process_may_not_beat_register_or_sign_off(
        self, replaced: str, worker: RunningWorker, at_scheduler: Any, caller: Caller, stage: Stage
    ) -> None:
        info = scheduler_pb2.WorkerInfo()
        info.CopyFrom((await caller.workers())["w1"].info)
        info.incarnation = replaced
        beat = scheduler_pb2.HeartbeatRequest(worker_id="w1", incarnation=replaced, epoch=caller.epoch)
        register = scheduler_pb2.RegisterWorkerRequest(info=info)
        leave = scheduler_pb2.DeregisterWorkerRequest(worker_id="w1", incarnation=replaced)

        for call in (
            at_scheduler.Heartbeat(beat, timeout=5),
            at_scheduler.RegisterWorker(register, timeout=5),
            at_scheduler.DeregisterWorker(leave, timeout=5),
        ):
            assert await refused(call) == stale("STALE_INCARNATION")

        stage.let_go()
        await caller.hears(HOLD, "succeeded")
        assert (await caller.workers())["w1"].info.incarnation > replaced

    async def test_the_earlier_process_learns_that_it_was_replaced(
        self, scheduler: RunningScheduler, caller: Caller, stage: Stage, tmp_path: Path
    ) -> None:
        async with running_worker([scheduler], tmp_path / "a", stage.handlers()) as earlier:
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            async with running_worker([scheduler], tmp_path / "b", stage.handlers()) as later:
                await caller.hears(HOLD, "lost")
                assert earlier._beating is not None
                with pytest.raises(errors.PreconditionFailed) as caught:
                    await asyncio.wait_for(earlier._beating, 10)
                assert caught.value.reason == "STALE_INCARNATION"
                assert later._beating is not None
                assert not later._beating.done()
                await caller.schedule(of_epoch(0, attempt=2))
                await caller.hears(of_epoch(0, attempt=2), "started")
                assert later.runner.free_slots == 1
            earlier._beating = None

    async def test_the_same_process_keeps_what_it_runs_when_it_registers_again(
        self, scheduler: RunningScheduler, worker: RunningWorker, at_scheduler: Any, caller: Caller, stage: Stage
    ) -> None:
        """As after the scheduler was paused: the stream has not been opened anew yet."""
        await caller.schedule(HOLD)
        await caller.hears(HOLD, "started")
        assert scheduler.servicer.dispatcher is not None
        link = scheduler.servicer.dispatcher.roster.find("w1")
        assert link is not None
        link.connected = False

        again = scheduler_pb2.RegisterWorkerRequest(info=link.info, running=worker.runner.running())
        await at_scheduler.RegisterWorker(again, timeout=5)

        stage.let_go()
        await caller.hears(HOLD, "succeeded")
        assert stage.cancelled == []
        assert "lost" not in caller.heard(HOLD)

    async def test_one_that_has_gone_may_sign_off_again(self, at_scheduler: Any) -> None:
        leave = scheduler_pb2.DeregisterWorkerRequest(worker_id="nobody", incarnation="x")
        await at_scheduler.DeregisterWorker(leave, timeout=5)


class TestAttemptsThatNobodyWants:
    async def test_what_a_worker_still_runs_of_a_job_that_is_over_is_stopped(
        self,
        redis_url: str,
        scheduler: RunningScheduler,
        stage: Stage,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The worker was away over a change of the leader, and its attempt was decided elsewhere meanwhile."""
        monkeypatch.setattr(orphans, "ORPHAN_SECONDS", 0.3)
        async with (
            running_scheduler(redis_url, name="s2") as standby,
            calling([scheduler, standby]) as caller,
            running_worker([scheduler, standby], tmp_path, stage.handlers()) as worker,
        ):
            await caller.schedule(HOLD)
            await caller.hears(HOLD, "started")
            await worker.fall_silent()
            await scheduler.die()
            await eventually(lambda: standby.leads, what="the standby leads")

            worker.join()

            await eventually(lambda: stage.cancelled == ["job-0/main.1"], what="it is stopped")
            await eventually(lambda: worker.runner.free_slots == 2, what="its slot is free")


class TestDriversThatWereTakenOver:
    """`o1` claimed the job under epoch 1, was paused, and comes back when `o2` drives it under epoch 2."""

    @pytest.fixture
    async def successor(self, scheduler: RunningScheduler) -> AsyncIterator[Caller]:
        async with calling([scheduler], name="o2") as met:
            yield met

    async def test_an_order_of_the_former_driver_takes_nothing_away(
        self, worker: RunningWorker, caller: Caller, successor: Caller, stage: Stage
    ) -> None:
        await caller.schedule(of_epoch(1))
        await caller.hears(HOLD, "started")
        await successor.schedule(of_epoch(2))
        await successor.hears(HOLD, "started")
        heard, before = len(caller.updates), counted(scheduler_metrics.STALE_ORDERS)

        await caller.schedule(of_epoch(1))
        stage.let_go()

        await successor.hears(HOLD, "succeeded")
        assert counted(scheduler_metrics.STALE_ORDERS) == before + 1
        assert len(caller.updates) == heard
        assert stage.begun == ["job-0/main.1"]

    async def test_a_stop_of_the_former_driver_stops_nothing(
        self, worker: RunningWorker, caller: Caller, successor: Caller, stage: Stage
    ) -> None:
        await caller.schedule(of_epoch(1))
        await caller.hears(HOLD, "started")
        await successor.schedule(of_epoch(2))
        await successor.hears(HOLD, "started")

        request = scheduler_pb2.CancelTasksRequest(orchestrator_id="o1", epoch=caller.epoch, attempts=[ref(1)])
        await caller.stub.CancelTasks(request, timeout=5)
        stage.let_go()

        await successor.hears(HOLD, "succeeded")
        assert stage.cancelled == []

    async def test_what_still_waits_stays_the_successors(
        self, caller: Caller, successor: Caller, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        await caller.schedule(of_epoch(1))
        await successor.schedule(of_epoch(2))
        await caller.schedule(of_epoch(1))
        request = scheduler_pb2.CancelTasksRequest(orchestrator_id="o1", epoch=caller.epoch, attempts=[ref(1)])
        await caller.stub.CancelTasks(request, timeout=5)

        stage.let_go()
        async with running_worker([scheduler], tmp_path, stage.handlers()):
            await successor.hears(HOLD, "succeeded")
        assert caller.updates == []

    async def test_a_new_leader_learns_from_the_worker_who_asked_last(
        self, redis_url: str, scheduler: RunningScheduler, stage: Stage, tmp_path: Path
    ) -> None:
        async with (
            running_scheduler(redis_url, name="s2", settle_seconds=2.0) as standby,
            calling([scheduler, standby], name="o1") as former,
            running_worker([scheduler, standby], tmp_path, stage.handlers()) as worker,
        ):
            await former.schedule(of_epoch(2))
            await former.hears(HOLD, "started")
            await scheduler.die()
            await eventually(lambda: standby.leads, what="the standby leads")
            await eventually(lambda: former.epoch == "2", what="it is met")
            leases = standby.servicer.dispatcher
            assert leases is not None
            await eventually(lambda: len(leases.leases) == 1, what="the lease is adopted")

            await former.schedule(of_epoch(1))
            stage.let_go()
            await eventually(lambda: worker.runner.free_slots == 2, what="the attempt ends")
            async with calling([standby], name="o2") as successor:
                await successor.schedule(of_epoch(2))
                await successor.hears(HOLD, "succeeded")

            assert former.heard(HOLD) == ["started"]

"""Scheduler and workers together, in steady times: what is handed over runs, within limits, and comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from services.scheduler import peers
from tests.builders import order, seconds
from tests.fixtures.fleet import (
    Caller,
    RunningScheduler,
    RunningWorker,
    Stage,
    calling,
    running_scheduler,
    running_worker,
)
from tests.fixtures.waiting import eventually, eventually_true
from tutti import errors, lanes, rpc, structs
from tutti.v1 import scheduler_pb2, task_pb2, worker_pb2, worker_pb2_grpc

READY = scheduler_pb2.WORKER_STATE_READY
Start = Callable[..., AbstractAsyncContextManager[RunningWorker]]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def scheduler(redis_url: str) -> AsyncIterator[RunningScheduler]:
    async with running_scheduler(redis_url) as running:
        await eventually(lambda: running.leads, what="it is elected")
        yield running


@pytest.fixture
async def caller(scheduler: RunningScheduler) -> AsyncIterator[Caller]:
    async with calling([scheduler]) as met:
        yield met


@pytest.fixture
def start(scheduler: RunningScheduler, stage: Stage, tmp_path: Path) -> Start:
    """Start a worker that serves the stage's handlers."""

    def start(**choices: Any) -> AbstractAsyncContextManager[RunningWorker]:
        handlers = stage.handlers(concurrency=choices.pop("concurrency", None), models=choices.pop("models", ()))
        return running_worker([scheduler], tmp_path, handlers, **choices)

    return start


def holds(count: int, **fields: Any) -> list[task_pb2.TaskOrder]:
    return [order(f"job-{n}", kind="test.hold", **fields) for n in range(count)]


class TestRunning:
    async def test_an_order_runs_and_says_so_under_one_lease(self, caller: Caller, start: Start) -> None:
        echo = order(input={"bpm": 90})
        async with start():
            await caller.schedule(echo)
            done = await caller.hears(echo, "succeeded")

        assert structs.to_dict(done.succeeded.result) == {"bpm": 90}
        assert [what for what in caller.heard(echo) if what != "leased"] == ["started", "succeeded"]
        assert {update.lease_id for update in caller.about(echo)} == {done.lease_id}

    async def test_what_is_handed_over_before_there_are_workers_runs_when_one_comes(
        self, caller: Caller, start: Start
    ) -> None:
        await caller.schedule(order())
        async with start():
            await caller.hears(order(), "succeeded")

    async def test_handing_an_order_over_again_changes_nothing(
        self, caller: Caller, start: Start, stage: Stage
    ) -> None:
        (hold,) = holds(1)
        async with start():
            await caller.schedule(hold)
            await caller.hears(hold, "started")
            await caller.schedule(hold, hold)
            await eventually(lambda: caller.heard(hold).count("started") >= 2, what="where it stands is said again")
            stage.let_go()
            await caller.hears(hold, "succeeded")

        assert stage.begun == ["job-0/main.1"]

    async def test_an_order_that_has_ended_is_not_run_again_but_answered(
        self, caller: Caller, start: Start, stage: Stage
    ) -> None:
        (hold,) = holds(1)
        stage.let_go()
        async with start():
            await caller.schedule(hold)
            await caller.hears(hold, "succeeded")
            await caller.schedule(hold)
            await eventually(lambda: caller.heard(hold).count("succeeded") == 2, what="its end is said again")

        assert stage.begun == ["job-0/main.1"]

    async def test_a_later_attempt_takes_the_place_of_an_earlier_one(
        self, caller: Caller, start: Start, stage: Stage
    ) -> None:
        first, second = (order("job-0", kind="test.hold", attempt=attempt) for attempt in (1, 2))
        async with start(slots=2):
            await caller.schedule(first)
            await caller.hears(first, "started")
            await caller.schedule(second)
            await caller.hears(second, "started")
            await eventually(lambda: stage.cancelled == ["job-0/main.1"], what="the first is stopped")

    async def test_orders_of_another_term_are_refused(self, caller: Caller) -> None:
        caller.epoch = "999"

        with pytest.raises(errors.PreconditionFailed) as caught:
            await caller.schedule(order())

        assert caught.value.reason == "STALE_EPOCH"

    @pytest.mark.parametrize(
        ("wanted", "reason"),
        [
            pytest.param(order(kind="test.hold", timeout=seconds(0.05)), "TIMEOUT", id="too slow"),
            pytest.param(order(kind="test.hold", timeout=seconds(0)), "TIMEOUT", id="no time at all"),
        ],
    )
    async def test_an_attempt_that_takes_too_long_fails(
        self, caller: Caller, start: Start, wanted: task_pb2.TaskOrder, reason: str
    ) -> None:
        async with start():
            await caller.schedule(wanted)
            failed = (await caller.hears(wanted, "failed")).failed

        assert (failed.reason, failed.retryable) == (reason, True)

    async def test_a_handler_that_gave_up_waiting_for_something_has_not_run_out_of_its_own_time(
        self, caller: Caller, start: Start
    ) -> None:
        wanted = order(kind="test.impatient", timeout=seconds(60))
        async with start():
            await caller.schedule(wanted)
            failed = (await caller.hears(wanted, "failed")).failed

        assert (failed.reason, failed.retryable) == ("HANDLER_ERROR", True)
        assert "waited too long for a friend" in failed.message

    async def test_a_timeout_beyond_all_measure_is_no_limit_and_no_accident(
        self, caller: Caller, start: Start, stage: Stage
    ) -> None:
        wanted = order(kind="test.hold")
        wanted.timeout.seconds = 2**62
        stage.let_go()
        async with start():
            await caller.schedule(wanted)
            await eventually(lambda: bool({"succeeded", "failed"} & set(caller.heard(wanted))), what="it ends")


class TestCancelling:
    async def test_a_queued_order_is_cancelled_at_once_and_never_runs(
        self, caller: Caller, start: Start, stage: Stage
    ) -> None:
        (hold,) = holds(1)
        await caller.schedule(hold)
        await caller.cancel(hold)
        await caller.hears(hold, "cancelled")

        async with start():
            await caller.schedule(order("other"))
            await caller.hears(order("other"), "succeeded")
        assert stage.begun == []

    async def test_a_running_attempt_is_stopped(self, caller: Caller, start: Start, stage: Stage) -> None:
        (hold,) = holds(1)
        async with start() as worker:
            await caller.schedule(hold)
            begun = await caller.hears(hold, "started")
            await caller.cancel(hold, lease_id=begun.lease_id)
            await caller.hears(hold, "cancelled")
            assert worker.runner.free_slots == 2
        assert stage.cancelled == ["job-0/main.1"]

    async def test_an_attempt_that_nobody_knows_ends_cancelled(self, caller: Caller) -> None:
        await caller.cancel(order("unheard-of"))

        await caller.hears(order("unheard-of"), "cancelled")

    async def test_an_attempt_that_has_ended_is_answered_with_its_end(self, caller: Caller, start: Start) -> None:
        async with start():
            await caller.schedule(order())
            await caller.hears(order(), "succeeded")
            await caller.cancel(order())
            await eventually(lambda: caller.heard(order()).count("succeeded") == 2)
        assert "cancelled" not in caller.heard(order())


class TestLimits:
    async def test_a_worker_runs_no_more_than_it_has_slots(self, caller: Caller, start: Start, stage: Stage) -> None:
        orders = holds(12)
        async with start(slots=3):
            await caller.schedule(*orders)
            await eventually(lambda: stage.now == 3)
            stage.let_go()
            for each in orders:
                await caller.hears(each, "succeeded")
        assert stage.most == 3

    async def test_a_kind_runs_no_more_than_its_own_limit(self, caller: Caller, start: Start, stage: Stage) -> None:
        orders = holds(6)
        async with start(slots=8, concurrency=2):
            await caller.schedule(*orders)
            await eventually(lambda: stage.now == 2)
            # Other kinds are not held up by it.
            await caller.schedule(order("quick"))
            await caller.hears(order("quick"), "succeeded")
            stage.let_go()
            for each in orders:
                await caller.hears(each, "succeeded")
        assert stage.most == 2

    async def test_a_kind_waits_until_its_model_is_ready(self, caller: Caller, start: Start, stage: Stage) -> None:
        (hold,) = holds(1)
        async with start(models=["jen1"]):
            await caller.schedule(hold, order("quick"))
            await caller.hears(order("quick"), "succeeded")
            assert stage.begun == []
            stage.ready_models.add("jen1")
            await caller.hears(hold, "started")

    async def test_labels_choose_the_worker(self, caller: Caller, start: Start) -> None:
        (hold,) = holds(1, labels={"zone": "b"})
        async with start(name="w1", labels={"zone": "a"}), start(name="w2", labels={"zone": "b"}):
            await caller.schedule(hold)
            assert (await caller.hears(hold, "started")).started.worker_id == "w2"

    async def test_load_spreads_over_workers(self, caller: Caller, start: Start, stage: Stage) -> None:
        orders = holds(4)
        async with start(name="w1", slots=4), start(name="w2", slots=4):
            await eventually_true(lambda: _has_workers(caller, 2))
            await caller.schedule(*orders)
            await eventually(lambda: stage.now == 4)
            workers = await caller.workers()
        assert [len(worker.leases) for worker in workers.values()] == [2, 2]


class TestStreams:
    async def test_a_second_stream_of_an_orchestrator_ends_the_first_with_aborted(
        self, scheduler: RunningScheduler, caller: Caller
    ) -> None:
        request = scheduler_pb2.WatchTasksRequest(orchestrator_id="o2")
        first, second = caller.stub.WatchTasks(request), caller.stub.WatchTasks(request)
        await first.read()
        await second.read()

        async with asyncio.timeout(5):
            code = await first.code()

        second.cancel()
        assert code.name == "ABORTED"

    async def test_an_orchestrator_that_was_idle_for_long_still_hears_of_its_orders(
        self, redis_url: str, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(peers, "FORGET_SECONDS", 0.1)
        async with (
            running_scheduler(redis_url, heartbeat_ttl_seconds=0.6) as scheduler,
            calling([scheduler]) as caller,
            running_worker([scheduler], tmp_path, stage.handlers(), name="silent") as silent,
            running_worker([scheduler], tmp_path, stage.handlers(), name="w1"),
        ):
            await eventually_true(lambda: _has_workers(caller, 2))
            # A worker that is given up shows that time has passed for the scheduler too.
            await silent.fall_silent()
            await eventually_true(lambda: _has_workers(caller, 1))

            await caller.schedule(order())

            await caller.hears(order(), "succeeded")

    async def test_a_worker_refuses_a_leader_of_an_earlier_term(self, start: Start) -> None:
        async with start(joins=False) as worker:
            stub = worker_pb2_grpc.WorkerServiceStub(channel := rpc.channel([worker.address]))
            lane = lanes.Lane(stub.Execute)
            await lane.call(worker_pb2.ExecuteRequest(term=7), timeout=5)

            with pytest.raises(errors.PreconditionFailed) as caught:
                await lane.call(worker_pb2.ExecuteRequest(term=6), timeout=5)

            await channel.close()
        assert caught.value.reason == "STALE_EPOCH"


class TestFleetCalls:
    async def test_the_fleet_is_listed_in_pages(self, caller: Caller, start: Start) -> None:
        async with start(name="a"), start(name="b"), start(name="c"):
            await eventually_true(lambda: _has_workers(caller, 3))
            first = await caller.stub.ListWorkers(scheduler_pb2.ListWorkersRequest(page_size=2), timeout=5)
            rest = await caller.stub.ListWorkers(
                scheduler_pb2.ListWorkersRequest(page_size=2, page_token=first.next_page_token), timeout=5
            )

        assert [worker.info.worker_id for worker in first.workers] == ["a", "b"]
        assert [worker.info.worker_id for worker in rest.workers] == ["c"]
        assert rest.next_page_token == ""

    async def test_queues_tell_what_waits_by_kind_priority_and_owner(self, caller: Caller) -> None:
        await caller.schedule(*holds(3), order("other", owner="bob", priority=task_pb2.PRIORITY_HIGH))

        answer = await caller.stub.GetQueues(scheduler_pb2.GetQueuesRequest(), timeout=5)

        found = [(queue.kind, queue.priority, queue.owner, queue.depth) for queue in answer.queues]
        assert found == [
            ("test.echo", task_pb2.PRIORITY_HIGH, "bob", 1),
            ("test.hold", task_pb2.PRIORITY_NORMAL, "ada", 3),
        ]

    async def test_a_worker_that_is_not_there_is_not_found(self, caller: Caller) -> None:
        with pytest.raises(errors.NotFound), rpc.translated():
            await caller.stub.GetWorker(scheduler_pb2.GetWorkerRequest(worker_id="nobody"), timeout=5)

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"worker_id": ""}, "info.worker_id"),
            ({"address": ""}, "info.address"),
            ({"slots": 0}, "info.slots"),
            ({"kinds": []}, "info.kinds"),
        ],
    )
    async def test_a_registration_that_lacks_something_names_it(
        self, caller: Caller, change: dict[str, Any], field: str
    ) -> None:
        kinds = [scheduler_pb2.KindInfo(kind="test.echo")]
        info: dict[str, Any] = {
            "worker_id": "w",
            "incarnation": "i",
            "address": "127.0.0.1:1",
            "slots": 1,
            "kinds": kinds,
        }
        request = scheduler_pb2.RegisterWorkerRequest(info=scheduler_pb2.WorkerInfo(**{**info, **change}))

        with pytest.raises(errors.InvalidInput) as caught, rpc.translated():
            await caller.stub.RegisterWorker(request, timeout=5)

        assert caught.value.field == field


async def _has_workers(caller: Caller, count: int) -> bool:
    """Exactly so many are in the fleet, and all of them are ready."""
    states = [worker.state for worker in (await caller.workers()).values()]
    return [state for state in states if state != scheduler_pb2.WORKER_STATE_LOST] == [READY] * count

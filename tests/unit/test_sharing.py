"""What spares tasks, on a cache that answers when and how the test says: nothing may hang, or be done for nobody."""

import asyncio
from collections.abc import Sequence

import pytest

from services.orchestrator import job
from services.orchestrator.caching import Rule
from services.orchestrator.driven import Driven, Share
from services.orchestrator.sharing import Sharing
from services.orchestrator.store.cache import Answer, Asked, CacheStore, How, Settled, Verdict
from tests.builders import JOB_ID, NOW_MS, failed, job_record, order, started
from tests.fixtures.waiting import eventually
from tutti import errors
from tutti.v1 import job_pb2, task_pb2

RULE = Rule("1")


class ScriptedCache(CacheStore):
    def __init__(self) -> None:
        self.answer = Answer(Verdict.CLAIMED)
        self.error: errors.TuttiError | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.asked: list[Asked] = []
        self.settled: list[Settled] = []

    def partition_of(self, digest: str) -> int:
        return 0

    async def ask(self, partition: int, asked: Sequence[Asked]) -> list[Answer]:
        self.asked += asked
        await self.open.wait()
        if self.error is not None:
            raise self.error
        return [self.answer] * len(asked)

    async def settle(self, partition: int, settled: Sequence[Settled]) -> list[bool]:
        self.settled += settled
        if self.error is not None:
            raise self.error
        return [True] * len(settled)


class Bench:
    """Sharing with a driver that takes down what it is told."""

    def __init__(self) -> None:
        self.cache = ScriptedCache()
        self.sharing = Sharing(self.cache, {"test.cached": RULE}.get, claim_seconds=30)
        self.gone: list[str] = []
        self.served: list[str] = []
        self.sharing.bind(self._go, self._serve)

    def enter(self, job_id: str = JOB_ID, *, attempt: int = 1, heard: Sequence[task_pb2.Update] = ()) -> Driven:
        record = job.apply(job_record(job_id=job_id), heard, NOW_MS).job
        driven = Driven(record=record, partition=0, epoch=1, commits=0, entry="")
        self.enter_again(driven, attempt=attempt)
        return driven

    def enter_again(self, driven: Driven, *, attempt: int) -> None:
        assert self.sharing.enter(driven, order(driven.record.job_id, attempt=attempt, kind="test.cached"), RULE)

    def _go(self, driven: Driven, order: task_pb2.TaskOrder) -> None:
        self.gone.append(f"{order.job_id}.{order.attempt}")

    def _serve(self, share: Share, done: job_pb2.Task) -> None:
        self.served.append(share.order.job_id)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_without_an_answer_of_redis_the_task_is_done(bench: Bench) -> None:
    for error in (errors.Unavailable("away"), errors.QuotaExceeded("full")):
        bench.cache.error = error
        bench.enter(error.message)

    await eventually(lambda: bench.gone == ["away.1", "full.1"])


async def test_a_task_stopped_while_it_asks_is_not_done_and_its_claim_is_given_back(bench: Bench) -> None:
    bench.cache.open.clear()
    driven = bench.enter()
    await eventually(lambda: len(bench.cache.asked) == 1)

    bench.sharing.stopped(driven, "main")
    bench.cache.open.set()

    await eventually(lambda: len(bench.cache.settled) == 1)
    assert bench.cache.settled[0].done is None
    assert bench.gone == []


async def test_an_answer_that_comes_late_does_not_take_the_claim_from_the_next_attempt(bench: Bench) -> None:
    bench.cache.open.clear()
    driven = bench.enter()
    await eventually(lambda: len(bench.cache.asked) == 1)
    bench.sharing.stopped(driven, "main")
    bench.enter_again(driven, attempt=2)

    bench.cache.answer = Answer(Verdict.MINE)
    bench.cache.open.set()

    await eventually(lambda: bench.gone == [f"{JOB_ID}.2"])
    assert bench.cache.settled == []


async def test_a_job_that_is_let_go_while_it_asks_is_not_handed_over(bench: Bench) -> None:
    bench.cache.open.clear()
    driven = bench.enter()
    await eventually(lambda: len(bench.cache.asked) == 1)

    bench.sharing.forget(driven)
    bench.cache.open.set()

    await eventually(lambda: len(bench.cache.settled) == 1)
    assert bench.gone == []


async def test_an_attempt_that_ran_before_a_take_over_goes_on_at_once_and_claims_what_it_computes(bench: Bench) -> None:
    bench.cache.open.clear()

    bench.enter(heard=[started()])

    assert bench.gone == [f"{JOB_ID}.1"]
    await eventually(lambda: [asked.how for asked in bench.cache.asked] == [How.RUN])


async def test_those_that_wait_here_look_again_as_soon_as_the_one_that_computes_has_ended(bench: Bench) -> None:
    computing = bench.enter("first")
    await eventually(lambda: bench.gone == ["first.1"])
    bench.cache.answer = Answer(Verdict.TAKEN)
    bench.enter("second")
    await eventually(lambda: len(bench.cache.asked) == 2)
    bench.cache.answer = Answer(Verdict.CLAIMED)

    # Nothing looks at them from time to time in this test.
    ended = job.apply(computing.record, [started(), failed(retryable=False)], NOW_MS)
    bench.sharing.committed(computing, ended)

    await eventually(lambda: bench.gone == ["first.1", "second.1"])


async def test_closing_waits_for_nobody_and_hands_nothing_over(bench: Bench) -> None:
    bench.cache.answer = Answer(Verdict.TAKEN)
    bench.enter("waits")
    await eventually(lambda: len(bench.cache.asked) == 1)
    bench.cache.answer = Answer(Verdict.CLAIMED)
    bench.enter("asks")

    async with asyncio.timeout(1):
        await bench.sharing.close()

    assert bench.gone == []


@pytest.mark.parametrize(
    ("kind", "policy", "takes_part"),
    [
        ("test.cached", job_pb2.CACHE_POLICY_UNSPECIFIED, True),
        ("test.cached", job_pb2.CACHE_POLICY_ON, True),
        ("test.cached", job_pb2.CACHE_POLICY_OFF, False),
        ("test.echo", job_pb2.CACHE_POLICY_ON, False),
    ],
)
def test_kind_and_job_both_have_a_say(
    bench: Bench, kind: str, policy: job_pb2.CachePolicy.ValueType, takes_part: bool
) -> None:
    assert (bench.sharing.rule(job_record(cache=policy), kind) is not None) is takes_part

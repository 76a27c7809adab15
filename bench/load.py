"""No-op jobs by the thousand: submitted one call per job, drained at once or after they were held."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench import processor
from bench.stage import KIND, Stage
from tutti.client import Client, task
from tutti.v1 import job_pb2

#: A small but real input: what a no-op job carries through every hop.
INPUT = {"prompt": "a chill lo-fi beat, 90 bpm, piano", "bars": 16}
IN_FLIGHT = 100
BATCH, BATCHES_IN_FLIGHT = 100, 10


def noop() -> job_pb2.JobSpec:
    return task(KIND, INPUT)


async def submit(client: Client, jobs: int) -> None:
    """`client.submit` once per job, 100 at a time."""

    async def submitter(count: int) -> None:
        for _ in range(count):
            await client.submit(noop())

    more = jobs % IN_FLIGHT
    await asyncio.gather(*(submitter(jobs // IN_FLIGHT + (number < more)) for number in range(IN_FLIGHT)))


async def submit_batches(client: Client, jobs: int) -> None:
    """`client.submit_all` with 100 jobs each, ten calls at a time."""

    async def submitter(first: int) -> None:
        for begin in range(first * BATCH, jobs, BATCHES_IN_FLIGHT * BATCH):
            await client.submit_all([noop() for _ in range(min(BATCH, jobs - begin))])

    await asyncio.gather(*map(submitter, range(BATCHES_IN_FLIGHT)))


#: Hands so many jobs over.
Submit = Callable[[Client, int], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """So many jobs through one phase of a run."""

    jobs: int
    seconds: float
    #: Microseconds of processor time per job: part → µs, and `all`.
    cost_us: dict[str, float]

    @property
    def per_second(self) -> float:
        return self.jobs / self.seconds


class _Watch:
    """Starts when it is made; `phase` says what has passed since."""

    def __init__(self, stage: Stage, jobs: int) -> None:
        self._processes = processor.processes_of(stage.endpoints)
        self._jobs = jobs
        self._spent = processor.spent(self._processes)
        self._begun = time.perf_counter()

    def phase(self) -> Phase:
        seconds = time.perf_counter() - self._begun
        cost = processor.per_job(self._spent, processor.spent(self._processes), self._jobs)
        return Phase(jobs=self._jobs, seconds=seconds, cost_us=cost)


@dataclass(frozen=True, kw_only=True)
class Held:
    """Submitted while nothing may be placed, then released: what a queue does whose workers start after the fact."""

    submit: Phase
    drain: Phase

    @property
    def both_per_second(self) -> float:
        return 1 / (1 / self.submit.per_second + 1 / self.drain.per_second)


async def held(stage: Stage, jobs: int) -> Held:
    await stage.hold()
    watch = _Watch(stage, jobs)
    await submit(stage.client, jobs)
    # What was accepted has yet to reach the scheduler; that belongs to the submission, not between the two clocks.
    await stage.queued(jobs)
    submitted = watch.phase()
    # No tenth is left out as with the peers: once a tenth has ended, most have run and only wait to be recorded.
    watch = _Watch(stage, jobs)
    await stage.release()
    await stage.drained()
    return Held(submit=submitted, drain=watch.phase())


async def running(stage: Stage, jobs: int, *, submit: Submit = submit) -> Phase:
    """Submitted and drained at the same time, by workers that run all along."""
    watch = _Watch(stage, jobs)
    await submit(stage.client, jobs)
    await stage.drained()
    return watch.phase()

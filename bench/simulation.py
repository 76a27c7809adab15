"""The scheduler's core at a size that no test machine can run: no network, no clock, only decisions.

python -m bench.simulation [--workers N] [--tasks N] [--seed N]

Tasks of several kinds, shapes, owners and priorities come a little faster than they can be served and run for a while;
now and then a worker dies with what it has. Time is simulated; what is measured is the processor time that the core
takes to queue, place and release. The same seed gives the same run, decision by decision.
"""

import argparse
import gc
import heapq
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from services.scheduler.fleet import Claim
from services.scheduler.placement import Placement, Policy
from services.scheduler.turns import Waiting
from tutti.v1 import scheduler_pb2, task_pb2

GIB = 1024**3
TICK_MS = 20
#: Share of all slots that arrivals would keep busy, if every task could run anywhere.
LOAD = 1.02
#: How long a worker lives, on the average, before it dies and another one takes its place.
LIFE_MS = 600_000
HIGH, NORMAL, LOW = task_pb2.PRIORITY_HIGH, task_pb2.PRIORITY_NORMAL, task_pb2.PRIORITY_LOW


def policy_for(workers: int) -> Policy:
    """Limits that bind now and then."""
    return Policy(
        ageing_ms=2_000,
        owner_weights={"ada": 3.0},
        owner_limits={"dora": 1 + workers // 8},
        model_limits={"mastering": 1 + workers // 50},
    )


@dataclass(frozen=True, kw_only=True)
class Sort:
    """A sort of task, and how often it comes."""

    kind: str
    share: float
    mean_ms: int
    resources: task_pb2.Resources | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


SORTS = (
    Sort(kind="compose", share=0.70, mean_ms=400),
    Sort(kind="render", share=0.12, mean_ms=1_500, resources=task_pb2.Resources(gpus=1)),
    Sort(kind="render", share=0.10, mean_ms=800, resources=task_pb2.Resources(gpu_memory_bytes=20 * GIB)),
    Sort(kind="mix", share=0.05, mean_ms=600, resources=task_pb2.Resources(cpu=2, memory_bytes=4 * GIB)),
    Sort(kind="mix", share=0.02, mean_ms=600, labels={"zone": "b"}),
    Sort(kind="master", share=0.01, mean_ms=300),
)
OWNERS = {"ada": 0.30, "bob": 0.30, "cleo": 0.35, "dora": 0.05}
PRIORITIES = {HIGH: 0.15, NORMAL: 0.70, LOW: 0.15}


@dataclass
class Outcome:
    """What a run came to."""

    decisions: int = 0
    #: Of attempts that died with their worker and were queued again.
    repeated: int = 0
    deaths: int = 0
    most_waiting: int = 0
    simulated_ms: int = 0
    core_seconds: float = 0.0
    slowest_tick_seconds: float = 0.0
    ended: Counter[str] = field(default_factory=Counter)
    waits_ms: dict[tuple[str, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def decisions_per_second(self) -> float:
        return self.decisions / self.core_seconds


class Simulation:
    def __init__(self, *, workers: int, tasks: int, seed: int) -> None:
        self.policy = policy_for(workers)
        self.placement = Placement(self.policy)
        self.outcome = Outcome()
        self.now_ms = 0
        self._random = random.Random(seed)
        self._left = tasks
        self._number = 0
        #: Attempts by the time at which they end.
        self._ends: list[tuple[int, int, Claim, Waiting]] = []
        self.running: dict[str, dict[int, tuple[Claim, Waiting]]] = defaultdict(dict)
        self._workers = [f"w{n}" for n in range(workers)]
        self._incarnation = 0
        self._means: dict[tuple[str, bool, bool], int] = {}
        for worker_id in self._workers:
            self.placement.join(self._info(worker_id), ["jen1", "muscgen", "mastering"])
        slots = sum(self.placement.fleet.member(worker_id).slots for worker_id in self._workers)
        mean_ms = sum(sort.share * sort.mean_ms for sort in SORTS)
        self._per_tick = max(1, round(LOAD * slots * TICK_MS / mean_ms))

    @property
    def is_going_on(self) -> bool:
        return bool(self._left or len(self.placement.queue) or self._ends)

    def run(self) -> Outcome:
        while self.is_going_on:
            self.tick()
        self.outcome.simulated_ms = self.now_ms
        return self.outcome

    def tick(self) -> None:
        """Let a moment pass: things end, die, arrive and are placed. Only the core's part of it is timed."""
        self.now_ms += TICK_MS
        ending, arriving = self._ending(), self._arriving()
        dying = self._dying() if self._random.random() < len(self._workers) * TICK_MS / LIFE_MS else None
        begun = time.process_time()
        for claim in ending:
            self.placement.end(claim)
        if dying is not None:
            arriving += self._bury(*dying)
        for waiting in arriving:
            self.placement.queue.push(waiting)
        if self.now_ms % 1000 == 0:
            self.placement.age(self.now_ms)
        placed = []
        while (found := self.placement.next()) is not None:
            placed.append(found)
        taken = time.process_time() - begun
        self.outcome.core_seconds += taken
        self.outcome.slowest_tick_seconds = max(self.outcome.slowest_tick_seconds, taken)
        self.outcome.decisions += len(placed)
        self.outcome.most_waiting = max(self.outcome.most_waiting, len(self.placement.queue))
        self._begin(placed)

    def _begin(self, placed: Iterable[tuple[Waiting, Claim]]) -> None:
        for waiting, claim in placed:
            order = waiting.order
            self._number += 1
            self.running[claim.worker_id][self._number] = (claim, waiting)
            length = 1 + round(self._random.expovariate(1 / self._mean_ms(order)))
            heapq.heappush(self._ends, (self.now_ms + length, self._number, claim, waiting))
            self.outcome.waits_ms[order.owner, order.priority].append(self.now_ms - waiting.queued_ms)

    def _ending(self) -> list[Claim]:
        claims = []
        while self._ends and self._ends[0][0] <= self.now_ms:
            _, number, claim, waiting = heapq.heappop(self._ends)
            if self.running[claim.worker_id].pop(number, None) is not None:
                self.outcome.ended[waiting.order.job_id] += 1
                claims.append(claim)
        return claims

    def _dying(self) -> tuple[str, list[tuple[Claim, Waiting]]]:
        """A worker that dies with what it has."""
        worker_id = self._random.choice(self._workers)
        self.outcome.deaths += 1
        return worker_id, list(self.running.pop(worker_id, {}).values())

    def _bury(self, worker_id: str, had: Sequence[tuple[Claim, Waiting]]) -> list[Waiting]:
        """Take a dead worker out and its successor in; returns what has to be queued again."""
        self.placement.fleet.leave(worker_id)
        for claim, _ in had:
            self.placement.end(claim)
        self.placement.join(self._info(worker_id), ["jen1", "muscgen", "mastering"])
        self.outcome.repeated += len(had)
        return [self._waiting(waiting.order) for _, waiting in had]

    def _arriving(self) -> list[Waiting]:
        count = min(self._left, self._per_tick)
        self._left -= count
        pick = self._random.choices
        sorts = pick(SORTS, [sort.share for sort in SORTS], k=count)
        owners = pick(list(OWNERS), list(OWNERS.values()), k=count)
        priorities = pick(list(PRIORITIES), list(PRIORITIES.values()), k=count)
        return [
            self._waiting(
                task_pb2.TaskOrder(
                    job_id=f"job-{self._left + n}",
                    task="main",
                    attempt=1,
                    kind=sort.kind,
                    owner=owner,
                    priority=priority,
                    resources=sort.resources,
                    labels=sort.labels,
                    suspect=self._random.random() < 0.001,
                )
            )
            for n, (sort, owner, priority) in enumerate(zip(sorts, owners, priorities, strict=True))
        ]

    def _waiting(self, order: task_pb2.TaskOrder) -> Waiting:
        return self.placement.waiting(order, orchestrator_id="o1", queued_ms=self.now_ms)

    def _mean_ms(self, order: task_pb2.TaskOrder) -> int:
        whole = order.resources.gpus > 0
        return next(
            sort.mean_ms
            for sort in SORTS
            if sort.kind == order.kind and bool(sort.resources and sort.resources.gpus) == whole
        )

    def _info(self, worker_id: str) -> scheduler_pb2.WorkerInfo:
        """Every second worker has GPUs, every fourth stands in zone b."""
        number = int(worker_id[1:])
        gpus = 2 if number % 2 else 0
        kinds = [("compose", "jen1"), ("mix", ""), ("master", "mastering")]
        if gpus:
            kinds.append(("render", "muscgen"))
        return scheduler_pb2.WorkerInfo(
            worker_id=worker_id,
            slots=4,
            kinds=[scheduler_pb2.KindInfo(kind=kind, models=[model] if model else []) for kind, model in kinds],
            resources=task_pb2.Resources(cpu=8, memory_bytes=32 * GIB, gpus=gpus, gpu_memory_bytes=80 * GIB),
            labels={"zone": "b" if number % 4 == 0 else "a"},
        )


def report(outcome: Outcome) -> str:
    lines = [
        f"{outcome.decisions:,} decisions in {outcome.core_seconds:.1f} s of the core: "
        f"{outcome.decisions_per_second:,.0f} /s, each with its queueing and its release",
        f"slowest tick {outcome.slowest_tick_seconds * 1000:.0f} ms; most waiting {outcome.most_waiting:,}; "
        f"{outcome.deaths} workers died, {outcome.repeated} attempts were repeated; "
        f"{outcome.simulated_ms / 1000:,.1f} s simulated",
        "",
        f"{'owner':8}{'priority':10}{'placed':>10}{'wait p50':>12}{'p99':>12}{'longest':>12}",
    ]
    for (owner, priority), waits in sorted(outcome.waits_ms.items(), key=lambda item: (item[0][0], -item[0][1])):
        ordered = sorted(waits)
        name = task_pb2.Priority.Name(priority).removeprefix("PRIORITY_").lower()  # type: ignore[arg-type]
        figures = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)], ordered[-1])
        lines.append(f"{owner:8}{name:10}{len(ordered):>10,}" + "".join(f"{figure:>9,} ms" for figure in figures))
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Run the scheduler's core against a simulated fleet.")
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    # As in the service itself: what waits lives for a while, and the collector finds nothing in it.
    gc.set_threshold(50_000, 20, 100)
    print(report(Simulation(workers=options.workers, tasks=options.tasks, seed=options.seed).run()))

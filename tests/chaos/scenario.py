"""What a run does and when: jobs and faults, all drawn from one seed. How the processes of a mesh then meet them is the
machine's affair: a seed repeats the attack, not every race in it.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

ORCHESTRATORS = ("orchestrator-1", "orchestrator-2")
SCHEDULERS = ("scheduler-1", "scheduler-2")
WORKERS = ("worker-1", "worker-2", "worker-3")
GATEWAY, REDIS = "gateway", "redis"
#: Whichever scheduler leads when it happens.
LEADER = "leader"

OWNERS = ("ada", "bob", "cleo")
#: Seconds after which the mesh gives up a silent part: short, so that a run meets many expiries.
ORCHESTRATOR_LEASE, LEADER_LEASE, HEARTBEAT_TTL, SETTLE = 2.0, 1.5, 3.0, 1.5
#: Seconds that a paused part is paused: from well below its expiry to well past it.
PAUSES = {
    "orchestrator": (1.0, 3 * ORCHESTRATOR_LEASE),
    "scheduler": (1.0, 4 * LEADER_LEASE),
    "worker": (1.0, 2.5 * HEARTBEAT_TTL),
    "gateway": (0.5, 4.0),
    # Past the five seconds that a command waits for its answer.
    "redis": (0.5, 8.0),
}


class Shape(StrEnum):
    ECHO = "echo"
    SLEEP = "sleep"
    FLAKY = "fails twice"
    CHECKPOINTS = "checkpoints"
    GRAPH = "three steps"
    DOOMED = "fails for good"
    SHARED = "equal to others"


class What(StrEnum):
    KILL = "kill"
    PAUSE = "pause"
    RESTART = "restart"


#: How often each shape comes.
_WEIGHTS = {
    Shape.ECHO: 20,
    Shape.SLEEP: 22,
    Shape.FLAKY: 12,
    Shape.CHECKPOINTS: 16,
    Shape.GRAPH: 16,
    Shape.DOOMED: 4,
    Shape.SHARED: 12,
}
#: So long come new ones that are equal to each other, in two groups at a time, in seconds: some at once, some while one
#: of them is being done, some after that. Long enough to meet several faults.
TOGETHER = 5.0
#: Of work, by group.
_SHARED_SECONDS = (0.3, 0.8, 1.6, 3.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedJob:
    number: int
    #: Seconds after the start at which it is submitted.
    at: float
    shape: Shape
    owner: str
    #: 1 to 3, as `Priority` counts them.
    priority: int
    #: Of work, per task.
    seconds: float
    sections: int
    artifact: bool
    #: Submitted a second time under the same request id, by somebody who lost the first answer.
    repeated: bool
    #: Followed from its acceptance on: over gRPC, as server-sent events, or not at all.
    watched: str
    #: Seconds after its acceptance at which somebody wants it stopped; None: nobody does.
    cancel_after: float | None
    #: Jobs of one group are equal, and one result may be that of all; 0: of none.
    group: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    at: float
    what: What
    target: str
    #: How long a pause lasts.
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    seed: int
    seconds: float
    partitions: int
    jobs: tuple[PlannedJob, ...]
    faults: tuple[Fault, ...]


def draw(seed: int, *, jobs: int, seconds: float) -> Scenario:
    chance = random.Random(seed)
    return Scenario(
        seed=seed,
        seconds=seconds,
        partitions=chance.choice((1, 1, 3)),
        jobs=tuple(_jobs(chance, jobs, seconds)),
        faults=tuple(_faults(chance, seconds)),
    )


def _jobs(chance: random.Random, count: int, seconds: float) -> Iterator[PlannedJob]:
    shapes, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    for number, at in enumerate(sorted(chance.uniform(0, seconds * 0.95) for _ in range(count))):
        shape = chance.choices(shapes, weights)[0]
        worked = chance.random()
        job = PlannedJob(
            number=number,
            at=at,
            shape=shape,
            owner=chance.choice(OWNERS),
            priority=chance.choices((1, 2, 3), (1, 6, 2))[0],
            seconds=0.0 if shape is Shape.ECHO else _seconds(shape, worked),
            sections=chance.randint(3, 8) if shape is Shape.CHECKPOINTS else chance.randint(1, 3),
            artifact=chance.random() < 0.3,
            repeated=chance.random() < 0.1,
            watched=chance.choices(("", "grpc", "sse"), (80, 14, 6))[0],
            cancel_after=chance.uniform(0, 2) if chance.random() < (0.2 if shape is Shape.SHARED else 0.04) else None,
        )
        yield _grouped(job, chance.randint(0, 1)) if shape is Shape.SHARED else job


def _grouped(job: PlannedJob, half: int) -> PlannedJob:
    """All that makes jobs equal follows from the group."""
    group = 1 + half + 2 * int(job.at // TOGETHER)
    return replace(
        job, group=group, seconds=_SHARED_SECONDS[group % len(_SHARED_SECONDS)], sections=2, artifact=bool(group % 3)
    )


def _seconds(shape: Shape, worked: float) -> float:
    """Mostly short, so that many jobs fit into a run; now and then long enough to outlive several faults."""
    longest = 0.4 if worked < 0.8 else 4.0
    return longest * (0.3 if shape is Shape.GRAPH else 1.0) * (0.2 + 0.8 * worked)


def _faults(chance: random.Random, seconds: float) -> list[Fault]:
    """Faults at random times. Every kind of fault comes once before any comes twice, as long as there is time."""
    times = _times(chance, seconds)
    faults: list[Fault] = []
    while len(faults) < len(times):
        deck = _deck(chance)
        chance.shuffle(deck)
        for what, target in deck[: len(times) - len(faults)]:
            pause = round(chance.uniform(*PAUSES[service_of(target)]), 2) if what is What.PAUSE else 0.0
            faults.append(Fault(at=times[len(faults)], what=what, target=target, seconds=pause))
    return faults


def service_of(target: str) -> str:
    return "scheduler" if target == LEADER else target.partition("-")[0]


def _times(chance: random.Random, seconds: float) -> list[float]:
    """One about every one and a half seconds: the mesh is rarely whole, and never dead for long."""
    at, times = chance.uniform(0.5, 1.5), []
    while at < seconds:
        times.append(round(at, 2))
        at += chance.uniform(0.6, 2.4)
    return times


def _deck(chance: random.Random) -> list[tuple[What, str]]:
    def one(names: Sequence[str]) -> str:
        return chance.choice(names)

    # The leader more often than not: what befalls a standby is dull.
    schedulers = (LEADER, LEADER, *SCHEDULERS)
    return [
        *((what, one(WORKERS)) for what in What),
        *((what, one(ORCHESTRATORS)) for what in What),
        *((what, one(schedulers)) for what in What),
        (What.KILL, GATEWAY),
        (What.PAUSE, GATEWAY),
        (What.RESTART, GATEWAY),
        (What.KILL, REDIS),
        (What.PAUSE, REDIS),
    ]

"""The simulation at a small size, as a check of what must hold at every moment of it."""

from collections import Counter

import pytest

from bench.simulation import Simulation
from services.scheduler.fleet import Claim
from tutti.v1 import task_pb2

WORKERS, TASKS = 200, 20_000


@pytest.mark.parametrize("seed", [1, 2])
def test_everything_ends_once_and_nothing_is_given_away_twice(seed: int) -> None:
    simulation, ticks = Simulation(workers=WORKERS, tasks=TASKS, seed=seed), 0
    while simulation.is_going_on:
        simulation.tick()
        ticks += 1
        if ticks % 25 == 0:
            check(simulation)

    outcome = simulation.outcome
    assert len(outcome.ended) == TASKS
    assert set(outcome.ended.values()) == {1}
    assert outcome.decisions == TASKS + outcome.repeated
    assert outcome.deaths > 0
    assert outcome.repeated > 0


def test_the_same_seed_gives_the_same_run() -> None:
    first, second = (Simulation(workers=50, tasks=2_000, seed=7).run() for _ in range(2))

    assert first.waits_ms == second.waits_ms
    assert first.decisions == second.decisions


def test_waits_show_what_was_promised() -> None:
    waits = Simulation(workers=WORKERS, tasks=TASKS, seed=3).run().waits_ms

    def mean(owner: str, priority: int) -> float:
        found = waits[owner, priority]
        return sum(found) / len(found)

    for owner in ("ada", "bob", "cleo"):
        assert mean(owner, task_pb2.PRIORITY_HIGH) < mean(owner, task_pb2.PRIORITY_LOW)
    # As many orders and three times the weight.
    assert mean("ada", task_pb2.PRIORITY_NORMAL) < mean("bob", task_pb2.PRIORITY_NORMAL)


def check(simulation: Simulation) -> None:
    running = {
        worker_id: [claim for claim, _ in attempts.values()] for worker_id, attempts in simulation.running.items()
    }
    for worker_id, claims in running.items():
        info = simulation.placement.fleet.member(worker_id).info
        assert len(claims) <= info.slots
        assert sum(claim.shape.suspect for claim in claims) <= 1
        assert sum(claim.shape.cpu for claim in claims) <= info.resources.cpu
        assert sum(claim.shape.memory_bytes for claim in claims) <= info.resources.memory_bytes
        assert gpus_are_shared_well(claims, info.resources)
    everyone = [claim for claims in running.values() for claim in claims]
    owners = Counter(claim.owner for claim in everyone)
    assert all(owners[owner] <= limit for owner, limit in simulation.policy.owner_limits.items())
    models = Counter(model for claim in everyone for model in claim.models)
    assert all(models[model] <= limit for model, limit in simulation.policy.model_limits.items())


def gpus_are_shared_well(claims: list[Claim], has: task_pb2.Resources) -> bool:
    whole = Counter(gpu for claim in claims if claim.shape.gpus for gpu in claim.gpus)
    memory: Counter[int] = Counter()
    for claim in claims:
        for gpu in claim.gpus if not claim.shape.gpus else ():
            memory[gpu] += claim.shape.gpu_memory_bytes
    return (
        all(gpu < has.gpus for gpu in (*whole, *memory))
        and all(count == 1 for count in whole.values())
        and not whole.keys() & memory.keys()
        and all(used <= has.gpu_memory_bytes for used in memory.values())
    )

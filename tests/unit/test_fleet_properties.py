"""The fleet under random traffic: never above a limit, and a place is found whenever there is one."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.scheduler.fleet import Fleet
from services.scheduler.orders import Shape
from tests.builders import worker_info
from tutti.v1 import scheduler_pb2, task_pb2

WORKERS = ["a", "b", "c"]
MODELS = ["jen1", "muscgen"]
ZONES = ["x", "y"]
kind_infos = st.builds(
    scheduler_pb2.KindInfo,
    kind=st.sampled_from(["compose", "render"]),
    concurrency=st.integers(0, 2),
    models=st.lists(st.sampled_from(MODELS), unique=True, max_size=1),
)
shapes = st.builds(
    Shape,
    kind=st.sampled_from(["compose", "render", "unknown"]),
    gpus=st.integers(0, 2),
    labels=st.sampled_from([frozenset(), *(frozenset({("zone", zone)}) for zone in ZONES)]),
)
ready_models = st.sets(st.sampled_from(MODELS))


class FleetMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.fleet = Fleet()
        self.infos: dict[str, scheduler_pb2.WorkerInfo] = {}
        self.ready: dict[str, set[str]] = {}
        self.closed: set[str] = set()
        self.busy: Counter[tuple[str, str]] = Counter()

    @rule(
        worker_id=st.sampled_from(WORKERS),
        slots=st.integers(1, 3),
        kinds=st.lists(kind_infos, min_size=1, max_size=2, unique_by=lambda info: info.kind),
        gpus=st.integers(0, 2),
        zone=st.sampled_from(ZONES),
        ready=ready_models,
    )
    def join(
        self,
        worker_id: str,
        slots: int,
        kinds: list[scheduler_pb2.KindInfo],
        gpus: int,
        zone: str,
        ready: set[str],
    ) -> None:
        if worker_id in self.infos:
            self.leave(worker_id)
        resources = task_pb2.Resources(gpus=gpus)
        info = worker_info(worker_id, slots=slots, kinds=kinds, resources=resources, labels={"zone": zone})
        self.fleet.join(info, ready)
        self.infos[worker_id], self.ready[worker_id] = info, ready

    @rule(worker_id=st.sampled_from(WORKERS))
    def leave(self, worker_id: str) -> None:
        self.fleet.leave(worker_id)
        self.infos.pop(worker_id, None)
        self.closed.discard(worker_id)
        self.busy = Counter({key: count for key, count in self.busy.items() if key[0] != worker_id})

    @rule(worker_id=st.sampled_from(WORKERS), ready=ready_models)
    def set_ready_models(self, worker_id: str, ready: set[str]) -> None:
        if worker_id in self.infos:
            self.fleet.set_ready_models(worker_id, ready)
            self.ready[worker_id] = ready

    @rule(worker_id=st.sampled_from(WORKERS), often=st.integers(0, 4))
    def close(self, worker_id: str, often: int) -> None:
        if worker_id in self.infos and often == 0:
            self.fleet.close(worker_id)
            self.closed.add(worker_id)

    @rule(shape=shapes)
    def place(self, shape: Shape) -> None:
        possible = {worker_id for worker_id in self.infos if self.could_run(worker_id, shape)}

        found = self.fleet.place(shape)

        assert (found in possible) if possible else (found is None)
        if found is not None:
            self.busy[found, shape.kind] += 1

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        running = sorted(key for key, count in self.busy.items() if count)
        if running:
            worker_id, kind = data.draw(st.sampled_from(running))
            self.fleet.release(worker_id, kind)
            self.busy[worker_id, kind] -= 1

    @invariant()
    def nobody_is_above_a_limit(self) -> None:
        for worker_id, info in self.infos.items():
            assert self.used(worker_id) == self.fleet.member(worker_id).busy <= info.slots
            for kind in info.kinds:
                assert not kind.concurrency or self.busy[worker_id, kind.kind] <= kind.concurrency

    def used(self, worker_id: str) -> int:
        return sum(count for (owner, _), count in self.busy.items() if owner == worker_id)

    def could_run(self, worker_id: str, shape: Shape) -> bool:
        info = self.infos[worker_id]
        kind = next((kind for kind in info.kinds if kind.kind == shape.kind), None)
        return (
            kind is not None
            and worker_id not in self.closed
            and self.used(worker_id) < info.slots
            and (not kind.concurrency or self.busy[worker_id, shape.kind] < kind.concurrency)
            and set(kind.models) <= self.ready[worker_id]
            and shape.gpus <= info.resources.gpus
            and all(info.labels.get(key) == value for key, value in shape.labels)
        )


TestFleetMachine = FleetMachine.TestCase
TestFleetMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, print_blob=True)

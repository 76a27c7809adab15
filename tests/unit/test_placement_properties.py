"""Queue, fleet and limits together, under random traffic, against a model that looks at everything each time.

What is checked with each decision: something is placed exactly when something could be, so no news of room is ever
missed; it is the most urgent, and its owner's oldest; and no slot, limit, GPU or byte is given away twice.
"""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.scheduler.fleet import Claim
from services.scheduler.orders import Shape, Shapes
from services.scheduler.placement import FORGET_MS, Placement, Policy
from services.scheduler.queue import PRIORITIES
from services.scheduler.turns import Waiting
from tests.builders import order, worker_info
from tutti.v1 import scheduler_pb2, task_pb2

AGEING_MS = 1000
WORKERS = ["a", "b", "c"]
OWNERS = ["ada", "bob", "cleo"]
KINDS = ["compose", "render"]
MODELS = ["jen1", "muscgen"]
ZONES = ["x", "y"]
POLICY = Policy(
    ageing_ms=AGEING_MS,
    owner_weights={"ada": 2.0},
    owner_limit=4,
    owner_limits={"bob": 2, "cleo": 0},
    model_limits={"jen1": 2},
)
OWNER_LIMITS = {"ada": 4, "bob": 2, "cleo": 10**9}
MODEL_LIMITS = {"jen1": 2, "muscgen": 10**9}

kind_infos = st.builds(
    scheduler_pb2.KindInfo,
    kind=st.sampled_from(KINDS),
    concurrency=st.integers(0, 2),
    models=st.lists(st.sampled_from(MODELS), unique=True, max_size=1),
)
#: Mostly all.
ready_models = st.one_of(st.just(set(MODELS)), st.just(set(MODELS)), st.sets(st.sampled_from(MODELS)))
#: Mostly nothing; else one wish, or several.
wishes = st.one_of(
    *[st.just(task_pb2.Resources())] * 3,
    st.builds(
        task_pb2.Resources,
        cpu=st.sampled_from([0, 0.5, 2]),
        memory_bytes=st.integers(0, 2),
        gpus=st.integers(0, 2),
        gpu_memory_bytes=st.sampled_from([0, 30, 60]),
    ),
)


def _kind(name: str, *models: str) -> scheduler_pb2.KindInfo:
    return scheduler_pb2.KindInfo(kind=name, models=models)


@dataclass
class Load:
    """What runs on a worker, counted from its claims."""

    claims: list[Claim] = field(default_factory=list)

    def kind(self, kind: str) -> int:
        return sum(claim.shape.kind == kind for claim in self.claims)

    def fits(self, info: scheduler_pb2.WorkerInfo, shape: Shape) -> bool:
        cpu = sum(claim.shape.cpu for claim in self.claims)
        memory = sum(claim.shape.memory_bytes for claim in self.claims)
        return (
            (not shape.cpu or cpu + shape.cpu <= info.resources.cpu)
            and (not shape.memory_bytes or memory + shape.memory_bytes <= info.resources.memory_bytes)
            and self.gpus_fit(info, shape)
            and not (shape.suspect and any(claim.shape.suspect for claim in self.claims))
            and all(info.labels.get(key) == value for key, value in shape.labels)
        )

    def gpus_fit(self, info: scheduler_pb2.WorkerInfo, shape: Shape) -> bool:
        has = info.resources
        whole = {gpu for claim in self.claims if claim.shape.gpus for gpu in claim.gpus}
        free = {gpu: has.gpu_memory_bytes for gpu in range(has.gpus) if gpu not in whole}
        shared = set()
        for claim in self.claims:
            for gpu in claim.gpus if not claim.shape.gpus else ():
                shared.add(gpu)
                if gpu in free:
                    free[gpu] -= claim.shape.gpu_memory_bytes
        if shape.gpus:
            return has.gpu_memory_bytes >= shape.gpu_memory_bytes and len(free.keys() - shared) >= shape.gpus
        return not shape.gpu_memory_bytes or any(left >= shape.gpu_memory_bytes for left in free.values())


class PlacementMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.placement = Placement(POLICY)
        self.shapes = Shapes()
        self.now_ms = self.aged_ms = 0
        #: In the order in which they came.
        self.waiting: dict[str, Waiting] = {}
        self.running: list[tuple[Claim, task_pb2.TaskOrder | None]] = []
        self.infos: dict[str, scheduler_pb2.WorkerInfo] = {}
        self.ready: dict[str, set[str]] = {}
        self.closed: set[str] = set()
        self.suspended: set[str] = set()
        self.paused: set[str] = set()
        self.models: dict[str, list[str]] = {}
        self.jobs = 0
        # Something happens from the first step on.
        has = task_pb2.Resources(cpu=2, memory_bytes=3, gpus=2, gpu_memory_bytes=80)
        self.join("a", slots=3, kinds=[_kind("compose", "jen1"), _kind("render")], has=has, zone="x", ready=set(MODELS))
        self.join("b", slots=4, kinds=[_kind("compose", "jen1"), _kind("render")], has=has, zone="y", ready=set(MODELS))

    # --- orders

    @rule(
        kind=st.sampled_from(KINDS),
        owner=st.sampled_from(OWNERS),
        priority=st.sampled_from(PRIORITIES),
        wish=wishes,
        zone=st.sampled_from(["", "", "", "", *ZONES]),
        suspect=st.sampled_from([False, False, False, True]),
        every_ms=st.lists(st.integers(0, AGEING_MS), min_size=1, max_size=8),
        at_once=st.booleans(),
    )
    def push(
        self,
        kind: str,
        owner: str,
        priority: int,
        wish: task_pb2.Resources,
        zone: str,
        suspect: bool,
        every_ms: list[int],
        at_once: bool,
    ) -> None:
        for pause_ms in every_ms:
            self.now_ms += pause_ms
            self.jobs += 1
            wanted = order(f"job-{self.jobs}", kind=kind, owner=owner, suspect=suspect)
            wanted.priority = priority  # type: ignore[assignment]  # one of the three
            if wish != task_pb2.Resources():
                wanted.resources.CopyFrom(wish)
            if zone:
                wanted.labels["zone"] = zone
            entry = self.placement.waiting(wanted, orchestrator_id="o1", queued_ms=self.now_ms)
            self.placement.queue.push(entry)
            self.waiting[wanted.job_id] = entry
        self.place(len(every_ms) + 1 if at_once else 0)

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        if self.waiting:
            job_id = data.draw(st.sampled_from(sorted(self.waiting)))
            assert self.placement.queue.remove((job_id, "main")) is self.waiting.pop(job_id)

    @rule(often=st.integers(1, 4))
    def place(self, often: int) -> None:
        for _ in range(often):
            possible = self.possible()
            found = self.placement.next()
            if found is None:
                assert not possible
                return
            waiting, claim = found
            self.check(waiting, claim, possible)
            del self.waiting[waiting.order.job_id]
            self.running.append((claim, waiting.order))

    @rule(which=st.lists(st.integers(0, 9), min_size=1, max_size=6), again=st.booleans())
    def end(self, which: list[int], again: bool) -> None:
        for number in which:
            if number < len(self.running):
                self.placement.end(self.running.pop(number)[0])
                self.place(1 if again else 0)

    @rule(worker_id=st.sampled_from(WORKERS), kind=st.sampled_from(KINDS), often=st.integers(0, 2))
    def adopt(self, worker_id: str, kind: str, often: int) -> None:
        if worker_id in self.infos and often == 0:
            self.running.append((self.placement.adopt(worker_id, kind), None))

    @rule(owner=st.sampled_from(OWNERS), wish=wishes)
    def attach(self, owner: str, wish: task_pb2.Resources) -> None:
        for number, (claim, known) in enumerate(self.running):
            if known is None:
                wanted = order("adopted", kind=claim.shape.kind, owner=owner, resources=wish)
                self.placement.attach(claim, wanted)
                self.running[number] = (claim, wanted)
                return

    # --- workers

    @rule(
        worker_id=st.sampled_from(WORKERS),
        slots=st.integers(1, 3),
        kinds=st.lists(kind_infos, min_size=1, max_size=2, unique_by=lambda info: info.kind),
        has=st.builds(
            task_pb2.Resources,
            cpu=st.integers(0, 2),
            memory_bytes=st.integers(0, 3),
            gpus=st.integers(0, 2),
            gpu_memory_bytes=st.just(80),
        ),
        zone=st.sampled_from(ZONES),
        ready=ready_models,
    )
    def join(
        self,
        worker_id: str,
        slots: int,
        kinds: list[scheduler_pb2.KindInfo],
        has: task_pb2.Resources,
        zone: str,
        ready: set[str],
    ) -> None:
        self.leave(worker_id)
        info = worker_info(worker_id, slots=slots, kinds=kinds, resources=has, labels={"zone": zone})
        self.placement.join(info, ready)
        self.infos[worker_id], self.ready[worker_id] = info, ready
        self.models.update({kind.kind: list(kind.models) for kind in kinds})

    @rule(worker_id=st.sampled_from(WORKERS), often=st.integers(0, 4))
    def leave(self, worker_id: str, often: int = 0) -> None:
        if often:
            return
        self.placement.fleet.leave(worker_id)
        for claim, _ in self.running:
            if claim.worker_id == worker_id:
                self.placement.end(claim)
        self.running = [(claim, known) for claim, known in self.running if claim.worker_id != worker_id]
        self.infos.pop(worker_id, None)
        self.closed.discard(worker_id)
        self.suspended.discard(worker_id)

    @rule(worker_id=st.sampled_from(WORKERS), ready=ready_models)
    def set_ready_models(self, worker_id: str, ready: set[str]) -> None:
        if worker_id in self.infos:
            self.placement.set_ready_models(worker_id, ready)
            self.ready[worker_id] = ready

    @rule(worker_id=st.sampled_from(WORKERS), suspended=st.sampled_from([False, False, True]))
    def suspend(self, worker_id: str, suspended: bool) -> None:
        if worker_id in self.infos:
            self.placement.suspend(worker_id, suspended)
            (self.suspended.add if suspended else self.suspended.discard)(worker_id)

    @rule(worker_id=st.sampled_from(WORKERS), often=st.integers(0, 4))
    def close(self, worker_id: str, often: int) -> None:
        if worker_id in self.infos and often == 0:
            self.placement.fleet.close(worker_id)
            self.closed.add(worker_id)

    # --- operators, and time

    @rule(kind=st.sampled_from(KINDS), paused=st.sampled_from([False, False, True]))
    def pause(self, kind: str, paused: bool) -> None:
        (self.placement.pause if paused else self.placement.resume)(kind)
        (self.paused.add if paused else self.paused.discard)(kind)
        assert self.placement.queue.paused() == sorted(self.paused)

    @rule(milliseconds=st.integers(0, AGEING_MS))
    def age(self, milliseconds: int) -> None:
        # Now and then so long after the last time that rings are forgotten, too.
        self.now_ms += FORGET_MS if milliseconds == AGEING_MS else milliseconds
        self.aged_ms = self.now_ms
        self.placement.age(self.now_ms)

    # --- the model

    def possible(self) -> list[Waiting]:
        """Everything that could be placed now."""
        owners = Counter(known.owner for _, known in self.running if known is not None)
        models = Counter(model for claim, _ in self.running for model in claim.models)
        return [
            entry
            for entry in self.waiting.values()
            if entry.order.kind not in self.paused
            and owners[entry.order.owner] < OWNER_LIMITS[entry.order.owner]
            and all(models[model] < MODEL_LIMITS[model] for model in self.models.get(entry.order.kind, ()))
            and any(self.could_run(worker_id, entry.shape) for worker_id in self.infos)
        ]

    def could_run(self, worker_id: str, shape: Shape) -> bool:
        info, load = self.infos[worker_id], self.load(worker_id)
        kind = next((kind for kind in info.kinds if kind.kind == shape.kind), None)
        return (
            kind is not None
            and worker_id not in self.closed | self.suspended
            and len(load.claims) < info.slots
            and (not kind.concurrency or load.kind(shape.kind) < kind.concurrency)
            and set(kind.models) <= self.ready[worker_id]
            and load.fits(info, shape)
        )

    def load(self, worker_id: str) -> Load:
        return Load([claim for claim, _ in self.running if claim.worker_id == worker_id])

    def check(self, waiting: Waiting, claim: Claim, possible: list[Waiting]) -> None:
        assert waiting in possible
        assert self.could_run(claim.worker_id, waiting.shape)
        assert self.level(waiting) == min(map(self.level, possible))
        rivals = [
            entry
            for entry in possible
            if (entry.order.owner, entry.order.kind, self.level(entry))
            == (waiting.order.owner, waiting.order.kind, self.level(waiting))
        ]
        assert rivals[0] is waiting

    def level(self, waiting: Waiting) -> int:
        base = PRIORITIES.index(waiting.order.priority)
        return max(0, base - max(0, self.aged_ms - waiting.queued_ms) // AGEING_MS)

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert list(self.placement.queue) == list(self.waiting.values())
        assert sum(found.depth for found in self.placement.queue.depths()) == len(self.waiting)

    def teardown(self) -> None:
        """With everything allowed and a worker that can do all, everything goes."""
        for worker_id in WORKERS:
            self.leave(worker_id)
        for kind in KINDS:
            self.placement.resume(kind)
        has = task_pb2.Resources(cpu=2, memory_bytes=2, gpus=2, gpu_memory_bytes=80)
        for zone in ZONES:
            info = worker_info(zone, slots=1, kinds=KINDS, resources=has, labels={"zone": zone})
            self.placement.join(info, MODELS)
        left = set(self.waiting)
        while (found := self.placement.next()) is not None:
            left.remove(found[0].order.job_id)
            self.placement.end(found[1])
        assert not left
        assert len(self.placement.queue) == 0


TestPlacementMachine = PlacementMachine.TestCase
TestPlacementMachine.settings = settings(max_examples=200, stateful_step_count=40, deadline=None, print_blob=True)

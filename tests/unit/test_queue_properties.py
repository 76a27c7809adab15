"""The queue against a list that does the same slowly: nothing is lost, nothing comes twice, the urgent go first."""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.scheduler.orders import Shape, Shapes
from services.scheduler.queue import PRIORITIES, TaskQueue
from services.scheduler.turns import Waiting
from tests.builders import order

KINDS = ["compose", "render"]
jobs = st.sampled_from([f"job-{n}" for n in range(8)])


@dataclass
class Model:
    #: In the order in which they came.
    waiting: dict[str, Waiting] = field(default_factory=dict)

    def placeable(self, kinds: set[str]) -> list[Waiting]:
        return [entry for entry in self.waiting.values() if entry.order.kind in kinds]


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.queue, self.model, self.shapes = TaskQueue(), Model(), Shapes()

    @rule(
        job_id=jobs,
        kind=st.sampled_from(KINDS),
        owner=st.sampled_from(["ada", "bob", "cleo"]),
        priority=st.sampled_from(PRIORITIES),
        attempt=st.integers(1, 3),
    )
    def push(self, job_id: str, kind: str, owner: str, priority: int, attempt: int) -> None:
        wanted = order(job_id, kind=kind, owner=owner, priority=priority, attempt=attempt)  # type: ignore[arg-type]
        entry = Waiting(order=wanted, shape=self.shapes.of(wanted), orchestrator_id="o1", queued_ms=0)
        self.queue.push(entry)
        self.model.waiting.pop(job_id, None)
        self.model.waiting[job_id] = entry

    @rule(job_id=jobs)
    def remove(self, job_id: str) -> None:
        assert self.queue.remove((job_id, "main")) is self.model.waiting.pop(job_id, None)

    @rule(kinds=st.sets(st.sampled_from(KINDS)))
    def take(self, kinds: set[str]) -> None:
        for kind in kinds:
            self.queue.reopen(Shape(kind))
        found = self.queue.next(lambda shape: "w1" if shape.kind in kinds else None)

        possible = self.model.placeable(kinds)
        assert (found is None) == (not possible)
        if found is not None:
            self.check_turn(found[0], possible)
            assert self.model.waiting.pop(found[0].order.job_id) is found[0]

    @rule()
    def age(self) -> None:
        self.queue.age(0)

    def check_turn(self, taken: Waiting, possible: list[Waiting]) -> None:
        urgency = PRIORITIES.index(taken.order.priority)
        assert urgency == min(PRIORITIES.index(entry.order.priority) for entry in possible)
        # Within one owner, shape and priority the oldest goes first.
        alike = [
            entry
            for entry in possible
            if (entry.order.owner, entry.shape, entry.order.priority)
            == (taken.order.owner, taken.shape, taken.order.priority)
        ]
        assert alike[0] is taken

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        assert len(self.queue) == len(self.model.waiting)
        assert list(self.queue) == list(self.model.waiting.values())
        for job_id, entry in self.model.waiting.items():
            assert self.queue.find((job_id, "main")) is entry

    def teardown(self) -> None:
        left = set(self.model.waiting)
        for kind in KINDS:
            self.queue.reopen(Shape(kind))
        while (found := self.queue.next(lambda shape: "w1")) is not None:
            left.remove(found[0].order.job_id)
        assert not left
        assert len(self.queue) == 0


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, print_blob=True)

"""Queue, fleet and limits together: what goes next, and where to. Pure: time comes in as a parameter, there is no I/O.

A decision looks at what may be placed, never at what is held back: a kind without a free slot, at a model's limit or
paused, a shape that fits nowhere and an owner at a limit are shut, and opened again by the event that makes room.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.scheduler.fleet import Claim, Fleet
from services.scheduler.limits import ModelLimits
from services.scheduler.orders import Shape, Shapes
from services.scheduler.queue import Hold, TaskQueue
from services.scheduler.turns import Waiting
from tutti.v1 import scheduler_pb2, task_pb2

#: What a shape needs is worked out for the whole fleet at once, so one that nobody waits for is kept for a moment.
FORGET_MS = 30_000


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What operators decide."""

    #: Waiting for so long makes an order count as one priority higher; 0: never.
    ageing_ms: int = 60_000
    #: Shares of owners; 1 where none is named.
    owner_weights: Mapping[str, float] = field(default_factory=dict)
    #: Attempts of one owner at a time, and exceptions by name; 0: no limit.
    owner_limit: int = 0
    owner_limits: Mapping[str, int] = field(default_factory=dict)
    #: Attempts that use a model at a time.
    model_limits: Mapping[str, int] = field(default_factory=dict)


class Placement:
    def __init__(self, policy: Policy, *, paused: Iterable[str] = ()) -> None:
        self.fleet = Fleet()
        self.queue = TaskQueue(
            ageing_ms=policy.ageing_ms,
            weights=policy.owner_weights,
            owner_limit=policy.owner_limit,
            owner_limits=policy.owner_limits,
        )
        self._shapes = Shapes()
        self._limits = ModelLimits(policy.model_limits)
        self._forgot_ms = 0
        for kind in paused:
            self.queue.hold(kind, Hold.PAUSED)

    def waiting(self, order: task_pb2.TaskOrder, *, orchestrator_id: str, queued_ms: int) -> Waiting:
        return Waiting(order, self._shapes.of(order), orchestrator_id, queued_ms)

    def next(self) -> tuple[Waiting, Claim] | None:
        """Give the order whose turn it is a place; None when nothing that waits can be placed."""
        found = self.queue.next(self._place)
        if found is None:
            return None
        waiting, claim = found
        claim.owner = waiting.order.owner
        self._count_models(claim)
        return waiting, claim

    def _place(self, shape: Shape) -> Claim | None:
        claim = self.fleet.place(shape)
        if claim.was_last if claim is not None else self.fleet.is_full(shape.kind):
            self.queue.hold(shape.kind, Hold.FULL)
        return claim

    def end(self, claim: Claim) -> None:
        """The attempt is over; what it occupied is free again."""
        self.fleet.release(claim)
        if claim.owner is not None:
            self.queue.ended(claim.owner)
        if claim.models:
            for kind in self._limits.ended(claim.models):
                self.queue.release(kind, Hold.LIMITED)
        self._hear()

    def adopt(self, worker_id: str, kind: str) -> Claim:
        """An attempt runs that another leader placed. What it asked for and whose it is, is not known yet."""
        claim = self.fleet.occupy(worker_id, Shape(kind))
        self._count_models(claim)
        return claim

    def attach(self, claim: Claim, order: task_pb2.TaskOrder) -> None:
        """It has become known what an adopted attempt asked for, and whose it is."""
        if claim.owner is None:
            self.fleet.amend(claim, self._shapes.of(order))
            claim.owner = order.owner
            self.queue.began(claim.owner)
            self._hear()

    # --- workers

    def join(self, info: scheduler_pb2.WorkerInfo, ready_models: Iterable[str]) -> None:
        for kind in self._limits.learn(info.kinds):
            (self.queue.hold if self._limits.is_reached(kind) else self.queue.release)(kind, Hold.LIMITED)
        self.fleet.join(info, ready_models)
        self._hear()

    def suspend(self, worker_id: str, suspended: bool) -> None:
        self.fleet.suspend(worker_id, suspended)
        self._hear()

    def set_ready_models(self, worker_id: str, models: Iterable[str]) -> None:
        self.fleet.set_ready_models(worker_id, models)
        self._hear()

    # --- operators, and time

    def pause(self, kind: str) -> None:
        self.queue.hold(kind, Hold.PAUSED)

    def resume(self, kind: str) -> None:
        self.queue.release(kind, Hold.PAUSED)

    def age(self, now_ms: int) -> None:
        """Look at how long things have waited, and forget what nobody waits for."""
        self.queue.age(now_ms)
        if now_ms - self._forgot_ms >= FORGET_MS:
            self._forgot_ms = now_ms
            self.fleet.forget_shapes(but=self.queue.shapes())

    def _count_models(self, claim: Claim) -> None:
        claim.models = self._limits.models_of(claim.shape.kind)
        if claim.models:
            for kind in self._limits.began(claim.models):
                self.queue.hold(kind, Hold.LIMITED)

    def _hear(self) -> None:
        """Let those go on for whom there is room again."""
        for shape in self.fleet.news():
            if shape.plain:
                self.queue.release(shape.kind, Hold.FULL)
            else:
                self.queue.reopen(shape)

"""Who holds which attempt, and how those ended that nobody has acknowledged yet. Pure: no clock, no I/O.

A task has at most one lease. An update counts only under the current one; that is what fences off a worker that was
given up, and a task that was handed out again.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from services.scheduler.fleet import Claim
from services.scheduler.orders import AttemptKey, TaskKey
from services.scheduler.turns import Waiting
from tutti import clock
from tutti.v1 import task_pb2

#: Updates after which a lease is over.
TERMINAL = frozenset({"succeeded", "failed", "cancelled", "lost"})
#: What is kept of one attempt for an orchestrator that takes its job over; of more, the oldest log lines go.
MOST_KEPT = 10_000


@dataclass(slots=True)
class Held:
    """One attempt in a worker's hands."""

    lease_id: str
    job_id: str
    task: str
    attempt: int
    worker_id: str
    #: What it occupies there.
    claim: Claim
    #: Whose stream carries its updates; empty while none has asked for what a new leader found running.
    orchestrator_id: str
    order: task_pb2.TaskOrder | None
    #: Of the driver who asked last; see TaskOrder.
    job_epoch: int = 0
    #: The worker has begun, so there is no more to be said of the lease having been accepted.
    started: bool = False
    #: What was said before any orchestrator asked.
    backlog: list[task_pb2.Update] = field(default_factory=list)
    #: Files, checkpoints and log lines that were said, with their numbers on the orchestrator's stream. They belong to
    #: the job: should that orchestrator die before it recorded them, its successor must hear them.
    kept: deque[tuple[int, task_pb2.Update]] = field(default_factory=deque)

    @property
    def key(self) -> TaskKey:
        return (self.job_id, self.task)

    def ref(self) -> task_pb2.AttemptRef:
        return task_pb2.AttemptRef(
            job_id=self.job_id,
            task=self.task,
            attempt=self.attempt,
            lease_id=self.lease_id,
            job_epoch=self.job_epoch,
        )

    def keep(self, number: int, update: task_pb2.Update) -> None:
        if len(self.kept) >= MOST_KEPT and self.kept[0][1].HasField("log"):
            self.kept.popleft()
        self.kept.append((number, update))

    def recorded(self, number: int) -> None:
        """Its orchestrator has recorded everything up to this number."""
        while self.kept and self.kept[0][0] <= number:
            self.kept.popleft()

    def update(self, **what: Any) -> task_pb2.Update:
        return task_pb2.Update(
            job_id=self.job_id,
            task=self.task,
            attempt=self.attempt,
            lease_id=self.lease_id,
            time=clock.now(),
            **what,
        )


class Leases:
    def __init__(self, term: int) -> None:
        self._term = term
        self._minted = 0
        self._held: dict[TaskKey, Held] = {}
        self._by_worker: dict[str, dict[TaskKey, Held]] = {}
        self._ended: dict[AttemptKey, list[task_pb2.Update]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def mint(self) -> str:
        """A lease id that outranks every earlier one, of this term and of those before."""
        self._minted += 1
        return f"{self._term}-{self._minted}"

    def add(self, held: Held) -> None:
        self._held[held.key] = held
        self._by_worker.setdefault(held.worker_id, {})[held.key] = held

    def find(self, key: TaskKey) -> Held | None:
        return self._held.get(key)

    def of_worker(self, worker_id: str) -> list[Held]:
        return list(self._by_worker.get(worker_id, {}).values())

    def current(self, update: task_pb2.Update) -> Held | None:
        """The lease that an update speaks for, or None when it is stale."""
        held = self._held.get((update.job_id, update.task))
        return held if held is not None and held.lease_id == update.lease_id else None

    def end(self, held: Held, how: task_pb2.Update) -> None:
        """The lease is over; how it ended is kept until the orchestrator has recorded it."""
        self.drop(held)
        self._ended[attempt_key(how)] = [*held.backlog, *(update for _, update in held.kept), how]

    def drop(self, held: Held) -> None:
        del self._held[held.key]
        of_worker = self._by_worker[held.worker_id]
        del of_worker[held.key]
        if not of_worker:
            del self._by_worker[held.worker_id]

    def collect(self, update: task_pb2.Update) -> None:
        """Keep what is said of an attempt that ended under an earlier leader, for the orchestrator that will ask."""
        self._ended.setdefault(attempt_key(update), []).append(update)

    def how_ended(self, key: AttemptKey) -> list[task_pb2.Update]:
        """The end of an attempt, and what was said before it that nobody has heard yet; nothing if it has not ended."""
        said = self._ended.get(key)
        return said if said and is_terminal(said[-1]) else []

    def forget(self, update: task_pb2.Update) -> None:
        """An orchestrator has recorded this update."""
        self._ended.pop(attempt_key(update), None)


def attempt_key(update: task_pb2.Update) -> AttemptKey:
    return (update.job_id, update.task, update.attempt)


def is_outdated(job_epoch: int, held: Held | None, waiting: Waiting | None) -> bool:
    """Whether something is said by a driver that was only paused, while another has taken its job over and asked for
    the task. Were it heard, what becomes of the task would go to somebody who may not record it."""
    return (held is not None and job_epoch < held.job_epoch) or (
        waiting is not None and job_epoch < waiting.order.job_epoch
    )


def lease_term(lease_id: str) -> int:
    """The term in which a lease was given out; what is no lease was given out before all terms."""
    term, _, _ = lease_id.partition("-")
    return int(term) if term.isdigit() else 0


def belongs_to_job(update: task_pb2.Update) -> bool:
    """Whether it is more than news: something that the job is poorer without."""
    return update.WhichOneof("what") in ("artifact", "checkpoint", "log")


def is_terminal(update: task_pb2.Update) -> bool:
    return update.WhichOneof("what") in TERMINAL

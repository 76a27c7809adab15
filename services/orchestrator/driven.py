"""A job in a replica's hands: its record, and what only its driver knows of it."""

import asyncio
from dataclasses import dataclass, field

from services.orchestrator.job_record import JobRecord
from tutti.v1 import task_pb2


@dataclass(slots=True)
class Driven:
    record: JobRecord
    partition: int
    epoch: int
    commits: int
    entry: str
    #: Events in its log, as far as this driver knows.
    recorded: int = 1
    #: Attempts that the scheduler should know of: task -> (attempt, whether it may have been told before).
    open: dict[str, tuple[int, bool]] = field(default_factory=dict)
    #: Attempts that the scheduler was asked to stop; asked again of each new leader.
    stopping: dict[str, task_pb2.AttemptRef] = field(default_factory=dict)
    #: What waits for its time: the next attempt of a task, by its name, and the end of the job's own time.
    timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    #: A commit was refused; nothing more is to be written.
    fenced: bool = False
    #: Tasks that take part in the cache, by name.
    shares: "dict[str, Share]" = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Share:
    """An attempt that takes part in the cache: it waits for its turn to be handed over, or has been."""

    driven: Driven
    order: task_pb2.TaskOrder
    digest: str
    #: The kind's, under which the digest was taken.
    version: str
    handed_over: bool = False
    #: Its handler has begun.
    runs: bool = False
    #: Somebody else was computing the same when it asked.
    waited: bool = False
    #: A question is on its way.
    asking: bool = False
    #: Lease and version of the handler that said last that it succeeded.
    computed: tuple[str, str] = ("", "")

    @property
    def task(self) -> str:
        return self.order.task

    @property
    def stands(self) -> bool:
        """Whether it is still what its task is about."""
        return self.driven.shares.get(self.task) is self

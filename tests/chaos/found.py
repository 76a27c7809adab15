"""What is known once a run is over: everything that the verdict looks at, and nothing that it would have to ask for."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from tests.chaos.faults import Done
from tests.chaos.scenario import Scenario
from tutti.v1 import job_pb2


class Effect(NamedTuple):
    """A line of the log of side effects; services/worker/handlers/effects.py says what they mean."""

    what: str
    at: float
    job_id: str
    task: str
    attempt: int
    #: One execution, and no other.
    run: str
    pid: int
    number: int


class Seen(NamedTuple):
    """A job as it lies in Redis, and its event log."""

    job: job_pb2.Job
    events: Sequence[job_pb2.Event]


@dataclass(kw_only=True, slots=True)
class Followed:
    """What one watcher saw, over all its streams."""

    job_id: str
    over: str
    #: Cursor and sequence number, as they came.
    seen: list[tuple[str, int]] = field(default_factory=list)
    breaks: int = 0
    ended: bool = False


@dataclass(kw_only=True, slots=True)
class Accepted:
    """What callers were told of a job."""

    #: Every id that they got for its request id.
    job_ids: list[str] = field(default_factory=list)
    #: The wish to stop it was answered, and the job was not at rest in that answer.
    wish_recorded: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    scenario: Scenario
    #: By the job's number in the scenario; one that no caller got an id for is missing.
    accepted: Mapping[int, Accepted]
    #: By job id, whether a caller knows of it or not.
    jobs: Mapping[str, Seen]
    effects: Sequence[Effect]
    followed: Sequence[Followed] = ()
    faults: Sequence[Done] = ()
    #: Keys, entries and consumers in Redis that should not be there.
    leftovers: Sequence[str] = ()
    #: Answers that no caller should get, ends that nobody ordered, errors in logs.
    surprises: Sequence[str] = ()

    @cached_property
    def effects_of(self) -> Mapping[str, Sequence[Effect]]:
        by_job: dict[str, list[Effect]] = defaultdict(list)
        for effect in sorted(self.effects, key=lambda effect: effect.at):
            by_job[effect.job_id].append(effect)
        return by_job

    @cached_property
    def ends_of(self) -> Mapping[str, Sequence[Effect]]:
        """By execution."""
        by_run: dict[str, list[Effect]] = defaultdict(list)
        for effect in self.effects:
            if effect.what == "end":
                by_run[effect.run].append(effect)
        return by_run


def read_effects(path: Path) -> list[Effect]:
    return [_effect(line.split()) for line in path.read_text().splitlines()] if path.exists() else []


def _effect(words: Sequence[str]) -> Effect:
    what, at, job_id, task, attempt, run, pid, number = words
    return Effect(
        what=what,
        at=float(at),
        job_id=job_id,
        task=task,
        attempt=int(attempt),
        run=run,
        pid=int(pid),
        number=int(number),
    )


def lines_of(events: Iterable[job_pb2.Event]) -> list[str]:
    """An event log, for people."""
    return [f"{event.sequence:4} {event.event_id} {_words(event)}" for event in events]


def _words(event: job_pb2.Event) -> str:
    match event.WhichOneof("what"):
        case "job_moved":
            return f"job {job_pb2.JobState.Name(event.job_moved.state).removeprefix('JOB_STATE_')}"
        case "task_moved":
            moved = event.task_moved
            state = job_pb2.Task(state=moved.state)
            name = str(state).strip().removeprefix("state: TASK_STATE_")
            return f"{event.task}/{event.attempt} {name} {moved.worker_id} {moved.failure.reason}".rstrip()
        case "checkpoint":
            return f"{event.task}/{event.attempt} checkpoint {event.checkpoint.note.fields['done'].number_value:g}"
        case what:
            return f"{event.task}/{event.attempt} {what}"

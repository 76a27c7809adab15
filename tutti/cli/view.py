"""What a watcher knows of a job: one bar per task, moved by events. Pure; drawing it is elsewhere."""

from dataclasses import dataclass, field, replace

from tutti.cli import words
from tutti.v1 import job_pb2, task_pb2

RESTING = frozenset(
    {
        task_pb2.TASK_STATE_SUCCEEDED,
        task_pb2.TASK_STATE_FAILED,
        task_pb2.TASK_STATE_CANCELLED,
        task_pb2.TASK_STATE_SKIPPED,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    task: str
    state: int = task_pb2.TASK_STATE_WAITING
    fraction: float = 0.0
    message: str = ""
    attempt: int = 0
    #: When the first attempt began and when the task came to rest, in seconds since the epoch.
    start: float | None = None
    end: float | None = None

    def elapsed(self, now: float) -> float | None:
        if self.start is None:
            return None
        return max(0.0, (self.end or now) - self.start)


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    job_id: str
    state: int = job_pb2.JOB_STATE_QUEUED
    #: In the order of the plan.
    bars: dict[str, Bar] = field(default_factory=dict)


def begin(job: job_pb2.Job) -> View:
    """Before the first event: what the tasks are. How they stand is for the events to say."""
    return View(job_id=job.job_id, bars={task.name: Bar(task=task.name) for task in job.tasks})


def after(view: View, event: job_pb2.Event) -> View:
    match event.WhichOneof("what"):
        case "job_moved":
            return replace(view, state=event.job_moved.state)
        case "task_moved":
            return _with(view, _moved(_bar(view, event), event))
        case "progress" if event.task:
            return _with(view, _progressed(_bar(view, event), event.progress))
        case _:
            return view


def _bar(view: View, event: job_pb2.Event) -> Bar:
    return view.bars.get(event.task) or Bar(task=event.task)


def _with(view: View, bar: Bar) -> View:
    return replace(view, bars={**view.bars, bar.task: bar})


def _progressed(bar: Bar, progress: task_pb2.Progress) -> Bar:
    return replace(bar, fraction=min(1.0, max(0.0, progress.fraction)), message=progress.message or bar.message)


def _moved(bar: Bar, event: job_pb2.Event) -> Bar:
    state, time = event.task_moved.state, words.seconds(event.time)
    bar = replace(bar, state=state, attempt=max(bar.attempt, event.attempt))
    match state:
        case task_pb2.TASK_STATE_RUNNING:
            return replace(bar, start=bar.start or time)
        case task_pb2.TASK_STATE_READY | task_pb2.TASK_STATE_WAITING:
            # Another attempt begins from nothing, or from a checkpoint that its first progress will tell. The task may
            # have been at rest: its job was run again.
            return replace(bar, fraction=0.0, end=None, message=event.task_moved.failure.message)
        case task_pb2.TASK_STATE_SUCCEEDED:
            return replace(bar, fraction=1.0, end=time, message="")
        case _ if state in RESTING:
            return replace(bar, end=time, message=event.task_moved.failure.message)
        case _:
            return bar


def remark(event: job_pb2.Event) -> str:
    """What an event has to say beside the bars; empty for most."""
    match event.WhichOneof("what"):
        case "log":
            return f"{event.task}: {event.log.message}"
        case "artifact":
            return f"{event.task}: stored {event.artifact.name} ({words.size(event.artifact.size)})"
        case "task_moved" if event.task_moved.state == task_pb2.TASK_STATE_READY and event.attempt > 1:
            reason = _failure(event.task_moved.failure)
            return f"{event.task}: trying again, attempt {event.attempt}{reason}"
        case "task_moved" if event.task_moved.state == task_pb2.TASK_STATE_FAILED:
            return f"{event.task}: failed{_failure(event.task_moved.failure)}"
        case _:
            return ""


def _failure(failure: task_pb2.Failure) -> str:
    return f" ({failure.reason}: {failure.message})" if failure.reason else ""


class Milestones:
    """Events as lines of a log that people read without a terminal: every move, and every tenth of the way."""

    def __init__(self) -> None:
        self._tenths: dict[str, int] = {}

    def line(self, event: job_pb2.Event) -> str:
        match event.WhichOneof("what"):
            case "job_moved":
                return f"job {words.job_state(event.job_moved.state)}"
            case "progress" if event.task:
                return self._progress(event)
            case "task_moved":
                self._tenths.pop(event.task, None)
                return remark(event) or f"{event.task}: {words.task_state(event.task_moved.state)}"
            case _:
                return remark(event)

    def _progress(self, event: job_pb2.Event) -> str:
        tenth = int(event.progress.fraction * 10 + 1e-9)
        if tenth <= self._tenths.get(event.task, 0):
            return ""
        self._tenths[event.task] = tenth
        return f"{event.task}: {event.progress.fraction:4.0%} {event.progress.message}".rstrip()

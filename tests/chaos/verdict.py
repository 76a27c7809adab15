"""What must hold after a run, whatever was done to the mesh meanwhile. Pure: looks at what was found, and asks nobody.

"Attempts run at least once; results are recorded exactly once" means, said so that it can be checked:

- **What was accepted is kept.** Every request id that a caller got an id for stands for one job, which is there, at
  rest, and ended as it had to: its shape says how; only one that somebody wanted stopped may be CANCELLED. A wish that
  was answered is in the record.
- **The log is whole.** Sequence numbers count from 1 without gaps, cursors grow, and the record names the last of both.
  The last event is the job's end, and there is no other end, of the job or of any task; nothing follows an end.
- **A result is that of one execution**, which ran to its end: the `run` in the record has an `end` line, in the attempt
  that the record names, and the artifacts are that execution's own. A step got the result that the step before it is
  recorded with.
- **A result that is shared is one that was recorded**: a task that was spared has run and files of an equal one, which
  some job is recorded with, and whose execution ran to its end. So nobody's result hangs on a job that was stopped, or
  on a worker that died; and only tasks of kinds that allow it are spared.
- **At least once, and in turn.** Numbers of attempts only grow, in the log of the job and among executions as they
  begin; none begins that the record knows nothing of, and none begins after its job's end. The exception is a zombie: a
  worker that was stopped and goes on may begin what it had been given before, and so may be begun what a scheduler had
  given out that was stopped. Executions whose word nobody took (zombies, and attempts that were given up and were not
  dead) cost time and are counted as duplicates.
- **Checkpoints are never lost.** An execution goes on from the last checkpoint in the log before its attempt became
  ready (or a later one of the same attempt), and every section was worked on.
- **Watchers miss nothing and see nothing twice**, over whatever broke: what each saw is the log.
- **Nothing is left behind**: finished jobs and their logs expire, streams are empty, no entry is pending, quotas count
  nothing, and the dead letters are the jobs that failed.
- **Nobody is surprised**: callers are told UNAVAILABLE and nothing else, nothing dies but what was killed, and no
  service logs an error.
"""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tests.chaos.found import Effect, Found, Seen, lines_of
from tests.chaos.scenario import PlannedJob, Shape, What
from tests.chaos.workload import STEPS
from tutti.client.client import RESTING
from tutti.v1 import job_pb2, task_pb2

#: Seconds in which a process that was stopped and goes on may still act on what it was told before.
WAKING = 5.0
#: Records keep milliseconds, cut off.
TICK = 0.001
#: Lines of a log that a violation shows.
EXCERPT = 14
_LABEL = "chaos"
_SUCCEEDED, _CANCELLED = job_pb2.JOB_STATE_SUCCEEDED, job_pb2.JOB_STATE_CANCELLED
_TASK_AT_REST = frozenset(
    {
        task_pb2.TASK_STATE_SUCCEEDED,
        task_pb2.TASK_STATE_FAILED,
        task_pb2.TASK_STATE_CANCELLED,
        task_pb2.TASK_STATE_SKIPPED,
    }
)


class Violation(NamedTuple):
    check: str
    what: str
    job_id: str = ""
    #: The piece of its log.
    excerpt: tuple[str, ...] = ()


def judge(found: Found) -> list[Violation]:
    """Everything that does not hold; nothing where all is well."""
    violations = [*_accepted(found), *_watchers(found), *_rest(found)]
    for job_id, seen in found.jobs.items():
        for check in (_log, _one_end, _outcome, _results, _shared, _attempts, _checkpoints):
            violations += [
                Violation(check.__name__.lstrip("_").replace("_", " "), what, job_id, _excerpt(found, job_id))
                for what in check(found, job_id, seen)
            ]
    return violations


def lost(found: Found) -> int:
    """Accepted jobs that are not there, not at rest, or recorded with a result that no execution brought forth."""
    gone = sum(known.job_ids[0] not in found.jobs for known in found.accepted.values())
    unfinished = sum(seen.job.state not in RESTING for seen in found.jobs.values())
    made_up = [one for one in judge(found) if one.check in ("results", "shared") and "no end" in one.what]
    return gone + unfinished + len(made_up)


def _excerpt(found: Found, job_id: str) -> tuple[str, ...]:
    log = lines_of(found.jobs[job_id].events)[-EXCERPT:]
    effects = found.effects_of.get(job_id, ())[-EXCERPT:]
    return (*log, *(f"{one.at:.3f} {one.task}/{one.attempt} {one.what} {one.number} {one.run}" for one in effects))


# --- over all


def _accepted(found: Found) -> Iterator[Violation]:
    for planned in found.scenario.jobs:
        known = found.accepted.get(planned.number)
        if known is None:
            yield Violation("accepted", f"job {planned.number} was never accepted")
            continue
        if len(set(known.job_ids)) > 1:
            yield Violation("accepted", f"one request id, several jobs: {sorted(set(known.job_ids))}")
        if known.job_ids[0] not in found.jobs:
            yield Violation("accepted", f"job {planned.number} ({planned.shape}) is lost", known.job_ids[0])
    by_number: dict[str, str] = {}
    for job_id, seen in found.jobs.items():
        other = by_number.setdefault(seen.job.spec.labels[_LABEL], job_id)
        if other != job_id:
            yield Violation("accepted", f"the same request made {other} too", job_id, _excerpt(found, job_id))


def _watchers(found: Found) -> Iterator[Violation]:
    for followed in found.followed:
        seen = found.jobs.get(followed.job_id)
        if seen is None:
            continue
        log = [(event.event_id, event.sequence) for event in seen.events]
        if not followed.ended:
            what = f"a watcher ({followed.over}) never saw the end; it saw {len(followed.seen)} of {len(log)} events"
        elif followed.seen != log:
            at = next((i for i, (a, b) in enumerate(zip(followed.seen, log, strict=False)) if a != b), len(log))
            what = f"a watcher ({followed.over}) saw another log: {followed.seen[at : at + 3]} for {log[at : at + 3]}"
        else:
            continue
        yield Violation("watchers", what, followed.job_id, _excerpt(found, followed.job_id))


def _rest(found: Found) -> Iterator[Violation]:
    yield from (Violation("leftovers", what) for what in found.leftovers)
    yield from (Violation("surprises", what) for what in found.surprises)


# --- job by job


def _log(found: Found, job_id: str, seen: Seen) -> Iterator[str]:
    job, events = seen
    numbers = [event.sequence for event in events]
    if numbers != list(range(1, len(events) + 1)):
        yield f"its sequence numbers are not 1 to {len(events)}: {_first_gap(numbers)}"
    if any(_cursor(later) <= _cursor(event) for event, later in pairwise(events)):
        yield "its cursors do not grow"
    if events and (job.revision, job.last_event_id) != (numbers[-1], events[-1].event_id):
        yield f"its record names {job.revision} {job.last_event_id} as the last event"


def _one_end(found: Found, job_id: str, seen: Seen) -> Iterator[str]:
    job, events = seen
    ends = [event for event in events if event.HasField("job_moved") and event.job_moved.state in RESTING]
    if len(ends) != 1:
        yield f"it has {len(ends)} ends" if ends else "it never ended"
        return
    if ends[0] is not events[-1]:
        yield "events follow its end"
    if ends[0].job_moved.state != job.state:
        yield f"its record says {job_pb2.JobState.Name(job.state)}"
    for task in job.tasks:
        own = [event for event in events if event.task == task.name]
        at_rest = [event for event in own if event.HasField("task_moved") and event.task_moved.state in _TASK_AT_REST]
        if len(at_rest) != 1 or task.state not in _TASK_AT_REST:
            yield f"its task {task.name} has {len(at_rest)} ends"
        elif at_rest[0] is not own[-1]:
            yield f"events of its task {task.name} follow the task's end"
        elif (at_rest[0].task_moved.state, at_rest[0].attempt) != (task.state, task.attempt):
            yield f"the end of its task {task.name} is not that of its record"


def _outcome(found: Found, job_id: str, seen: Seen) -> Iterator[str]:
    job, planned = seen.job, _planned(found, seen)
    if planned is None:
        yield f"nobody asked for it: {dict(job.spec.labels)}"
        return
    known = found.accepted.get(planned.number)
    if job.state not in RESTING or (job.state == _CANCELLED and planned.cancel_after is not None):
        return
    if known is not None and known.wish_recorded and not job.cancel_requested:
        yield "a wish to stop it was answered and is not recorded"
    expected = job_pb2.JOB_STATE_FAILED if planned.shape is Shape.DOOMED else _SUCCEEDED
    if job.state != expected:
        yield f"{planned.shape}: it is {job_pb2.JobState.Name(job.state)} {job.failure.reason} {job.failure.message}"
    elif job.state != _SUCCEEDED and job.failure.reason != "ON_PURPOSE":
        yield f"it failed for another reason: {job.failure.reason}"


def _results(found: Found, job_id: str, seen: Seen) -> Iterator[str]:
    planned, effects = _planned(found, seen), found.effects_of.get(job_id, ())
    runs = {task.name: str(task.result["run"]) for task in seen.job.tasks if "run" in task.result.fields}
    for task in seen.job.tasks:
        if task.state != task_pb2.TASK_STATE_SUCCEEDED or planned is None or task.cached:
            continue
        run = runs.get(task.name, "")
        ends = [one for one in effects if one.what == "end" and (one.task, one.run) == (task.name, run)]
        if [one.attempt for one in ends] != [task.attempt]:
            yield f"no end of attempt {task.attempt} at {task.name} by its run {run}"
        if planned.shape is Shape.FLAKY and task.attempt <= 2:
            yield f"{task.name} succeeded at attempt {task.attempt}, which fails"
        digests = [artifact.sha256 for artifact in task.artifacts]
        if digests != [hashlib.sha256(run.encode()).hexdigest()] * planned.artifact:
            yield f"{len(digests)} artifacts of {task.name} are not the one of its run {run}"
        before = runs.get(STEPS[STEPS.index(task.name) - 1]) if task.name in STEPS[1:] else None
        if before is not None and task.result["given"] != before:
            yield f"{task.name} was given {task.result['given']}, and not the recorded {before}"


def _shared(found: Found, job_id: str, seen: Seen) -> Iterator[str]:
    planned = _planned(found, seen)
    for task in seen.job.tasks:
        if not task.cached or planned is None:
            continue
        run = str(task.result["run"])
        ends = found.ends_of.get(run, ())
        if len(ends) != 1:
            yield f"no end, or more than one, of the run {run} whose result {task.name} got"
            continue
        maker = found.jobs.get(ends[0].job_id)
        made = next((one for one in maker.job.tasks if one.name == ends[0].task), None) if maker is not None else None
        if maker is None or made is None or made.cached or "run" not in made.result or made.result["run"] != run:
            yield f"{task.name} got the result of the run {run}, which no job is recorded with"
            continue
        if not planned.group or (other := _planned(found, maker)) is None or other.group != planned.group:
            yield f"{task.name} got the result of {maker.job.job_id}, which is not equal to it"
        if [one.key for one in task.artifacts] != [one.key for one in made.artifacts]:
            yield f"the files of {task.name} are not those of {maker.job.job_id}, whose result it got"


def _attempts(found: Found, job_id: str, seen: Seen) -> Iterator[str]:
    recorded = {task.name: task.attempt for task in seen.job.tasks}
    # What is taken back from the scheduler because there is a result may be beginning at its worker just then.
    spared = {task.name for task in seen.job.tasks if task.cached}
    for name in recorded:
        numbers = [event.attempt for event in seen.events if event.task == name]
        if numbers != sorted(numbers):
            yield f"attempts at {name} do not follow each other in its log"
    ended = seen.job.end_time.ToMilliseconds() / 1000 if seen.job.state in RESTING else float("inf")
    latest: dict[str, int] = {}
    for one in found.effects_of.get(job_id, ()):
        if one.what != "begin":
            continue
        if one.attempt > recorded.get(one.task, 0):
            yield f"attempt {one.attempt} at {one.task} began, which its record knows nothing of"
        grace = WAKING if one.task in spared else TICK
        if one.at > ended + grace and not _zombie(found, one):
            yield f"attempt {one.attempt} at {one.task} began {one.at - ended:.3f} s after the job's end"
        if one.attempt < latest.get(one.task, 0) and not _zombie(found, one):
            yield f"attempt {one.attempt} at {one.task} began after attempt {latest[one.task]}"
        latest[one.task] = max(one.attempt, latest.get(one.task, 0))


def _checkpoints(found: Found, job_id: str, seen: Seen) -> Iterator[str]:
    planned, effects = _planned(found, seen), found.effects_of.get(job_id, ())
    if planned is None or planned.shape is not Shape.CHECKPOINTS:
        return
    for one in effects:
        allowed = _resumable(seen, one.attempt)
        if one.what == "begin" and one.number not in allowed:
            yield f"attempt {one.attempt} went on from {one.number} instead of one of {sorted(allowed)}"
    worked = {one.number for one in effects if one.what == "section"}
    if seen.job.state == _SUCCEEDED and worked != set(range(1, planned.sections + 1)):
        yield f"of its {planned.sections} sections only {sorted(worked)} were worked on"


def _resumable(seen: Seen, attempt: int) -> set[int]:
    """Sections from which an execution of an attempt may go on: the last one recorded when the attempt became ready,
    and those recorded since, for the attempt may have been handed out again."""
    before, since = 0, set()
    for event in seen.events:
        if event.HasField("checkpoint"):
            done = int(event.checkpoint.note["done"])  # type: ignore[arg-type]  # a number, as the handler wrote it
            if event.attempt < attempt:
                before = done
            elif event.attempt == attempt:
                since.add(done)
    return {before} | since


def _zombie(found: Found, begun: Effect) -> bool:
    """Whether an execution may have begun long after it was given out: its worker, or a scheduler, was stopped."""
    return any(
        fault.what is What.PAUSE
        and (fault.pid == begun.pid or fault.target.startswith("scheduler"))
        and fault.begin <= begun.at <= fault.end + WAKING
        for fault in found.faults
    )


def _planned(found: Found, seen: Seen) -> PlannedJob | None:
    number = seen.job.spec.labels[_LABEL]
    return found.scenario.jobs[int(number)] if number.isdigit() and int(number) < len(found.scenario.jobs) else None


def _cursor(event: job_pb2.Event) -> tuple[int, int]:
    milliseconds, _, number = event.event_id.partition("-")
    return int(milliseconds), int(number)


def _first_gap(numbers: list[int]) -> str:
    at = next(
        (i for i, (number, i_) in enumerate(zip(numbers, range(1, len(numbers) + 1), strict=True)) if number != i_), 0
    )
    return f"{numbers[max(0, at - 1) : at + 2]} at place {at + 1}"

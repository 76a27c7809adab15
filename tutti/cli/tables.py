"""Jobs, workers and queues as tables."""

import json
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tutti import structs
from tutti.cli import words
from tutti.v1 import job_pb2, orchestrator_pb2, scheduler_pb2, task_pb2


def _table(*headings: str, last: str) -> Table:
    """Columns as wide as they need, and a last one that takes what is left of the line."""
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim", expand=True)
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    table.add_column(last, ratio=1)
    return table


def jobs(listed: Sequence[job_pb2.Job], now: float) -> RenderableType:
    table = _table("job", "state", "done", "created", "took", last="what")
    table.columns[-1].no_wrap = True
    for job in listed:
        table.add_row(
            job.job_id,
            words.styled(words.job_state(job.state)),
            _done(job),
            words.age(job.create_time, now),
            words.between(job.create_time, job.end_time),
            Text(what(job.spec), overflow="ellipsis"),
        )
    return table


def job(shown: job_pb2.Job, now: float) -> RenderableType:
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim")
    facts.add_column()
    for name, value in _facts(shown, now):
        facts.add_row(name, value)
    parts: list[RenderableType] = [facts, Text(), _tasks(shown, now)]
    if any(task.past_attempts for task in shown.tasks):
        parts += [Text(), _past(shown, now)]
    if shown.artifacts:
        parts += [Text(), _artifacts(shown)]
    return Group(*parts)


def _facts(shown: job_pb2.Job, now: float) -> list[tuple[str, RenderableType]]:
    state = words.styled(words.job_state(shown.state))
    if shown.cancel_requested and not shown.HasField("end_time"):
        state += " (to be cancelled)"
    facts: list[tuple[str, RenderableType]] = [
        ("job", shown.job_id),
        ("state", state),
        ("what", Text(what(shown.spec))),
    ]
    if options := structs.to_dict(shown.spec.music.options):
        facts.append(("options", Text("  ".join(f"{key}={_plain(value)}" for key, value in sorted(options.items())))))
    if shown.spec.labels:
        facts.append(("labels", Text("  ".join(f"{key}={value}" for key, value in sorted(shown.spec.labels.items())))))
    facts.append(("created", words.age(shown.create_time, now)))
    if took := words.between(shown.create_time, shown.end_time):
        facts.append(("took", took))
    if shown.HasField("failure"):
        facts.append(("failure", Text(f"{shown.failure.reason}: {shown.failure.message}", style="red")))
    facts.append(("request", Text(shown.request_id)))
    return facts


def _tasks(shown: job_pb2.Job, now: float) -> Table:
    table = _table("task", "kind", "state", "done", "try", "worker", "took", last="")
    for task in shown.tasks:
        table.add_row(
            Text(task.name),
            Text(task.kind),
            words.styled(words.task_state(task.state)),
            f"{_fraction(task):.0%}",
            str(task.attempt or ""),
            Text("cache" if task.cached else task.worker_id),
            words.between(task.start_time, task.end_time),
            Text(task.failure.message or task.progress.message, style="dim"),
        )
    return table


def _artifacts(shown: job_pb2.Job) -> Table:
    table = _table("artifact", "type", "size", last="of")
    for artifact in shown.artifacts:
        table.add_row(Text(artifact.name), artifact.type, words.size(artifact.size), Text(artifact.task))
    return table


def _past(shown: job_pb2.Job, now: float) -> Table:
    """Every attempt that did not succeed, task by task."""
    table = _table("task", "try", "worker", "ended", "took", "why", last="")
    for task in shown.tasks:
        for attempt in task.past_attempts:
            table.add_row(
                Text(task.name),
                str(attempt.attempt),
                Text(attempt.worker_id),
                words.age(attempt.end_time, now),
                words.between(attempt.start_time, attempt.end_time),
                Text(attempt.failure.reason),
                Text(attempt.failure.message, style="dim"),
            )
    return table


def dead(listed: Sequence[orchestrator_pb2.DeadJob], now: float) -> RenderableType:
    table = _table("job", "reason", "died", "what", last="failure")
    for letter in listed:
        failure = letter.job.failure
        table.add_row(
            letter.job.job_id,
            Text(letter.reason, style="red"),
            words.age(letter.dead_time, now),
            Text(what(letter.job.spec)[:60]),
            Text(f"{failure.reason}: {failure.message}", style="dim"),
        )
    return table


def workers(fleet: Sequence[scheduler_pb2.Worker], now: float) -> RenderableType:
    table = _table("worker", "state", "address", "busy", "heard", "models", last="kinds, or why it is lost")
    for worker in fleet:
        table.add_row(
            Text(worker.info.worker_id),
            words.styled(words.worker_state(worker.state)),
            worker.info.address,
            f"{len(worker.leases)} of {worker.info.slots}",
            words.age(worker.heartbeat_time, now),
            Text(" ".join(sorted(worker.ready_models))),
            Text(worker.lost_message or " ".join(sorted(kind.kind for kind in worker.info.kinds))),
        )
    return table


def queues(found: scheduler_pb2.GetQueuesResponse, now: float) -> RenderableType:
    table = _table("kind", "priority", "waiting", "oldest", "owner", last="")
    for queue in found.queues:
        table.add_row(
            Text(queue.kind),
            task_pb2.Priority.Name(queue.priority).removeprefix("PRIORITY_").lower(),
            str(queue.depth),
            words.age(queue.oldest_time, now),
            Text(queue.owner),
            "paused" if queue.kind in found.paused_kinds else "",
        )
    return table


def what(spec: job_pb2.JobSpec) -> str:
    """What a job is about, in a line."""
    if spec.HasField("task"):
        return spec.task.kind
    if spec.HasField("plan"):
        return f"plan: {', '.join(task.name for task in spec.plan.tasks)}"
    length = f", {spec.music.duration.ToTimedelta().total_seconds():g} s" if spec.music.HasField("duration") else ""
    return f"{spec.music.model}: {spec.music.narrative}{length}"


def _done(listed: job_pb2.Job) -> str:
    if not listed.tasks:
        return ""
    return f"{sum(map(_fraction, listed.tasks)) / len(listed.tasks):.0%}"


def _fraction(task: job_pb2.Task) -> float:
    return 1.0 if task.state == task_pb2.TASK_STATE_SUCCEEDED else task.progress.fraction


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

"""A run in one table, and what did not hold in full."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from tests.chaos import counters, verdict
from tests.chaos.counters import Counters
from tests.chaos.found import Found
from tests.chaos.scenario import What
from tests.chaos.verdict import Violation
from tests.chaos.workload import SHARED_KIND
from tutti.v1 import job_pb2, task_pb2

#: Violations of each check that are shown; all of them are in the file that the run leaves.
SHOWN = 4
FOOTNOTE = "* from /metrics, read twice a second: what a killed process counted last is missing"


def rows(found: Found, counted: Counters) -> list[tuple[str, str]]:
    done = found.faults
    states = [job_pb2.JobState.Name(seen.job.state).removeprefix("JOB_STATE_") for seen in found.jobs.values()]
    retries = [event for seen in found.jobs.values() for event in seen.events if _retry(event)]
    begun = [one for one in found.effects if one.what == "begin"]
    ended = [one for one in found.effects if one.what == "end"]
    tasks = [task for seen in found.jobs.values() for task in seen.job.tasks if _succeeded(task)]
    recorded, spared = [task for task in tasks if not task.cached], [task for task in tasks if task.cached]
    shared = [task for task in recorded if task.kind == SHARED_KIND]
    names = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    return [
        ("jobs accepted", f"{len(found.accepted)}: {names}"),
        *((f"{what}s", _by_service([one.target for one in done if one.what is what])) for what in What),
        ("take-overs of jobs *", str(counted.total(counters.TAKE_OVERS))),
        ("attempts attached to again *", str(counted.total(counters.ATTACHED))),
        ("attempts lost with their worker *", str(counted.total(counters.LOST))),
        ("retries", f"{len(retries)}, of them lost: {sum(_lost(event) for event in retries)}"),
        ("equal tasks", f"{len(shared)} computed, {len(spared)} spared"),
        ("executions begun", str(len(begun))),
        ("duplicates begun", str(len(begun) - len({(one.job_id, one.task, one.attempt) for one in begun}))),
        ("duplicates executed", str(len(ended) - len(recorded))),
        ("refused stale updates *", str(counted.total(*counters.STALE))),
        ("fenced commits *", str(counted.total(counters.FENCED))),
        ("events recorded", str(sum(len(seen.events) for seen in found.jobs.values()))),
        ("watchers, and breaks that they met", f"{len(found.followed)}, {sum(one.breaks for one in found.followed)}"),
        ("lost", str(verdict.lost(found))),
    ]


def show(found: Found, counted: Counters, violations: Sequence[Violation]) -> None:
    scenario, console = found.scenario, Console(width=120, highlight=False)
    title = f"Chaos, seed {scenario.seed}: {len(scenario.jobs):,} jobs, {scenario.seconds:g} s of faults"
    table = Table(title=f"{title}, {scenario.partitions} partition(s)", title_justify="left", caption=FOOTNOTE)
    table.add_column("what")
    table.add_column("how many", justify="right")
    for what, figure in (*rows(found, counted), ("violations", str(len(violations)))):
        table.add_row(what, figure)
    console.print(table)
    for check, of_check in _by_check(violations).items():
        console.print(f"\n{check}: {len(of_check)} violations", style="bold")
        for violation in of_check[:SHOWN]:
            console.print(described(violation), markup=False)


def described(violation: Violation) -> str:
    head = f"{violation.check}: {violation.job_id} {violation.what}"
    return "\n".join([head, *(f"    {line}" for line in violation.excerpt)])


def _by_check(violations: Sequence[Violation]) -> dict[str, list[Violation]]:
    by_check: dict[str, list[Violation]] = {}
    for violation in violations:
        by_check.setdefault(violation.check, []).append(violation)
    return by_check


def _by_service(targets: Sequence[str]) -> str:
    services = [target.partition("-")[0] for target in targets]
    counts = ", ".join(f"{services.count(service)} {service}" for service in sorted(set(services)))
    return f"{len(targets)}: {counts}" if targets else "0"


def _retry(event: job_pb2.Event) -> bool:
    return event.HasField("task_moved") and event.task_moved.state == task_pb2.TASK_STATE_READY and event.attempt > 1


def _lost(event: job_pb2.Event) -> bool:
    return event.task_moved.failure.reason == "WORKER_LOST"


def _succeeded(task: job_pb2.Task) -> bool:
    return task.state == task_pb2.TASK_STATE_SUCCEEDED

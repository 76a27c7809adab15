"""A plan of the caller's own: checks the graph and each of its tasks, and puts the tasks in an order that could run."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from google.protobuf import struct_pb2

from services.orchestrator.plan.inputs import referred_tasks
from services.orchestrator.plan.kinds import Kinds
from services.orchestrator.plan.single import check_task
from tutti import errors
from tutti.v1 import job_pb2

MOST_TASKS = 200
#: Inputs of a whole plan in bytes: a job is read, and shown, as one message.
LARGEST_PLAN = 2 * 1024 * 1024
#: A name that a reference can hold.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def compile_plan(given: job_pb2.Plan, kinds: Kinds) -> job_pb2.Plan:
    if not 1 <= len(given.tasks) <= MOST_TASKS:
        raise errors.InvalidInput(
            f"plan.tasks: {len(given.tasks)}; a plan has 1 to {MOST_TASKS} tasks", field="plan.tasks"
        )
    size = given.ByteSize()
    if size > LARGEST_PLAN:
        raise errors.InvalidInput(
            f"plan: {size:,} bytes; at most {LARGEST_PLAN:,} are allowed, put more into artifacts", field="plan"
        )
    _check_names(given)
    places = {task.name: place for place, task in enumerate(given.tasks)}
    tasks = {task.name: _checked(task, place, places, kinds) for place, task in enumerate(given.tasks)}
    return job_pb2.Plan(tasks=[tasks[name] for name in _in_order({name: task.needs for name, task in tasks.items()})])


def check_edited(spec: job_pb2.JobSpec, plan: job_pb2.Plan, name: str, input: struct_pb2.Struct, kinds: Kinds) -> None:
    """Raises InvalidInput unless a task of a plan that has run before can run with another input."""
    planned = next(task for task in plan.tasks if task.name == name)
    # A single task has nothing to refer to: what looks like a reference is text.
    referred = [] if spec.HasField("task") else referred_tasks(input)
    for needed in referred:
        if needed not in planned.needs:
            raise errors.InvalidInput(f"input: {name!r} does not need a task {needed!r}", field="input")
    check_task(job_pb2.PlannedTask(kind=planned.kind, input=input), kinds, resolved=not referred)


def _check_names(given: job_pb2.Plan) -> None:
    seen: set[str] = set()
    for place, task in enumerate(given.tasks):
        with _within(place):
            if not _NAME.fullmatch(task.name):
                raise errors.InvalidInput(
                    f"name: {task.name[:64]!r}; use 1 to 64 letters, digits, _ and -", field="name"
                )
            if task.name in seen:
                raise errors.InvalidInput(f"name: {task.name!r} is taken; give each task its own", field="name")
        seen.add(task.name)


def _checked(task: job_pb2.PlannedTask, place: int, places: Mapping[str, int], kinds: Kinds) -> job_pb2.PlannedTask:
    referred = referred_tasks(task.input)
    with _within(place):
        _check_known(task.needs, places, field="needs")
        _check_known(referred, places, field="input")
        check_task(task, kinds, resolved=not referred)
    checked = job_pb2.PlannedTask()
    checked.CopyFrom(task)
    # What a task refers to it needs, whether the caller said so or not.
    checked.needs[:] = dict.fromkeys([*task.needs, *referred])
    return checked


def _check_known(names: Iterable[str], places: Mapping[str, int], *, field: str) -> None:
    for name in names:
        if name not in places:
            raise errors.InvalidInput(f"{field}: no task of the plan is called {name[:64]!r}", field=field)


def _in_order(needs: Mapping[str, Iterable[str]]) -> list[str]:
    """Each task after those that it needs, and else as they were given."""
    order: dict[str, None] = {}
    for name in needs:
        _place(name, needs, order, ())
    return list(order)


def _place(name: str, needs: Mapping[str, Iterable[str]], order: dict[str, None], path: tuple[str, ...]) -> None:
    if name in order:
        return
    if name in path:
        circle = " → ".join((*path[path.index(name) :], name))
        raise errors.InvalidInput(
            f"plan.tasks: {circle} is a circle, so that none could begin; take one of the needs away",
            field="plan.tasks",
        )
    for needed in needs[name]:
        _place(needed, needs, order, (*path, name))
    order[name] = None


@contextmanager
def _within(place: int) -> Iterator[None]:
    """Says of what is wrong with a task which task it is."""
    try:
        yield
    except errors.InvalidInput as error:
        where = f"plan.tasks[{place}]."
        raise errors.InvalidInput(where + error.message, field=where + error.field, reason=error.reason) from error

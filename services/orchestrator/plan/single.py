"""What holds for every task that a caller names itself, alone or as a step of a plan."""

import math

from services.orchestrator.plan.kinds import Kinds
from tutti import errors, structs
from tutti.v1 import job_pb2, task_pb2

#: Largest input of a task in bytes. What is larger belongs into an artifact.
LARGEST_INPUT = 64 * 1024


def check_task(task: job_pb2.TaskRequest | job_pb2.PlannedTask, kinds: Kinds, *, resolved: bool = True) -> None:
    """Raises InvalidInput, naming the field. An input that is not `resolved` still refers to results, and only its
    handler can tell whether it fits."""
    if not task.kind:
        raise errors.InvalidInput("kind: empty; name the kind of task to run", field="kind")
    kinds.require(task.kind)
    size = task.input.ByteSize()
    if size > LARGEST_INPUT:
        raise errors.InvalidInput(
            f"input: {size:,} bytes; at most {LARGEST_INPUT:,} are allowed, put more into an artifact", field="input"
        )
    if resolved and not kinds.accepts_anything(task.kind):
        kinds.check(task.kind, structs.to_dict(task.input))
    if task.HasField("resources"):
        _check_resources(task.resources)


def _check_resources(resources: task_pb2.Resources) -> None:
    for field in ("cpu", "memory_bytes", "gpus", "gpu_memory_bytes"):
        wanted = getattr(resources, field)
        if not math.isfinite(wanted) or wanted < 0:
            raise errors.InvalidInput(
                f"resources.{field}: {wanted}; use a number that is not negative", field=f"resources.{field}"
            )

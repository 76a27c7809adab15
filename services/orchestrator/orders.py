"""An attempt as the scheduler is handed it. Pure."""

from google.protobuf import struct_pb2

from services.orchestrator import attempts
from services.orchestrator.job_record import JobRecord, TaskRecord
from services.orchestrator.plan.inputs import resolved_input
from tutti.v1 import task_pb2

_NO_RESULT = struct_pb2.Struct()


def order_of(record: JobRecord, task: TaskRecord, *, job_epoch: int) -> task_pb2.TaskOrder:
    """Raises InvalidInput where the input refers to what no result holds."""
    planned = next(planned for planned in record.plan.tasks if planned.name == task.name)
    results = {name: record.tasks[name].result or _NO_RESULT for name in task.needs}
    return task_pb2.TaskOrder(
        job_id=record.job_id,
        task=task.name,
        attempt=task.attempt,
        kind=task.kind,
        input=resolved_input(planned.input, results),
        owner=record.owner,
        priority=record.spec.priority or task_pb2.PRIORITY_NORMAL,
        resources=planned.resources if planned.HasField("resources") else None,
        labels=planned.worker_labels,
        timeout=record.spec.attempt_timeout if record.spec.HasField("attempt_timeout") else None,
        resume_from=task.checkpoint,
        request_id=record.request_id,
        traceparent=record.traceparent,
        suspect=attempts.is_suspect(record, task),
        job_epoch=job_epoch,
        readable_keys=[artifact.key for other in record.tasks.values() if other.cached for artifact in other.artifacts],
    )

"""Jobs that are run again from what succeeded, as they are or with one input edited. Pure."""

from google.protobuf import struct_pb2

from services.orchestrator.job import Draft
from services.orchestrator.job_record import READY, WAITING, HandOver, JobRecord, TaskRecord, Transition
from tutti.v1 import job_pb2, task_pb2

SUCCEEDED = task_pb2.TASK_STATE_SUCCEEDED


def retried(job: JobRecord, now_ms: int, input: struct_pb2.Struct | None = None) -> Transition:
    """A failed or cancelled job queued again. Attempt numbers go on, so that whatever an earlier attempt still says is
    stale. With an input, that of the task which failed is replaced, and its checkpoint forgotten: it belongs to work on
    another input."""
    edited = culprit(job).name if input is not None else ""
    if input is not None:
        job = _with_input(job, edited, input)
    draft = Draft.of(job._replace(cancel_requested=False, expired=False, retry_ms=now_ms), now_ms)
    draft.move_job(job_pb2.JOB_STATE_QUEUED)
    for task in job.tasks.values():
        if task.state == SUCCEEDED:
            continue
        again = task._replace(
            state=WAITING,
            lease_id="",
            worker_id="",
            progress=None,
            checkpoint=None if task.name == edited else task.checkpoint,
            end_ms=0,
        )
        if all(job.tasks[name].state == SUCCEEDED for name in task.needs):
            again = again._replace(state=READY, attempt=task.attempt + 1, first_attempt=task.attempt + 1)
            draft.effects.append(HandOver(task=task.name))
        draft.move_task(again)
    return draft.finish()


def culprit(job: JobRecord) -> TaskRecord:
    """The task that a job failed with; of one that took too long, the first that had not succeeded."""
    tasks = list(job.tasks.values())
    failed = (task for task in tasks if task.state == task_pb2.TASK_STATE_FAILED)
    return next(failed, None) or next(task for task in tasks if task.state != SUCCEEDED)


def has_input(job: JobRecord, input: struct_pb2.Struct) -> bool:
    """Whether some task that has not succeeded works on this input."""
    return any(task.input == input and job.tasks[task.name].state != SUCCEEDED for task in job.plan.tasks)


def _with_input(job: JobRecord, name: str, input: struct_pb2.Struct) -> JobRecord:
    plan, spec = job_pb2.Plan(), job_pb2.JobSpec()
    plan.CopyFrom(job.plan)
    spec.CopyFrom(job.spec)
    steps = [*plan.tasks, *(spec.plan.tasks if spec.HasField("plan") else ())]
    for step in steps:
        if step.name == name:
            step.input.CopyFrom(input)
    if spec.HasField("task"):
        spec.task.input.CopyFrom(input)
    return job._replace(plan=plan, spec=spec)

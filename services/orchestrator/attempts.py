"""Attempts that did not succeed: what a task remembers of them, how many it may have, and when it counts as what kills
its workers. Pure."""

from services.orchestrator.job_record import MOST_PAST, RUNNING, JobRecord, TaskRecord
from tutti.clock import timestamp
from tutti.v1 import job_pb2, task_pb2

#: The attempt's worker is gone, and nobody knows what the attempt did.
WORKER_LOST = "WORKER_LOST"
#: Failures that say nothing against the task: no reason to wait before the next worker tries.
BLAMELESS = frozenset({WORKER_LOST, "WORKER_LEFT"})
POISON = "POISON"
TIMEOUT = "TIMEOUT"
#: What a job can die of, as far as lists of dead letters tell it apart.
DEATHS = ("FAILED", TIMEOUT, POISON)
#: Longest message that is kept of an attempt in the past, in characters; that of the last failure is kept whole.
LONGEST_PAST_MESSAGE = 1_000


def is_last(job: JobRecord, task: TaskRecord) -> bool:
    return task.attempt - task.first_attempt + 1 >= job.retry.max_attempts


def is_suspect(job: JobRecord, task: TaskRecord) -> bool:
    """Whether this is the last attempt, and the one before took its worker with it."""
    return bool(task.past) and is_last(job, task) and _lost(task.past[-1])


def remembered(task: TaskRecord, failure: task_pb2.Failure, now_ms: int) -> tuple[job_pb2.PastAttempt, ...]:
    """The past of a task whose current attempt ends now."""
    message = failure.message
    if len(message) > LONGEST_PAST_MESSAGE:
        message = f"{message[:LONGEST_PAST_MESSAGE]}..."
    attempt = job_pb2.PastAttempt(
        attempt=task.attempt,
        worker_id=task.worker_id,
        start_time=timestamp(task.attempt_start_ms or task.start_ms) if task.state == RUNNING else None,
        end_time=timestamp(now_ms),
        failure=task_pb2.Failure(reason=failure.reason, message=message, retryable=failure.retryable),
    )
    return (*task.past, attempt)[-MOST_PAST:]


def verdict(job: JobRecord, task: TaskRecord, failure: task_pb2.Failure) -> task_pb2.Failure:
    """What a task fails with whose last attempt has ended, and is part of its past already."""
    if failure.reason != WORKER_LOST or not is_last(job, task):
        return failure
    lost = sum(_lost(attempt) and attempt.attempt >= task.first_attempt for attempt in task.past)
    if lost < 2 and job.retry.max_attempts > 1:
        return failure  # one worker may die for any reason
    who = "1 worker" if lost == 1 else f"{lost} workers"
    return task_pb2.Failure(
        reason=POISON,
        message=f"{who} died while running this task, which may be what killed them; change its input and replay the "
        f"job, or discard it. The last time: {failure.message}",
    )


def reason_of_death(job: JobRecord) -> str:
    reason = job.failure.reason if job.failure is not None else ""
    return reason if reason in DEATHS else DEATHS[0]


def _lost(attempt: job_pb2.PastAttempt) -> bool:
    return attempt.failure.reason == WORKER_LOST

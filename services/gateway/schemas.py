"""The shapes of answers, for OpenAPI only: routes answer what `jobs` and `events` build, and tests hold them to it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from services.gateway import problems
from services.gateway.requests import (
    Discard,
    MusicSubmission,
    PlannedTask,
    PlanSubmission,
    Replay,
    Retry,
    TaskSubmission,
)

JobStatus = Literal["HELD", "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]
TaskStatus = Literal["WAITING", "READY", "LEASED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "SKIPPED"]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class Problem(_Shape):
    """RFC 9457. `reason` is stable and machine-readable, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    reason: str
    request_id: str
    field: str | None = None
    details: dict[str, str] | None = None


class Accepted(_Shape):
    job_id: str
    status: Literal["QUEUED"]


class Failure(_Shape):
    reason: str
    message: str
    retryable: bool = Field(description="Whether another attempt could succeed.")


class Progress(_Shape):
    fraction: float = Field(ge=0, le=1)
    message: str


class Artifact(_Shape):
    name: str
    type: str = Field(description="Media type.")
    size: int = Field(description="Bytes.")
    sha256: str
    url: str = Field(description="Signed, expires; get the job again for a fresh one.")
    task: str


class Checkpoint(_Shape):
    note: dict[str, Any]
    artifacts: list[Artifact]


class PastAttempt(_Shape):
    attempt: int
    worker_id: str = Field(description="Empty where nobody ran it.")
    start_time: str | None = Field(description="When its handler began, if it did.")
    end_time: str | None
    failure: Failure | None


class Task(_Shape):
    name: str
    kind: str
    status: TaskStatus
    attempt: int = Field(description="From 1; 0 before the first.")
    needs: list[str]
    worker_id: str
    progress: Progress
    result: dict[str, Any] | None
    failure: Failure | None
    start_time: str | None
    end_time: str | None
    checkpoint: Checkpoint | None
    first_attempt: int = Field(description="The try from which `retry.maxAttempts` counts.")
    cached: bool = Field(description="No attempt ran: its result is that of an equal task that had been done.")
    past_attempts: list[PastAttempt] = Field(description="Without success, oldest first; the last 20.")


class Job(_Shape):
    """A job as last recorded. Music has `model`, `narrative`, `duration` and `options`, a task `kind` and `input`, a
    caller's own graph `plan`."""

    job_id: str
    status: JobStatus
    owner: str
    request_id: str
    model: str | None = None
    narrative: str | None = None
    duration: float | None = Field(None, description="Seconds.")
    options: dict[str, Any] | None = None
    kind: str | None = None
    input: dict[str, Any] | None = None
    plan: list[PlannedTask] | None = None
    labels: dict[str, str]
    priority: Literal["high", "normal", "low"]
    retry: Retry | None
    timeout_seconds: float | None
    job_timeout_seconds: float | None
    cache: Literal["on", "off"]
    create_time: str | None
    start_time: str | None
    end_time: str | None
    progress: Progress
    tasks: list[Task]
    artifacts: list[Artifact]
    checkpoints: list[Checkpoint]
    failure: Failure | None
    cancel_requested: bool
    revision: int = Field(description="Events recorded so far.")
    last_event_id: str = Field(description="Cursor of the last event that this answer includes.")


class JobPage(_Shape):
    jobs: list[Job]
    next_page_token: str = Field(description="Empty on the last page.")


class DeadJob(_Shape):
    """A job that will not run again by itself."""

    job: Job
    reason: Literal["FAILED", "TIMEOUT", "POISON"]
    dead_time: str


class DeadPage(_Shape):
    dead_jobs: list[DeadJob]
    next_page_token: str = Field(description="Empty on the last page.")


class Replayed(_Shape):
    jobs: list[Job]


class Discarded(_Shape):
    discarded: int = Field(description="How many were on the list.")


class Event(_Shape):
    """The data of an event on a job's stream; which of the optional fields are there follows from `type`."""

    event_id: str
    type: Literal["status", "task", "progress", "log", "checkpoint", "artifact"]
    sequence: int = Field(description="Counts from 1 within the job, without gaps.")
    job_id: str
    time: str
    task: str
    attempt: int
    status: JobStatus | TaskStatus | None = None
    worker_id: str | None = None
    cached: bool | None = Field(None, description="True where an equal task had been done; absent else.")
    result: dict[str, Any] | None = None
    failure: Failure | None = None
    fraction: float | None = None
    level: str | None = None
    message: str | None = None
    note: dict[str, Any] | None = None
    artifacts: list[Artifact] | None = None
    artifact: Artifact | None = None


class Health(_Shape):
    status: Literal["ok"]


class Ready(_Shape):
    status: Literal["ready"]


#: Every route can answer a problem; which ones, `problems.STATUSES` says once for all.
PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Refused or failed; the body says why and what to do.",
        "content": {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
EVENTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events; the data of each but `hello` (a Job) and `end` is an Event.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    204: {"description": "The job has come to rest and everything has been seen."},
}
DASHBOARD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events without ids; the data of each but `hello` is an Event.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
ARTIFACT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {"description": "The part that Range asked for."},
    304: {"description": "The client already has it."},
}
AUDIO: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A WAV file of 16 bits that grows with the render; its header does not know its length.",
        "content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}},
    },
    307: {"description": "The master is there: `Location` is its signed address."},
}
METRICS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
#: The body is read without the framework, which therefore cannot document it.
SUBMIT: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "maxLength": 128},
            "description": "Repeating it answers the job of the first time, for a day.",
        }
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/MusicSubmission"},
                        {"$ref": "#/components/schemas/TaskSubmission"},
                        {"$ref": "#/components/schemas/PlanSubmission"},
                    ]
                }
            }
        },
    },
}
REPLAY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Replay"}}},
    },
}
DISCARD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Discard"}}},
    },
}
#: What only references name and the framework therefore does not collect.
REFERENCED: tuple[type[BaseModel], ...] = (
    Problem,
    Event,
    MusicSubmission,
    TaskSubmission,
    PlanSubmission,
    Replay,
    Discard,
)

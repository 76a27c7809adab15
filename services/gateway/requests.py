"""What may be asked for over REST, and the `JobSpec` that it stands for.

A body is parsed once and checked here for its shape only: known fields, right types, values that a message can hold.
Whether a model, a kind or an option exists is the orchestrator's to say.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal, TypeVar

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.gateway import structs
from services.gateway.problems import complaint
from tutti import errors
from tutti.v1 import job_pb2, orchestrator_pb2, task_pb2

#: From so many bytes on a body is read on a thread.
LARGE_BODY = 65_536
#: The longest time that a message's Duration holds, in seconds.
_LONGEST = 315_576_000_000
_PRIORITIES = {
    "high": task_pb2.PRIORITY_HIGH,
    "normal": task_pb2.PRIORITY_NORMAL,
    "low": task_pb2.PRIORITY_LOW,
}
_CACHE_POLICIES = {"on": job_pb2.CACHE_POLICY_ON, "off": job_pb2.CACHE_POLICY_OFF}
_STATES = {
    name.removeprefix("JOB_STATE_"): value
    for name, value in job_pb2.JobState.items()
    if value != job_pb2.JOB_STATE_UNSPECIFIED
}

T = TypeVar("T")
Seconds = Annotated[float, Field(gt=0, le=_LONGEST, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=False,
        validate_by_alias=True,
    )


class Retry(_Strict):
    """How often, and after which pauses, to try each task."""

    max_attempts: int | None = Field(None, ge=1, le=2**31 - 1, description="Attempts in all; 3 unless given.")
    initial_backoff_seconds: Seconds | None = Field(None, description="Pause before the second attempt; then doubles.")
    max_backoff_seconds: Seconds | None = Field(None, description="The longest pause.")


class _Submission(_Strict):
    labels: dict[str, str] = Field({}, description="Free words to find the job by.")
    priority: Literal["high", "normal", "low"] | None = Field(None, description="`normal` unless given.")
    retry: Retry | None = None
    timeout_seconds: Seconds | None = Field(None, description="How long one attempt at a task may run.")
    job_timeout_seconds: Seconds | None = Field(
        None, description="How long the whole job may take from its acceptance, waiting and retries included."
    )
    cache: Literal["on", "off"] | None = Field(
        None, description="`off`: every task is done, also one that has been done before. `on` unless given."
    )


#: They are checked by the orchestrator, which says of each what is wrong with it.
_OPTIONS = (
    "What to make it of, besides the words. Music: `negative_prompt`, `genre`, `mood`, `bpm` (30 to 300), `key` "
    "(`F# minor`), `time_signature` (2, 3, 4, 6), `energy` (0 to 1), `swing`, `instruments` (a `-` before those not "
    "wanted), `structure` (`[{section, bars, energy}]`), `chords`, `melody` (notes, ABC or MIDI in base64), `lyrics`, "
    "`mode` (`full`, `lyrics-first`, `melody-only`), `loop`, `stems` (of drums, percussion, bass, chords, lead, pad, "
    "voice, fx), `temperature`, `guidance`, `top_k`, `top_p`, `seed` (0 to 2^64 - 1, also as text; drawn when absent), "
    "`plan` (one of before, edited or not; a job that is shown names the file it is kept in). Sound: `reference_url` "
    "and `strength` (a recording to follow, and how far), `continue_from` (one to go on from, closely followed; both "
    "are addresses, for model `track` only), `loudness_target` (LUFS, -40 to -6), `true_peak` (dBTP, -12 to 0), "
    "`sample_rate` (44100, 48000), `bit_depth` (16, 24, `f32`), `format` (mp3, ogg, opus, flac, wav). The plan that "
    "comes out says of each under `resolved` what it became."
)


class MusicSubmission(_Submission):
    """Make music from words."""

    narrative: str = Field(description="What to make.", examples=["a chill lo-fi beat, 90 bpm, piano"])
    duration: Seconds | None = Field(None, description="Seconds of music; 30 unless given.")
    model: str = Field("muscgen", description="`jen1` composes, `muscgen` renders and mixes too, `track` is all of it.")
    options: dict[str, Any] = Field({}, description=_OPTIONS, examples=[{"bpm": 90, "key": "D minor", "seed": 7}])


class TaskSubmission(_Submission):
    """Run a single task of any kind that some worker serves."""

    kind: str = Field(description="Names the handler.", examples=["test.echo"])
    input: dict[str, Any] = Field({}, description="The handler's input.")


class Resources(_Strict):
    """What a worker must have."""

    cpu: float = Field(0, ge=0, allow_inf_nan=False, description="Cores.")
    memory_bytes: int = Field(0, ge=0, lt=2**63, description="Main memory.")
    gpus: int = Field(0, ge=0, lt=2**31, description="Whole GPUs.")
    gpu_memory_bytes: int = Field(0, ge=0, lt=2**63, description="Memory per GPU.")


class PlannedTask(_Strict):
    """A step of a plan."""

    name: str = Field(description="Unique within the plan.", examples=["mix"])
    kind: str = Field(description="Names the handler.", examples=["test.echo"])
    input: dict[str, Any] = Field(
        {}, description="The handler's input; `${<task>.result.<path>}` is filled in when that task has succeeded."
    )
    needs: list[str] = Field([], description="Tasks that must succeed first.")
    resources: Resources | None = None
    worker_labels: dict[str, str] = Field({}, description="Labels that the worker must carry.")


class PlanSubmission(_Submission):
    """Run a graph of tasks."""

    tasks: list[PlannedTask] = Field(description="1 to 200 of them.")


def _kind_of_submission(body: Any) -> str:
    if not isinstance(body, dict):
        return "music"
    return "plan" if "tasks" in body else "task" if "kind" in body else "music"


AnySubmission = MusicSubmission | TaskSubmission | PlanSubmission
Submission = Annotated[
    Annotated[MusicSubmission, Tag("music")]
    | Annotated[TaskSubmission, Tag("task")]
    | Annotated[PlanSubmission, Tag("plan")],
    Discriminator(_kind_of_submission),
]
SUBMISSION: TypeAdapter[AnySubmission] = TypeAdapter(Submission)


class Replay(_Strict):
    """Run dead letters again."""

    job_ids: list[str] = Field(description="1 to 200 of them.")
    input: dict[str, Any] | None = Field(None, description="A new input for the failed task; only with a single job.")


class Discard(_Strict):
    """Take jobs off the list of dead letters."""

    job_ids: list[str] = Field(description="1 to 200 of them.")


REPLAY: TypeAdapter[Replay] = TypeAdapter(Replay)
DISCARD: TypeAdapter[Discard] = TypeAdapter(Discard)


class _Query(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=False, validate_by_alias=True
    )


class DeadQuery(_Query):
    """Which dead letters to list."""

    reason: Literal["FAILED", "TIMEOUT", "POISON"] | None = Field(None, description="Only those that died of this.")
    page_size: int = Field(50, ge=1, le=200, description="Dead letters on a page.")
    page_token: str = Field("", description="`nextPageToken` of the page before.")


class JobsFilter(_Query):
    """Which jobs to watch."""

    state: list[Annotated[str, Field(examples=["RUNNING"])]] = Field([], description="In one of these states.")
    label: list[str] = Field([], description="Carrying each of these labels, written `key:value`.")
    created_after: AwareDatetime | None = Field(None, description="Created at this time (RFC 3339) or later.")
    created_before: AwareDatetime | None = Field(None, description="Created before this time (RFC 3339).")

    def filter(self) -> orchestrator_pb2.JobFilter:
        wanted = orchestrator_pb2.JobFilter(
            states=[_state(word) for word in self.state], labels=dict(_label(text) for text in self.label)
        )
        for target, moment in (("created_after", self.created_after), ("created_before", self.created_before)):
            if moment is not None:
                getattr(wanted, target).FromDatetime(_storable(moment, target))
        return wanted


class JobsQuery(JobsFilter):
    """Which jobs to list."""

    page_size: int = Field(50, ge=1, le=200, description="Jobs on a page.")
    page_token: str = Field("", description="`nextPageToken` of the page before.")


async def wanted(request: Request) -> job_pb2.JobSpec:
    body = await json_body(request)
    # A plan of ten minutes takes some tenths of a second, which on the event loop would be everybody's.
    return spec(parse(body)) if len(body) < LARGE_BODY else await asyncio.to_thread(lambda: spec(parse(body)))


async def json_body(request: Request) -> bytes:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send JSON, with Content-Type: application/json.")
    return await request.body()


def parse(body: bytes) -> AnySubmission:
    # The first part of a place names the branch of the union, which no caller wrote.
    return validated(SUBMISSION, body, skip=1)


def validated(shape: TypeAdapter[T], body: bytes, *, skip: int = 0) -> T:
    """A JSON body as its shape says; `skip` parts of the places that are wrong are not the caller's."""
    try:
        return shape.validate_python(orjson.loads(body))
    except orjson.JSONDecodeError as error:
        raise errors.InvalidInput(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.",
            reason="MALFORMED_JSON",
            details={"line": str(error.lineno), "column": str(error.colno)},
        ) from error
    except ValidationError as error:
        raise _refusal(error, skip) from error


def spec(submission: AnySubmission) -> job_pb2.JobSpec:
    result = job_pb2.JobSpec(labels=submission.labels)
    match submission:
        case MusicSubmission():
            _fill_music(result.music, submission)
        case TaskSubmission():
            result.task.kind = submission.kind
            structs.fill(result.task.input, submission.input, field="input")
        case PlanSubmission():
            _fill_plan(result.plan, submission.tasks)
    if submission.priority is not None:
        result.priority = _PRIORITIES[submission.priority]
    if submission.retry is not None:
        _fill_retry(result.retry, submission.retry)
    if submission.timeout_seconds is not None:
        _set_seconds(result.attempt_timeout, submission.timeout_seconds)
    if submission.job_timeout_seconds is not None:
        _set_seconds(result.job_timeout, submission.job_timeout_seconds)
    if submission.cache is not None:
        result.cache = _CACHE_POLICIES[submission.cache]
    return result


def _fill_music(music: job_pb2.MusicRequest, submission: MusicSubmission) -> None:
    music.narrative, music.model = submission.narrative, submission.model
    if submission.duration is not None:
        _set_seconds(music.duration, submission.duration)
    if submission.options:
        structs.fill(music.options, submission.options, field="options")


def _fill_plan(plan: job_pb2.Plan, tasks: Sequence[PlannedTask]) -> None:
    plan.SetInParent()  # one without tasks is refused as what it is
    for place, task in enumerate(tasks):
        planned = plan.tasks.add(name=task.name, kind=task.kind, needs=task.needs, worker_labels=task.worker_labels)
        structs.fill(planned.input, task.input, field=f"tasks[{place}].input")
        if task.resources is not None:
            planned.resources.MergeFrom(task_pb2.Resources(**task.resources.model_dump()))


def _fill_retry(policy: task_pb2.RetryPolicy, retry: Retry) -> None:
    policy.max_attempts = retry.max_attempts or 0
    if retry.initial_backoff_seconds is not None:
        _set_seconds(policy.initial_backoff, retry.initial_backoff_seconds)
    if retry.max_backoff_seconds is not None:
        _set_seconds(policy.max_backoff, retry.max_backoff_seconds)


def _set_seconds(duration: Any, seconds: float) -> None:
    # By whole nanoseconds: the library's own way goes through timedelta, which ends at microseconds.
    duration.seconds, duration.nanos = divmod(round(seconds * 1e9), 1_000_000_000)


def _refusal(error: ValidationError, skip: int) -> errors.InvalidInput:
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    found = [(_path(each["loc"][skip:]), each) for each in problems[:10]]
    text = "; ".join(complaint(field, each) for field, each in found)
    return errors.InvalidInput(text[:1000], field=found[0][0][:200])


def _path(parts: Iterable[int | str]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")


def _state(word: str) -> job_pb2.JobState.ValueType:
    try:
        return _STATES[word.upper()]
    except KeyError as error:
        known = ", ".join(_STATES)
        raise errors.InvalidInput(f"{word[:40]!r} is not a state; known are {known}.", field="state") from error


def _label(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not colon:
        raise errors.InvalidInput(f"{text[:80]!r} is not a label; write key:value.", field="label")
    return key, value


def _storable(moment: datetime, field: str) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise errors.InvalidInput(f"{moment} cannot be written in UTC.", field=to_camel(field)) from error

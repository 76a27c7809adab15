"""Jobs and events as REST shows them."""

import orjson
import pytest

from services.gateway import events, jobs, schemas
from tutti.v1 import artifact_pb2, job_pb2, task_pb2

ARTIFACT = artifact_pb2.Artifact(
    name="mix.wav", type="audio/wav", size=2**40, sha256="ab", key="j/t/1/mix.wav", url="https://x/y", task="render"
)
FAILURE = task_pb2.Failure(reason="TIMEOUT", message="took too long", retryable=True)


def full_job() -> job_pb2.Job:
    job = job_pb2.Job(
        job_id="j",
        owner="o",
        request_id="r",
        state=job_pb2.JOB_STATE_RUNNING,
        tasks=[
            job_pb2.Task(name="plan", kind="jen1", state=task_pb2.TASK_STATE_SUCCEEDED, attempt=1),
            job_pb2.Task(name="render", kind="muscgen", state=task_pb2.TASK_STATE_RUNNING, attempt=2, needs=["plan"]),
            job_pb2.Task(name="mix", kind="mix", state=task_pb2.TASK_STATE_WAITING),
        ],
        artifacts=[ARTIFACT],
        failure=FAILURE,
        revision=12,
        last_event_id="1-2",
        checkpoints=[task_pb2.Checkpoint(artifacts=[ARTIFACT])],
    )
    job.spec.music.narrative, job.spec.music.model = "calm", "muscgen"
    job.spec.music.duration.FromMilliseconds(2500)
    job.spec.music.options["bpm"] = 90
    job.spec.retry.max_attempts = 2
    job.create_time.FromJsonString("2026-01-02T03:04:05.678999999Z")
    render = job.tasks[1]
    render.progress.fraction, render.progress.message = 0.5, "rendering drums"
    render.result["path"] = "x"
    render.failure.CopyFrom(FAILURE)
    render.checkpoint.note["section"] = 3
    render.first_attempt = 2
    render.past_attempts.add(attempt=1, worker_id="w1", failure=FAILURE).end_time.FromJsonString("2026-01-02T03:04:06Z")
    job.spec.job_timeout.FromMilliseconds(1500)
    job.spec.cache = job_pb2.CACHE_POLICY_OFF
    return job


@pytest.mark.parametrize("job", [job_pb2.Job(state=job_pb2.JOB_STATE_QUEUED), full_job()], ids=["empty", "full"])
def test_a_job_looks_as_documented(job: job_pb2.Job) -> None:
    schemas.Job.model_validate(orjson.loads(orjson.dumps(jobs.job_view(job))))


def test_a_job_is_shown_in_plain_words() -> None:
    view = jobs.job_view(full_job())
    assert view["status"] == "RUNNING"
    assert (view["model"], view["narrative"], view["duration"]) == ("muscgen", "calm", 2.5)
    assert orjson.dumps(view["options"]) == b'{"bpm":90}'
    assert view["createTime"] == "2026-01-02T03:04:05.678Z"
    assert view["startTime"] is None
    assert [task["status"] for task in view["tasks"]] == ["SUCCEEDED", "RUNNING", "WAITING"]
    assert view["tasks"][1]["checkpoint"]["note"] == {"section": 3}
    assert view["tasks"][1]["pastAttempts"] == [
        {
            "attempt": 1,
            "workerId": "w1",
            "startTime": None,
            "endTime": "2026-01-02T03:04:06.000Z",
            "failure": view["failure"],
        }
    ]
    assert view["jobTimeoutSeconds"] == 1.5
    assert view["cache"] == "off"
    assert view["artifacts"][0]["size"] == 2**40
    assert "key" not in view["artifacts"][0]
    assert view["failure"] == {"reason": "TIMEOUT", "message": "took too long", "retryable": True}


def test_a_job_of_a_plan_shows_what_was_asked_for() -> None:
    job = job_pb2.Job(state=job_pb2.JOB_STATE_QUEUED)
    task = job.spec.plan.tasks.add(name="b", kind="test.echo", needs=["a"], worker_labels={"zone": "c"})
    task.input["x"] = 1
    task.resources.gpus = 2
    job.spec.plan.tasks.add(name="a", kind="test.echo")

    view = orjson.loads(orjson.dumps(jobs.job_view(job)))

    schemas.Job.model_validate(view)
    assert [(each["name"], each["needs"], each["input"]) for each in view["plan"]] == [
        ("b", ["a"], {"x": 1}),
        ("a", [], {}),
    ]
    assert view["plan"][0]["resources"]["gpus"] == 2
    assert "kind" not in view


def test_progress_counts_each_task_and_says_what_runs() -> None:
    assert jobs.job_view(full_job())["progress"] == {"fraction": 0.5, "message": "rendering drums"}


def test_a_state_of_a_newer_contract_is_shown_as_unknown() -> None:
    job = job_pb2.Job.FromString(job_pb2.Job(job_id="j").SerializeToString() + b"\x20\x63")
    assert job.state == 0x63
    assert jobs.job_view(job)["status"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("event", "type"),
    [
        (job_pb2.Event(job_moved=job_pb2.Event.JobMoved(state=job_pb2.JOB_STATE_FAILED, failure=FAILURE)), "status"),
        (job_pb2.Event(task_moved=job_pb2.Event.TaskMoved(state=task_pb2.TASK_STATE_LEASED, worker_id="w")), "task"),
        (job_pb2.Event(progress=task_pb2.Progress(fraction=0.5, message="half")), "progress"),
        (job_pb2.Event(log=task_pb2.LogLine(level="INFO", message="line\nfeed \u2028")), "log"),
        (job_pb2.Event(checkpoint=task_pb2.Checkpoint(artifacts=[ARTIFACT])), "checkpoint"),
        (job_pb2.Event(artifact=ARTIFACT), "artifact"),
    ],
)
def test_an_event_is_one_frame_that_looks_as_documented(event: job_pb2.Event, type: str) -> None:
    event.event_id, event.sequence, event.task, event.attempt = "17-3", 3, "render", 2
    text = events.event_frame(event).decode()
    assert text.endswith("\n\n")
    lines = text[:-2].split("\n")
    assert lines[:2] == ["id: 17-3", f"event: {type}"]
    assert len(lines) == 3
    data = orjson.loads(lines[2].removeprefix("data: "))
    shown = schemas.Event.model_validate(data)
    assert (shown.event_id, shown.sequence, shown.task, shown.attempt, shown.type) == ("17-3", 3, "render", 2, type)


def test_every_kind_of_event_has_a_type() -> None:
    assert set(events.TYPES) == {field.name for field in job_pb2.Event.DESCRIPTOR.oneofs_by_name["what"].fields}

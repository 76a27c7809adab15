"""A job's events as browsers get them: the JSON of each, and its frame on a stream of server-sent events.

    id: 1730000000000-3
    event: progress
    data: {"eventId":"1730000000000-3","type":"progress","sequence":7,"jobId":"…","time":"…","task":"…","attempt":1,
           "fraction":0.4,"message":"rendering drums"}

The types are `status` (the job moved), `task` (a task moved), `progress`, `log`, `checkpoint` and `artifact`.
"""

import orjson

from services.gateway.jobs import (
    Json,
    artifact_view,
    checkpoint_view,
    failure_view,
    job_status,
    progress_view,
    rfc3339,
    task_status,
)
from services.gateway.structs import plain
from tutti.v1 import job_pb2

TYPES = {
    "job_moved": "status",
    "task_moved": "task",
    "progress": "progress",
    "log": "log",
    "checkpoint": "checkpoint",
    "artifact": "artifact",
}


def event_view(event: job_pb2.Event) -> Json:
    what = event.WhichOneof("what") or ""
    return {
        "eventId": event.event_id,
        "type": TYPES.get(what, "unknown"),
        "sequence": event.sequence,
        "jobId": event.job_id,
        "time": rfc3339(event.time),
        "task": event.task,
        "attempt": event.attempt,
        **_what_view(event, what),
    }


def frame(name: str, data: Json, *, id: str = "") -> bytes:
    """One event of a stream. Without an id, the reader's cursor stays where it is."""
    # JSON holds no line feed outside its strings and none unescaped in them, so one data line is always enough.
    head = f"id: {id}\nevent: {name}\ndata: " if id else f"event: {name}\ndata: "
    return head.encode() + orjson.dumps(data) + b"\n\n"


def event_frame(event: job_pb2.Event) -> bytes:
    view = event_view(event)
    return frame(view["type"], view, id=view["eventId"])


def _what_view(event: job_pb2.Event, what: str) -> Json:
    match what:
        case "progress":
            return progress_view(event.progress)
        case "task_moved":
            moved = event.task_moved
            return {
                "status": task_status(moved.state),
                "workerId": moved.worker_id,
                "result": plain(moved.result) if moved.HasField("result") else None,
                "failure": failure_view(moved),
                **({"cached": True} if moved.cached else {}),
            }
        case "log":
            return {"level": event.log.level, "message": event.log.message}
        case "artifact":
            return {"artifact": artifact_view(event.artifact)}
        case "job_moved":
            return {"status": job_status(event.job_moved.state), "failure": failure_view(event.job_moved)}
        case "checkpoint":
            return checkpoint_view(event.checkpoint)
        case _:
            return {}

"""`track.finalize`: everything that belongs to a track besides its sound, and a manifest of how it was made."""

import json
import platform
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

from music import ENGINE
from music.plan import Plan
from services.worker.handlers import stored
from services.worker.handlers.failures import as_task_failures
from services.worker.handlers.plans import read_plan
from services.worker.handlers.threads import Progress, work
from tutti.artifacts import Artifact
from tutti.handlers import Context, Handler, JsonObject

KIND = "track.finalize"
MANIFEST = "manifest.json"
MANIFEST_VERSION = 1
FORMATS = ("mp3", "ogg", "opus", "flac", "wav")
#: What the sound depends on, apart from our own code.
PACKAGES = ("tutti-mesh", "numpy", "scipy", "soundfile", "soxr")
INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "request": stored.SCHEMA,
        "composed": {
            "type": "object",
            "properties": {"plan": stored.SCHEMA, "midi": stored.SCHEMA, "lyrics": stored.SCHEMA},
            "required": ["plan", "seed"],
        },
        "mixed": {
            "type": "object",
            "properties": {
                "master": stored.SCHEMA,
                "stems": {"type": "object", "additionalProperties": stored.SCHEMA},
            },
            "required": ["master", "stems", "loudness"],
        },
        # The recordings that were followed and gone on from: their addresses and digests.
        "reference": {"type": "object"},
        "continued": {"type": "object"},
        "timings": {"type": "object"},
        "format": {"enum": list(FORMATS)},
    },
    "required": ["request", "composed", "mixed", "format"],
    "additionalProperties": False,
}


def handler() -> Handler:
    async def run(context: Context, input: JsonObject) -> JsonObject:
        began = time.monotonic()
        with as_task_failures():
            request = await stored.read_json(context, input["request"], field="request")
            source, plan = await read_plan(context, input["composed"]["plan"], field="composed.plan")
            master = context.workdir / "master.wav"
            await context.read(stored.artifact_of(input["mixed"]["master"]), master)
        made = await work(context, lambda progress: _finished(master, input["format"], plan, progress))
        with as_task_failures():
            kept = [await context.artifact(path.name, path, type=type) for path, type in made]
            seconds = round(time.monotonic() - began, 3)
            manifest = {
                "version": MANIFEST_VERSION,
                "job_id": context.job_id,
                **_origin(input, request, source),
                "outputs": [_digest(each) for each in (*_earlier(input["composed"], input["mixed"]), *kept)],
                "loudness": input["mixed"]["loudness"],
                "timings": {**input.get("timings", {}), "finalize": seconds},
            }
            content = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
            described = stored.described(await context.artifact(MANIFEST, content, type="application/json"))
        return {"manifest": described, "seconds": seconds}

    return Handler(kind=KIND, run=run, input_schema=INPUT_SCHEMA, timeout=timedelta(minutes=15))


def _finished(master: Path, name: str, plan: Plan, progress: Progress) -> list[tuple[Path, str]]:
    # Imported on the thread, with the first track: see the package.
    from services.worker.handlers.sound import finishing

    return finishing.finished(master, name, plan, progress)


def _origin(input: JsonObject, request: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the track was made of and by."""
    composed = input["composed"]
    given = [_digest(stored.artifact_of(each)) for each in (input["request"], composed["plan"])]
    return {
        "request": _repeatable(request, composed["seed"]),
        "resolved": plan.get("resolved", {}),
        "seed": composed["seed"],
        "engine": plan.get("engine", ""),
        "renderer": input["mixed"].get("renderer", ENGINE),
        "versions": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "inputs": [*given, *(input[name] for name in ("reference", "continued") if name in input)],
    }


def _repeatable(request: Mapping[str, Any], seed: str) -> dict[str, Any]:
    """What makes the same bytes again, as it would be submitted: the request as it came, with what was read from its
    words and the seed that was drawn for it."""
    options = {**request.get("parsed", {}), **request.get("options", {}), "seed": seed}
    repeated = {"model": "track", "narrative": request["narrative"], "options": options}
    return repeated | ({"duration": request["duration"]} if "duration" in request else {})


def _earlier(composed: JsonObject, mixed: JsonObject) -> Iterator[Artifact]:
    for name in ("midi", "lyrics"):
        if name in composed:
            yield stored.artifact_of(composed[name])
    yield stored.artifact_of(mixed["master"])
    # In an order of our own: what came through a Struct has none.
    for stem in sorted(mixed["stems"]):
        yield stored.artifact_of(mixed["stems"][stem])


def _digest(artifact: Artifact) -> dict[str, Any]:
    return {"name": artifact.name, "type": artifact.type, "size": artifact.size, "sha256": artifact.sha256}

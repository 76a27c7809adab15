"""`muscgen.render`: a plan becomes audio, written piece by piece as it arrives and kept as mix.wav."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

from music import ENGINE
from services.worker.handlers.failures import as_task_failures
from services.worker.handlers.recording import Recording
from services.worker.triton import ModelResponse, Triton
from tutti.artifacts import Artifact
from tutti.errors import Internal, InvalidInput
from tutti.handlers import Context, Handler, JsonObject

KIND = "muscgen.render"
MODEL = "muscgen"
TIMEOUT = timedelta(minutes=30)
#: muscgen checks its options itself; a plan is given as the artifact that an earlier task stored.
INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "plan": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "type": {"type": "string"},
                "size": {"type": "integer", "minimum": 0},
                "sha256": {"type": "string"},
                "key": {"type": "string"},
            },
            "required": ["name", "type", "size", "sha256", "key"],
            "additionalProperties": False,
        },
        "options": {"type": "object"},
    },
    "required": ["plan"],
    "additionalProperties": False,
}


def handler(triton: Triton) -> Handler:
    async def run(context: Context, input: JsonObject) -> JsonObject:
        target = context.workdir / "mix.wav"
        with as_task_failures():
            request = {**input.get("options", {}), "plan": await _plan(context, input["plan"])}
            recording = await _record(triton, context, request, target)
        artifact = await context.artifact("mix.wav", target, type="audio/wav")
        return {
            "audio": asdict(artifact),
            "duration": recording.seconds,
            "peak_dbfs": recording.peak_dbfs,
        }

    return Handler(
        kind=KIND,
        run=run,
        input_schema=INPUT_SCHEMA,
        models=(MODEL,),
        ready=triton.ready,
        close=triton.close,
        # The plan holds the seed.
        cache_version=ENGINE,
        timeout=TIMEOUT,
    )


async def _plan(context: Context, described: Mapping[str, Any]) -> Mapping[str, Any]:
    # Numbers in a Struct are doubles: the size of an artifact comes back as one.
    artifact = Artifact(**{**described, "size": int(described["size"])})
    local = context.workdir / "plan.json"
    await context.read(artifact, local)
    try:
        plan = json.loads(await asyncio.to_thread(local.read_bytes))
    except ValueError as error:
        raise InvalidInput(f"{artifact.name} is not JSON: {error}.", field="plan") from error
    if not isinstance(plan, dict):
        raise InvalidInput(f"{artifact.name} must hold one JSON object.", field="plan")
    return plan


async def _record(triton: Triton, context: Context, request: Mapping[str, Any], target: Path) -> Recording:
    responses = triton.stream(
        MODEL,
        request,
        request_id=context.request_id,
        traceparent=context.traceparent,
        timeout=TIMEOUT.total_seconds(),
    )
    async with aclosing(responses):
        first = await anext(responses, None)
        if first is None:
            raise Internal(f"{MODEL} ended its stream without audio.")
        with Recording(target, rate=int(first.header["sample_rate"])) as recording:
            fraction = await _keep(first, context, recording)
            async for response in responses:
                fraction = await _keep(response, context, recording)
    if fraction < 1.0:
        raise Internal(f"{MODEL} ended its stream at {fraction:.0%} of the track.")
    return recording


async def _keep(response: ModelResponse, context: Context, recording: Recording) -> float:
    if response.audio is None:
        raise Internal(f"{MODEL} sent a response without audio.")
    recording.append(response.audio)
    fraction = float(response.header["fraction"])
    await context.progress(fraction, str(response.header["section"]))
    return fraction

"""`jen1.compose`: a request in words becomes a plan, kept as plan.json."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from music import ENGINE
from services.worker.handlers.failures import as_task_failures
from services.worker.triton import Triton
from tutti.errors import Internal
from tutti.handlers import Context, Handler, JsonObject

KIND = "jen1.compose"
MODEL = "jen1"
TIMEOUT = timedelta(minutes=5)
#: jen1 checks the options themselves; here is only what can be said without knowing the model.
INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "narrative": {"type": "string", "maxLength": 2000},
        "duration": {"type": "number", "minimum": 1, "maximum": 600},
        "options": {"type": "object"},
    },
    "additionalProperties": False,
}


def handler(triton: Triton) -> Handler:
    async def run(context: Context, input: JsonObject) -> JsonObject:
        with as_task_failures():
            plan = await _plan(triton, context, _request(input))
        artifact = await context.artifact("plan.json", json.dumps(plan).encode(), type="application/json")
        return {
            "plan": asdict(artifact),
            "bpm": plan["bpm"],
            "key": plan["key"],
            # As text: a seed may have 64 bits, and a JSON number keeps only 53 of them.
            "seed": str(plan["seed"]),
            "duration": plan["duration_seconds"],
        }

    return Handler(
        kind=KIND,
        run=run,
        input_schema=INPUT_SCHEMA,
        models=(MODEL,),
        ready=triton.ready,
        close=triton.close,
        # Without a seed of the caller's own each plan is another.
        cache_version=ENGINE,
        cache_needs=("options.seed",),
        timeout=TIMEOUT,
    )


def _request(input: JsonObject) -> Mapping[str, Any]:
    named = {"prompt": input.get("narrative"), "duration": input.get("duration")}
    return {**input.get("options", {}), **{name: value for name, value in named.items() if value is not None}}


async def _plan(triton: Triton, context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    responses = triton.stream(
        MODEL,
        request,
        request_id=context.request_id,
        traceparent=context.traceparent,
        timeout=TIMEOUT.total_seconds(),
    )
    async with aclosing(responses):
        async for response in responses:
            await context.progress(response.header["fraction"], response.header["stage"])
            if response.plan is not None:
                return response.plan
    raise Internal(f"{MODEL} ended its stream without a plan.")

"""`jen1.compose`: a request in words becomes a plan, kept as plan.json and as MIDI, with the words of what is sung."""

import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from music import ENGINE
from music.parts import part
from music.plan import STEMS
from services.worker.handlers import stored
from services.worker.handlers.failures import as_task_failures
from services.worker.handlers.plans import plays_parts, with_plan
from services.worker.triton import ModelResponse, Triton
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
        # What `prompt.parse` stored, instead of the three; options beside it outrank those in it.
        "request": stored.SCHEMA,
        # What `style.analyze` found.
        "reference": {"type": "object"},
        # The stems that are to be rendered, each from a part of its own.
        "parts": {"type": "array", "items": {"enum": list(STEMS)}, "uniqueItems": True},
    },
    "additionalProperties": False,
}
#: Of the options, what later tasks act upon and the composer need not know.
_NOT_FOR_JEN1 = ("reference_url",)


def handler(triton: Triton) -> Handler:
    async def run(context: Context, input: JsonObject) -> JsonObject:
        began = time.monotonic()
        with as_task_failures():
            words = await stored.read_json(context, input["request"], field="request") if "request" in input else input
            options = await with_plan(context, {**words.get("options", {}), **input.get("options", {})})
            composed = await _composed(triton, context, _request(words, options, input.get("reference")))
        plan = composed.plan
        if plan is None:
            raise Internal(f"{MODEL} ended its stream without a plan.")
        if _is_drawn(words):
            # jen1 was asked for it, but nobody else was.
            plan["resolved"]["seed"]["honoured"] = "default"
        result = {
            "plan": await stored.store_json(context, "plan.json", plan),
            "bpm": plan["bpm"],
            "key": plan["key"],
            "genre": plan["genre"],
            # As text: a seed may have 64 bits, and a JSON number keeps only 53 of them.
            "seed": str(plan["seed"]),
            "duration": plan["duration_seconds"],
        }
        if composed.midi is not None:
            midi = await context.artifact("composition.mid", composed.midi, type="audio/midi")
            result["midi"] = stored.described(midi)
        if composed.lrc:
            lrc = await context.artifact("lyrics.lrc", composed.lrc, type="application/x-lrc")
            result["lyrics"] = stored.described(lrc)
        if "parts" in input:
            result["parts"] = await _parts(context, input["parts"], plan, result["plan"])
            # For the preview, which a part knows nothing of.
            result["faders"] = {stem: _fader(plan, stem) for stem in input["parts"]}
        return {**result, "seconds": round(time.monotonic() - began, 3)}

    return Handler(
        kind=KIND,
        run=run,
        input_schema=INPUT_SCHEMA,
        models=(MODEL,),
        ready=triton.ready,
        close=triton.close,
        # Which parts there are hangs on what renders them.
        cache_version=ENGINE if plays_parts() else f"{ENGINE}, whole",
        # Without a seed each plan is another.
        cache_needs=("options.seed",),
        timeout=TIMEOUT,
    )


def _is_drawn(words: Mapping[str, Any]) -> bool:
    """Whether the seed is one that `prompt.parse` has drawn."""
    return "seed" in words and not words.get("options", {}).keys() & {"seed", "plan"}


def _request(
    words: Mapping[str, Any], options: Mapping[str, Any], reference: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What the caller gave wins; what was read from the words comes next, and then what a reference sounds like."""
    given = {name: value for name, value in options.items() if name not in _NOT_FOR_JEN1}
    named = {"prompt": words.get("narrative"), "duration": words.get("duration"), "reference": reference}
    return {
        **words.get("parsed", {}),
        **given,
        **{name: value for name, value in named.items() if value is not None},
    }


async def _parts(
    context: Context, stems: Sequence[str], plan: Mapping[str, Any], whole: Mapping[str, Any]
) -> dict[str, Any]:
    """By stem, what its render is given. An engine that plays everything at once is given everything."""
    if not plays_parts():
        return dict.fromkeys(stems, whole)
    return {stem: await stored.store_json(context, f"plan.{stem}.json", part(plan, stem)) for stem in stems}


def _fader(plan: Mapping[str, Any], stem: str) -> float:
    """What the mix multiplies a stem by, besides bringing it to its usual level."""
    return float(10 ** (plan["mix"]["strips"].get(stem, {}).get("gain_db", 0.0) / 20))


async def _composed(triton: Triton, context: Context, request: Mapping[str, Any]) -> ModelResponse:
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
                return response
    raise Internal(f"{MODEL} ended its stream without a plan.")

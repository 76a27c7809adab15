"""`prompt.parse`: what a request's words say, as options for the composer.

A language model reads them where one is configured. Without one, or when it does not answer, the composer's own lexicon
has to do, which reads the words anyway: then nothing is added here. Besides, a request that asks for no seed gets one
here: every time another, and the same for whatever is made of the request from here on.
"""

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from music import seeds
from music.errors import RequestError
from music.request import resolve
from services.worker.handlers import stored
from services.worker.handlers.failures import as_task_failures
from services.worker.handlers.ollama import Ollama
from services.worker.handlers.plans import with_plan
from tutti.errors import TuttiError
from tutti.handlers import Context, Handler, JsonObject

KIND = "prompt.parse"
INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "narrative": {"type": "string", "maxLength": 2000},
        "duration": {"type": "number", "minimum": 1, "maximum": 600},
        "options": {"type": "object"},
    },
    "required": ["narrative"],
    "additionalProperties": False,
}
RULES = "rules"


def handler(ollama: Ollama | None) -> Handler:
    async def run(context: Context, input: JsonObject) -> JsonObject:
        began = time.monotonic()
        parsed, by = await _parsed(ollama, context, input["narrative"])
        with as_task_failures():
            options = await with_plan(context, input.get("options", {}))
            seed = _seed(options)
            request = {**input, "options": options, "parsed": parsed, "seed": seed}
            kept = await stored.store_json(context, "request.json", request)
        seconds = round(time.monotonic() - began, 3)
        return {"request": kept, "parsed": parsed, "seed": seed, "by": by, "seconds": seconds}

    return Handler(
        kind=KIND,
        run=run,
        input_schema=INPUT_SCHEMA,
        close=None if ollama is None else ollama.close,
        timeout=timedelta(minutes=2),
    )


def _seed(options: Mapping[str, Any]) -> str:
    """As text: a seed may have 64 bits, and a JSON number keeps only 53 of them. A given plan brings its own."""
    plan = options.get("plan")
    asked = options.get("seed", plan.get("seed") if isinstance(plan, Mapping) else None)
    return str(seeds.fresh() if asked is None else asked)


async def _parsed(ollama: Ollama | None, context: Context, narrative: str) -> tuple[dict[str, Any], str]:
    if ollama is None:
        return {}, RULES
    try:
        found = await ollama.read(narrative)
    except TuttiError as error:
        # Music is made without a language model too, so its absence fails nobody's job.
        await context.log(f"the language model did not help: {error.message}; going on with rules", level="WARNING")
        return {}, RULES
    understood, left_out = await asyncio.to_thread(_understood, narrative, found)
    if left_out:
        await context.log(f"left out of what the language model said: {', '.join(left_out)}", level="WARNING")
    return understood, f"ollama:{ollama.model}"


def _understood(narrative: str, found: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What the composer would take, and the names of what it would refuse: such as an instrument that it has not got,
    which nobody asked for in so many words."""
    kept, left_out = dict(found), list[str]()
    while True:
        try:
            resolve({**kept, "prompt": narrative})
        except RequestError as error:
            name = error.field.partition("[")[0].partition(".")[0]
            if name not in kept:
                return kept, left_out  # it is the words themselves that are refused; the composer says so
            del kept[name]
            left_out.append(name)
        else:
            return kept, left_out

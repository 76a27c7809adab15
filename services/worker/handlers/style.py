"""`style.analyze`: what a recording that a request names sounds like, for the composer and the master to follow.

An engine that listens is given an excerpt of it besides, which is kept for the renders."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.worker.handlers import stored
from services.worker.handlers.failures import as_task_failures
from services.worker.handlers.plans import plays_parts
from services.worker.handlers.threads import Progress, work
from tutti.fetching import Limits, allowed_networks, fetch
from tutti.handlers import Context, Handler, JsonObject

KIND = "style.analyze"
#: What is gone on from, and not only followed: of that the end is heard.
CONTINUED = "continue_from"
INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "minLength": 8, "maxLength": 2000, "pattern": "^https?://"},
        # The option that named it; without, it is one to follow.
        "option": {"enum": ["reference_url", CONTINUED]},
    },
    "required": ["url"],
    "additionalProperties": False,
}
LIMITS = Limits(most_bytes=64 * 1024 * 1024, seconds=60.0)


def handler() -> Handler:
    # Looked at once, so that a worker with a wrong setting says so when it starts.
    allowed = allowed_networks()

    async def run(context: Context, input: JsonObject) -> JsonObject:
        began = time.monotonic()
        field = input.get("option", "reference_url")
        local = context.workdir / "recording"
        excerpt = None if plays_parts() else context.workdir / f"{field.removesuffix('_url')}.wav"
        with as_task_failures():
            await context.progress(0.0, "fetch")
            fetched = await fetch(input["url"], local, field=field, limits=LIMITS, allowed=allowed)
            found, digest = await work(context, lambda progress: _described(local, field, progress, excerpt))
            heard = None
            if excerpt is not None:
                heard = stored.described(await context.artifact(excerpt.name, excerpt, type="audio/wav"))
        # Which recording it was: an address may mean another one tomorrow.
        source = {"name": input["url"], "type": fetched.type, "size": fetched.size, "sha256": digest}
        return {"style": found, "source": source, "excerpt": heard, "seconds": round(time.monotonic() - began, 3)}

    return Handler(kind=KIND, run=run, input_schema=INPUT_SCHEMA, timeout=timedelta(minutes=5))


def _described(path: Path, field: str, progress: Progress, excerpt: Path | None) -> tuple[dict[str, Any], str]:
    # Imported on the thread, with the first recording: see the package.
    from services.worker.handlers.sound import listening

    return listening.described(path, field, progress, excerpt=excerpt, end=field == CONTINUED)

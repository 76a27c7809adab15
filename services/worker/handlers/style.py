"""`style.analyze`: what a recording that a request names sounds like, for the composer and the master to follow."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.worker.handlers.failures import as_task_failures
from services.worker.handlers.threads import Progress, work
from tutti.fetching import Limits, allowed_networks, fetch
from tutti.handlers import Context, Handler, JsonObject

KIND = "style.analyze"
INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {"url": {"type": "string", "minLength": 8, "maxLength": 2000, "pattern": "^https?://"}},
    "required": ["url"],
    "additionalProperties": False,
}
LIMITS = Limits(most_bytes=64 * 1024 * 1024, seconds=60.0)
FIELD = "reference_url"


def handler() -> Handler:
    # Looked at once, so that a worker with a wrong setting says so when it starts.
    allowed = allowed_networks()

    async def run(context: Context, input: JsonObject) -> JsonObject:
        began = time.monotonic()
        local = context.workdir / "reference"
        with as_task_failures():
            await context.progress(0.0, "fetch")
            fetched = await fetch(input["url"], local, field=FIELD, limits=LIMITS, allowed=allowed)
            found, digest = await work(context, lambda progress: _described(local, progress))
        # Which recording it was: an address may mean another one tomorrow.
        source = {"name": input["url"], "type": fetched.type, "size": fetched.size, "sha256": digest}
        return {"style": found, "source": source, "seconds": round(time.monotonic() - began, 3)}

    return Handler(kind=KIND, run=run, input_schema=INPUT_SCHEMA, timeout=timedelta(minutes=5))


def _described(path: Path, progress: Progress) -> tuple[dict[str, Any], str]:
    # Imported on the thread, with the first recording: see the package.
    from services.worker.handlers.sound import listening

    return listening.described(path, FIELD, progress)

"""`mix.master`: the rendered stems of a plan become the stems as they are delivered, the mix, and its master."""

import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from music import ENGINE
from music.plan import STEMS, Plan
from services.worker.handlers import stored
from services.worker.handlers.failures import as_task_failures
from services.worker.handlers.plans import read_plan
from services.worker.handlers.threads import Progress, work
from tutti.errors import InvalidInput
from tutti.handlers import Context, Handler, JsonObject

if TYPE_CHECKING:
    from services.worker.handlers.sound.mixing import Mixed

KIND = "mix.master"
TIMEOUT = timedelta(minutes=30)
_RENDERED: JsonObject = {
    "type": "object",
    "properties": {"sections": {"type": "array", "items": stored.SCHEMA}, "mix_by": {"type": "string"}},
    "required": ["sections"],
}
INPUT_SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "plan": stored.SCHEMA,
        "stems": {
            "type": "object",
            "properties": dict.fromkeys(STEMS, _RENDERED),
            "additionalProperties": False,
            "minProperties": 1,
        },
        "options": {
            "type": "object",
            "properties": {
                "bit_depth": {"enum": [16, 24, "f32"]},
                "loudness_target": {"type": "number", "minimum": -40, "maximum": -6},
                "true_peak": {"type": "number", "minimum": -12, "maximum": 0},
                "strength": {"type": "number", "minimum": 0, "maximum": 1},
            },
            "additionalProperties": False,
        },
        # What `style.analyze` found in a recording that the master is to follow.
        "reference": {"type": "object"},
    },
    "required": ["plan", "stems"],
    "additionalProperties": False,
}


def handler() -> Handler:
    async def run(context: Context, input: JsonObject) -> JsonObject:
        began = time.monotonic()
        with as_task_failures():
            _, plan = await read_plan(context, input["plan"], field="plan")
            # What a model plays all at once has nothing to be mixed with.
            whole = {stem: each for stem, each in input["stems"].items() if "mix_by" in each}
            rendered = await _fetched(context, whole or input["stems"])
        mixed = await work(
            context, lambda progress: _mixed(plan, rendered, context.workdir, input, progress, whole=bool(whole))
        )
        with as_task_failures():
            stems = {
                stem: stored.described(await context.artifact(path.name, path, type="audio/wav"))
                for stem, path in mixed.stems.items()
            }
            master = await context.artifact(mixed.master.name, mixed.master, type="audio/wav")
        return {
            "master": stored.described(master),
            "stems": stems,
            "loudness": mixed.report.to_dict(),
            "sample_rate": mixed.sample_rate,
            "seconds": round(time.monotonic() - began, 3),
            **({"renderer": next(iter(whole.values()))["mix_by"]} if whole else {}),
        }

    return Handler(kind=KIND, run=run, input_schema=INPUT_SCHEMA, cache_version=ENGINE, timeout=TIMEOUT)


async def _fetched(context: Context, stems: JsonObject) -> dict[str, list[Path]]:
    """Local copies of what was rendered; stems that have nothing to play are left out."""
    found: dict[str, list[Path]] = {}
    # In an order of our own: what came through a Struct has none.
    for stem in (name for name in STEMS if name in stems):
        for number, description in enumerate(stems[stem]["sections"]):
            # Not under the artifact's name, which a caller's plan of tasks may have made up.
            local = context.workdir / f"{stem}.{number}.section.wav"
            await context.read(stored.artifact_of(description), local)
            found.setdefault(stem, []).append(local)
    if not found:
        raise InvalidInput("none of the stems has anything to play", field="stems")
    return found


def _mixed(
    plan: Plan, rendered: dict[str, list[Path]], directory: Path, input: JsonObject, progress: Progress, *, whole: bool
) -> "Mixed":
    # Imported on the thread, with the first mix: see the package.
    from services.worker.handlers.sound import mixing

    options, reference = input.get("options", {}), input.get("reference")
    return mixing.mixed(plan, rendered, directory, options, reference, progress, whole=whole)

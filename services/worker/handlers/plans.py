"""Plans as tasks are given them: read from the store, with errors that name the field."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from music.errors import RequestError
from music.neural.choice import PROCEDURAL
from music.plan import Plan, plan_from_dict
from services.worker.handlers import stored
from tutti.errors import InvalidInput
from tutti.handlers import Context


def plays_parts() -> bool:
    """Whether muscgen renders with our own engine, stem by stem, as far as this worker was told."""
    return (os.environ.get("MUSCGEN_ENGINE") or PROCEDURAL) == PROCEDURAL


async def with_plan(context: Context, options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Options with the plan itself, where one was given and they name the file that it is kept in."""
    plan = options.get("plan", {})
    if not stored.is_description(plan):
        return options
    return {**options, "plan": await stored.read_json(context, plan, field="options.plan")}


async def read_plan(context: Context, description: Mapping[str, Any], *, field: str) -> tuple[dict[str, Any], Plan]:
    """The plan as it was stored, and as it is understood."""
    source = await stored.read_json(context, description, field=field)
    # That of a long piece has a megabyte, and each of its notes is looked at: too much for the event loop.
    return source, await asyncio.to_thread(_understood, source)


def _understood(source: Mapping[str, Any]) -> Plan:
    try:
        return plan_from_dict(source)
    except RequestError as error:
        raise InvalidInput(error.message, field=f"plan.{error.field}") from error

"""Artifacts as they travel in inputs and results: described in JSON, fetched when they are needed."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeGuard

from tutti import structs
from tutti.artifacts import Artifact
from tutti.errors import InvalidInput
from tutti.handlers import Context, JsonObject

#: How an input describes an artifact that an earlier task stored.
SCHEMA: JsonObject = {
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
}


def described(artifact: Artifact) -> dict[str, Any]:
    return asdict(artifact)


def is_description(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and value.keys() == Artifact.__dataclass_fields__.keys()


def artifact_of(description: Mapping[str, Any]) -> Artifact:
    return Artifact(**description)


async def read_json(context: Context, description: Mapping[str, Any], *, field: str) -> dict[str, Any]:
    artifact = artifact_of(description)
    # Not under the artifact's name, which a caller's plan of tasks may have made up.
    local = context.workdir / f"{field}.json"
    await context.read(artifact, local)
    try:
        value = await asyncio.to_thread(_loaded, local)
    except ValueError as error:
        raise InvalidInput(f"{artifact.name} is not JSON: {error}.", field=field) from error
    if not isinstance(value, dict):
        raise InvalidInput(f"{artifact.name} must hold one JSON object.", field=field)
    return value


def _loaded(file: Path) -> Any:
    return json.loads(file.read_bytes())


async def store_json(context: Context, name: str, value: JsonObject) -> dict[str, Any]:
    """The same value becomes the same bytes, on whatever way it came."""
    content = await asyncio.to_thread(written, value)
    return described(await context.artifact(name, content, type="application/json"))


def written(value: JsonObject) -> bytes:
    # What came through a Struct has its keys in any order, and knows no 8.0.
    return json.dumps(_whole(value), ensure_ascii=False, sort_keys=True).encode()


def _whole(value: Any) -> Any:
    """Numbers that are whole, written as such."""
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) <= structs.LARGEST_WHOLE else value
        case dict():
            return {name: _whole(item) for name, item in value.items()}
        case list() | tuple():
            return [_whole(item) for item in value]
    return value

"""The description of the REST interface."""

import json
from pathlib import Path
from typing import Any

from services.gateway import app

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(references(value) for value in part.values()))
    if isinstance(part, list):
        return set().union(*(references(value) for value in part))
    return set()


def test_the_document_is_what_the_gateway_serves() -> None:
    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == app.description(), "run scripts/openapi.py"


def test_everything_that_is_referred_to_is_there() -> None:
    described = app.description()
    known = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert references(described) <= known


def test_no_route_promises_the_frameworks_own_errors() -> None:
    assert "HTTPValidationError" not in json.dumps(app.description())

"""Artifacts as they travel in inputs and results."""

from pathlib import Path
from typing import Any

import pytest

from services.worker.handlers import stored
from tests.fixtures.local_context import LocalContext
from tutti import structs
from tutti.errors import InvalidInput


@pytest.fixture
def context(tmp_path: Path) -> LocalContext:
    return LocalContext(tmp_path)


async def kept(context: LocalContext, content: bytes) -> dict[str, Any]:
    return stored.described(await context.artifact("plan.json", content, type="application/json"))


async def test_what_was_stored_is_read_again(context: LocalContext) -> None:
    value = {"title": "ä", "seed": str(2**64 - 1), "notes": [1, 2.5, None]}
    described = await stored.store_json(context, "plan.json", value)
    assert described["type"] == "application/json"
    assert await stored.read_json(context, described, field="plan") == value


async def test_a_description_survives_the_way_through_a_result(context: LocalContext) -> None:
    described = await kept(context, b"{}")
    travelled = structs.to_dict(structs.from_dict(described))
    assert stored.artifact_of(travelled) == stored.artifact_of(described) == context.artifacts["plan.json"]
    assert isinstance(stored.artifact_of(travelled).size, int)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b'"words"'])
async def test_what_is_no_json_object_is_refused_by_field(context: LocalContext, content: bytes) -> None:
    described = await kept(context, content)
    with pytest.raises(InvalidInput, match=r"plan\.json") as caught:
        await stored.read_json(context, described, field="composed.plan")
    assert caught.value.field == "composed.plan"


async def test_a_name_that_a_caller_made_up_leads_nowhere(context: LocalContext, tmp_path: Path) -> None:
    described = {**await kept(context, b"{}"), "name": "../../escaped.json"}
    assert await stored.read_json(context, described, field="plan") == {}
    assert not list(tmp_path.parent.glob("escaped.json"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "work-1"]

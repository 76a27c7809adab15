"""Inputs are held against their handler's schema at the worker too."""

from typing import Any

import pytest

from services.worker.handlers import builtin
from services.worker.inputs import Inputs
from tutti.errors import InvalidInput
from tutti.handlers import Context, Handler, JsonObject


async def nothing(context: Context, input: JsonObject) -> None: ...


def handler(kind: str, schema: JsonObject | None) -> dict[str, Handler]:
    return {kind: Handler(kind=kind, run=nothing, input_schema=schema)}


def test_what_fits_is_taken() -> None:
    Inputs(handler("a", {"required": ["x"]})).check("a", {"x": 1})


def test_what_does_not_fit_names_its_field() -> None:
    inputs = Inputs(handler("a", {"properties": {"x": {"properties": {"y": {"type": "integer"}}}}}))
    with pytest.raises(InvalidInput) as caught:
        inputs.check("a", {"x": {"y": "z" * 10_000}})
    assert caught.value.field == "input.x.y"
    assert len(caught.value.message) < 400


def test_kinds_without_a_schema_take_anything() -> None:
    inputs = Inputs(handler("a", None))
    inputs.check("a", {"x": 1})
    inputs.check("unknown", {"x": 1})


@pytest.mark.parametrize(
    ("kind", "input"),
    [
        ("mix.master", {"plan": {}, "stems": {"../../drums": {"sections": []}}}),
        ("mix.master", {"plan": {}, "stems": {}}),
        ("track.finalize", {"request": {}, "composed": {}, "mixed": {}, "format": "../mp3"}),
        ("prompt.parse", {}),
        ("style.analyze", {"url": "file:///etc/passwd", "option": "reference_url"}),
        ("style.analyze", {"url": "https://example.com/a.wav", "option": "narrative"}),
    ],
)
def test_a_reference_cannot_bring_what_the_door_would_refuse(
    kind: str, input: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JEN1_URL", "MUSCGEN_URL", "OLLAMA_URL"):
        monkeypatch.delenv(name, raising=False)
    inputs = Inputs({each.kind: each for each in builtin()})
    with pytest.raises(InvalidInput, match="input"):
        inputs.check(kind, input)

"""What the mesh can run, and whether an input fits."""

import json
from typing import Any

import pytest

from services.orchestrator.plan import Kinds
from services.orchestrator.plan.catalogue import Catalogue
from tutti import errors
from tutti.v1 import scheduler_pb2

SCHEMA = {
    "type": "object",
    "properties": {"steps": {"type": "array", "items": {"type": "object", "properties": {"bpm": {"type": "number"}}}}},
    "required": ["steps"],
    "additionalProperties": False,
}


def info(kind: str, schema: Any = None) -> scheduler_pb2.KindInfo:
    return scheduler_pb2.KindInfo(kind=kind, input_schema=json.dumps(schema) if schema is not None else "")


KINDS = Kinds([info("free"), info("strict", SCHEMA)])


def test_kinds_that_were_registered_are_known() -> None:
    assert "free" in KINDS
    assert "other" not in KINDS
    KINDS.require("strict")


def test_a_kind_without_a_schema_accepts_anything() -> None:
    assert KINDS.accepts_anything("free")
    assert not KINDS.accepts_anything("strict")
    KINDS.check("free", {"whatever": [1, None]})


def test_an_input_that_fits_is_accepted() -> None:
    KINDS.check("strict", {"steps": [{"bpm": 90}]})


@pytest.mark.parametrize(
    ("values", "field"),
    [({"steps": [{"bpm": 1}, {"bpm": "x"}]}, "input.steps.1.bpm"), ({"steps": 3}, "input.steps"), ({}, "input")],
    ids=str,
)
def test_what_does_not_fit_names_where(values: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        KINDS.check("strict", values)

    assert caught.value.field == field


def test_an_unknown_kind_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(errors.InvalidInput, match="free, strict") as caught:
        KINDS.require("other")
    assert caught.value.reason == "UNKNOWN_KIND"

    with pytest.raises(errors.InvalidInput, match="no worker has registered"):
        Kinds().require("other")


class Store:
    def __init__(self) -> None:
        self.known: list[scheduler_pb2.KindInfo] = []
        self.reads = 0

    async def read(self) -> list[scheduler_pb2.KindInfo]:
        self.reads += 1
        return self.known


async def test_a_catalogue_learns_of_a_kind_when_it_is_asked_for() -> None:
    store = Store()
    catalogue = Catalogue(store.read)
    store.known = [info("new")]

    await catalogue.learn(["new"])

    assert "new" in catalogue.kinds


async def test_nonsense_does_not_become_load_on_the_store() -> None:
    store = Store()
    catalogue = Catalogue(store.read)

    for _ in range(100):
        await catalogue.learn(["nonsense"])

    assert store.reads == 1


async def test_a_known_kind_is_not_asked_for() -> None:
    store = Store()
    store.known = [info("known")]
    catalogue = Catalogue(store.read)
    await catalogue.refresh()

    await catalogue.learn(["known", ""])

    assert store.reads == 1


async def test_a_kind_whose_schema_changed_is_checked_by_the_new_one() -> None:
    store = Store()
    catalogue = Catalogue(store.read)
    store.known = [info("kind", {"required": ["a"]})]
    await catalogue.refresh()
    store.known = [info("kind", {"required": ["b"]})]
    await catalogue.refresh()

    catalogue.kinds.check("kind", {"b": 1})


async def test_a_kind_with_a_broken_schema_does_not_take_the_others_with_it() -> None:
    store = Store()
    catalogue = Catalogue(store.read)
    store.known = [info("good"), scheduler_pb2.KindInfo(kind="bad", input_schema='{"type": "nonsense"}')]

    await catalogue.refresh()

    assert "good" in catalogue.kinds

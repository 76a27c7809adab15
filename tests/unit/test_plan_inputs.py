"""References: how earlier results become later inputs."""

from typing import Any

import pytest

from services.orchestrator.plan import resolved_input
from tutti import errors, structs

RESULTS: dict[str, dict[str, Any]] = {
    "compose": {"plan": {"bpm": 90, "sections": [{"name": "intro"}, {"name": "verse"}]}, "title": "Dawn", "none": None},
    "prompt-parser": {"genre": "lo-fi"},
}


def resolved(given: dict[str, Any], results: dict[str, Any] | None = None) -> dict[str, Any]:
    found = RESULTS if results is None else results
    return structs.to_dict(
        resolved_input(structs.from_dict(given), {name: structs.from_dict(each) for name, each in found.items()})
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("${compose.result.title}", "Dawn"),
        ("${compose.result.plan.bpm}", 90),
        ("${compose.result.plan}", RESULTS["compose"]["plan"]),
        ("${compose.result}", RESULTS["compose"]),
        ("${compose.result.plan.sections.1.name}", "verse"),
        ("${compose.result.none}", None),
        ("${prompt-parser.result.genre}", "lo-fi"),
    ],
    ids=str,
)
def test_a_reference_that_is_the_whole_of_a_string_keeps_its_type(given: str, expected: Any) -> None:
    assert resolved({"x": given}) == {"x": expected}


def test_a_reference_inside_a_longer_string_becomes_text() -> None:
    given = {"x": "${compose.result.title} at ${compose.result.plan.bpm} bpm"}

    assert resolved(given) == {"x": "Dawn at 90 bpm"}


def test_references_are_found_at_any_depth() -> None:
    given = {"a": [{"b": ["${compose.result.title}"]}], "c": {"d": "${compose.result.plan.bpm}"}}

    assert resolved(given) == {"a": [{"b": ["Dawn"]}], "c": {"d": 90}}


@pytest.mark.parametrize("plain", ["", "$", "{}", "$compose.result.title", "costs 5 $ {really}", 7, None, True, [], {}])
def test_what_is_no_reference_stays_as_it_is(plain: Any) -> None:
    assert resolved({"x": plain}) == {"x": plain}


def test_a_result_that_looks_like_a_reference_is_not_followed() -> None:
    results = {"compose": {"title": "${compose.result.secret}", "secret": "no"}}

    assert resolved({"x": "${compose.result.title}"}, results) == {"x": "${compose.result.secret}"}


@pytest.mark.parametrize(
    "reference",
    [
        "${compose.result.nothing}",
        "${compose.result.plan.sections.9}",
        "${compose.result.plan.sections.first}",
        "${compose.result.title.length}",
        "${compose.result.none.deeper}",
        "${nobody.result.x}",
        "${nobody.result}",
        "see ${compose.result.nothing} there",
    ],
)
def test_a_reference_that_leads_nowhere_is_refused_by_name(reference: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        resolved({"x": reference})

    assert (caught.value.field, caught.value.reason) == ("input", "UNRESOLVED_INPUT")
    assert reference.removeprefix("see ").removesuffix(" there") in caught.value.message


def test_a_reference_into_an_empty_result_is_refused_too() -> None:
    with pytest.raises(errors.InvalidInput):
        resolved({"x": "${compose.result.plan}"}, {"compose": {}})


def test_an_input_without_results_to_draw_on_is_handed_on_untouched() -> None:
    given = structs.from_dict({"price": "${not.a.reference}"})

    assert resolved_input(given, {}) is given


def test_a_few_words_do_not_become_more_than_can_be_handed_on() -> None:
    results = {"compose": {"text": "x" * 60_000, "title": "Dawn"}}
    many = ["${compose.result.text}"] * 139

    assert len(resolved({"x": many}, results)["x"]) == 139
    for given in ([*many, many[0]], " ".join([*many, many[0]])):
        with pytest.raises(errors.InvalidInput, match="references") as caught:
            resolved({"x": given}, results)
        assert caught.value.field == "input"
    assert len(resolved({"x": ["${compose.result.title}"] * 3_000}, results)["x"]) == 3_000

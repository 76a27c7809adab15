"""Structs to plain Python and back."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutti import structs

EXACT = 2**53
numbers = st.integers(-EXACT, EXACT) | st.floats(allow_nan=False, allow_infinity=False).filter(
    lambda number: not number.is_integer()
)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None, print_blob=True)
@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_what_goes_in_comes_out(plain: dict[str, Any]) -> None:
    back = structs.to_dict(structs.from_dict(plain))

    assert back == plain
    assert _types(back) == _types(plain)


@settings(deadline=None, print_blob=True)
@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_it_survives_the_wire(plain: dict[str, Any]) -> None:
    struct = structs.from_dict(plain)

    assert structs.to_dict(type(struct).FromString(struct.SerializeToString())) == plain


def test_whole_numbers_stay_whole() -> None:
    plain = structs.to_dict(structs.from_dict({"bpm": 90.0, "swing": 0.5}))

    assert (plain, type(plain["bpm"])) == ({"bpm": 90, "swing": 0.5}, int)


@pytest.mark.parametrize("number", [math.inf, -math.inf, 2.0**60])
def test_numbers_beyond_what_is_exact_stay_what_they_are(number: float) -> None:
    found = structs.to_dict(structs.from_dict({"n": number}))["n"]

    assert (found, type(found)) == (number, float)


def test_what_is_no_number_stays_none() -> None:
    assert math.isnan(structs.to_dict(structs.from_dict({"n": math.nan}))["n"])


def test_a_value_that_json_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match=r"[Uu]nexpected"):
        structs.from_dict({"when": object()})


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_types(item) for item in value]
    return type(value)

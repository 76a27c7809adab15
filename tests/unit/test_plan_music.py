"""Music requests: what may be asked for."""

from typing import Any

import pytest
from google.protobuf import duration_pb2

from services.orchestrator.plan import Kinds, compile_spec
from tests.builders import music_spec, seconds
from tutti import errors, structs


def composing(**music: Any) -> dict[str, Any]:
    """The input of the first task."""
    return structs.to_dict(compile_spec(music_spec(**music), Kinds()).tasks[0].input)


def refused(**music: Any) -> errors.InvalidInput:
    with pytest.raises(errors.InvalidInput) as caught:
        compile_spec(music_spec(**music), Kinds())
    return caught.value


def test_what_was_asked_for_reaches_the_composer() -> None:
    found = composing(narrative="calm piano", duration=seconds(12.5), options={"bpm": 90, "key": "F# minor"})

    assert found == {"narrative": "calm piano", "duration": 12.5, "options": {"bpm": 90, "key": "F# minor"}}


def test_without_a_duration_it_lasts_half_a_minute() -> None:
    assert composing()["duration"] == 30


def test_jen1_composes_only() -> None:
    assert [task.kind for task in compile_spec(music_spec(model="jen1"), Kinds()).tasks] == ["jen1.compose"]


def test_the_renderer_takes_the_plan_from_the_composer() -> None:
    render = compile_spec(music_spec(model="muscgen"), Kinds()).tasks[1]

    assert structs.to_dict(render.input)["plan"] == "${compose.result.plan}"


@pytest.mark.parametrize(
    "options",
    [
        {"bpm": 30},
        {"bpm": 300},
        {"bpm": 92.5},
        {"key": "C"},
        {"key": "Bb"},
        {"key": "f# minor"},
        {"key": "Am"},
        {"time_signature": 3},
        {"seed": 0},
        {"seed": 2**53},
        {"seed": str(2**64 - 1)},
        {"genre": "lo-fi", "mood": "chill"},
        {"mode": "lyrics-first"},
    ],
    ids=str,
)
def test_options_within_their_range_are_taken(options: dict[str, Any]) -> None:
    assert composing(options=options)["options"] == options


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"bpm": 29}, "options.bpm"),
        ({"bpm": 301}, "options.bpm"),
        ({"bpm": "fast"}, "options.bpm"),
        ({"bpm": float("nan")}, "options.bpm"),
        ({"bpm": float("inf")}, "options.bpm"),
        ({"key": "H minor"}, "options.key"),
        ({"key": "C\n"}, "options.key"),
        ({"time_signature": 5}, "options.time_signature"),
        ({"seed": -1}, "options.seed"),
        ({"seed": 1.5}, "options.seed"),
        ({"seed": "12x"}, "options.seed"),
        ({"seed": str(2**64)}, "options.seed"),
        ({"genre": "x" * 65}, "options.genre"),
        ({"mood": 3}, "options.mood"),
        ({"mode": "loud"}, "options.mode"),
    ],
    ids=str,
)
def test_an_option_out_of_its_range_names_itself(options: dict[str, Any], field: str) -> None:
    error = refused(options=options)

    assert error.field == field
    assert field in error.message


def test_an_unknown_option_is_refused_by_name() -> None:
    error = refused(options={"tempo": 90})

    assert error.field.startswith("options")
    assert "tempo" in error.message


@pytest.mark.parametrize("narrative", ["", "   ", "\n\t", "x" * 2_001])
def test_a_narrative_says_something_and_not_too_much(narrative: str) -> None:
    assert refused(narrative=narrative).field == "narrative"


def test_the_longest_narrative_is_taken() -> None:
    assert len(composing(narrative="ä" * 2_000)["narrative"]) == 2_000


@pytest.mark.parametrize("wanted", [0.0, 0.999, 600.001, -5.0, 1e9])
def test_a_duration_lies_between_a_second_and_ten_minutes(wanted: float) -> None:
    assert refused(duration=seconds(wanted)).field == "duration"


def test_a_duration_beyond_measure_is_refused() -> None:
    assert refused(duration=duration_pb2.Duration(seconds=2**62)).field == "duration"


@pytest.mark.parametrize("wanted", [1.0, 600.0])
def test_the_shortest_and_the_longest_duration_are_taken(wanted: float) -> None:
    assert composing(duration=seconds(wanted))["duration"] == wanted


@pytest.mark.parametrize("model", ["", "jen2", "x" * 10_000])
def test_an_unknown_model_is_told_which_there_are(model: str) -> None:
    error = refused(model=model)

    assert (error.field, error.reason) == ("model", "UNKNOWN_MODEL")
    assert "'jen1'" in error.message
    assert len(error.message) < 500

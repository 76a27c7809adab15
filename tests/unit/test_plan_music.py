"""Music requests: what may be asked for."""

from typing import Any

import pytest
from google.protobuf import duration_pb2

import music.plan
from services.gateway.requests import MusicSubmission
from services.orchestrator.plan import Kinds, compile_spec, inputs, music_options
from tests.builders import music_spec, seconds
from tutti import errors, structs
from tutti.v1 import job_pb2


def composing(**music: Any) -> dict[str, Any]:
    """The input of the first task."""
    return structs.to_dict(compile_spec(music_spec(**music), Kinds()).tasks[0].input)


def refused(**music: Any) -> errors.InvalidInput:
    with pytest.raises(errors.InvalidInput) as caught:
        compile_spec(music_spec(**music), Kinds())
    return caught.value


def test_what_was_asked_for_reaches_the_composer() -> None:
    asked = {"narrative": "calm piano", "duration": seconds(12.5), "options": {"bpm": 90, "key": "F# minor"}}
    found = composing(model="jen1", **asked)

    assert found == {"narrative": "calm piano", "duration": 12.5, "options": {"bpm": 90, "key": "F# minor"}}
    assert composing(model="muscgen", **asked) == {**found, "parts": list(music.plan.STEMS)}


def test_without_a_duration_it_lasts_half_a_minute() -> None:
    assert composing()["duration"] == 30


def test_jen1_composes_only() -> None:
    assert [task.kind for task in compile_spec(music_spec(model="jen1"), Kinds()).tasks] == ["jen1.compose"]


def planned(**music: Any) -> dict[str, job_pb2.PlannedTask]:
    return {task.name: task for task in compile_spec(music_spec(**music), Kinds()).tasks}


def test_each_stem_is_rendered_by_a_task_of_its_own_from_its_part_of_the_plan() -> None:
    tasks = planned(model="muscgen")

    renders = [task for task in tasks.values() if task.kind == "muscgen.render"]
    assert [structs.to_dict(task.input)["stem"] for task in renders] == list(music.plan.STEMS)
    assert [structs.to_dict(task.input)["plan"] for task in renders] == [
        f"${{compose.result.parts.{stem}}}" for stem in music.plan.STEMS
    ]
    assert structs.to_dict(tasks["compose"].input)["parts"] == list(music.plan.STEMS)
    assert structs.to_dict(tasks["mix"].input)["plan"] == "${compose.result.plan}"
    assert all(list(task.needs) == ["compose"] for task in renders)


def test_the_mix_waits_for_every_render() -> None:
    tasks = planned(model="muscgen")

    assert list(tasks)[-1] == "mix"
    assert set(tasks["mix"].needs) == {"compose", *(f"render-{stem}" for stem in music.plan.STEMS)}
    assert structs.to_dict(tasks["mix"].input)["stems"]["bass"] == "${render-bass.result}"


def test_only_the_stems_that_were_chosen_are_rendered() -> None:
    tasks = planned(model="muscgen", options={"stems": ["bass", "drums"]})

    assert list(tasks) == ["compose", "render-drums", "render-bass", "mix"]
    assert structs.to_dict(tasks["compose"].input)["parts"] == ["drums", "bass"]


def test_a_track_begins_with_its_words_and_ends_with_its_manifest() -> None:
    tasks = planned(model="track", options={"stems": ["drums"]})

    assert list(tasks) == ["parse", "compose", "render-drums", "mix", "finalize"]
    assert list(tasks["compose"].needs) == ["parse"]
    assert set(tasks["finalize"].needs) == {"parse", "compose", "render-drums", "mix"}


def test_the_seed_of_a_track_is_settled_with_its_words() -> None:
    composing = structs.to_dict(planned(model="track", options={"seed": 7})["compose"].input)

    # Where the composer's results are told apart by it.
    assert composing["options"] == {"seed": "${parse.result.seed}"}


def test_a_reference_is_analyzed_beside_the_parsing() -> None:
    tasks = planned(model="track", options={"reference_url": "https://example.com/a.wav", "stems": ["drums"]})

    assert list(tasks["style"].needs) == []
    assert set(tasks["compose"].needs) == {"parse", "style"}
    for follower in ("compose", "mix"):
        assert structs.to_dict(tasks[follower].input)["reference"] == "${style.result.style}"
    assert structs.to_dict(tasks["render-drums"].input)["excerpt"] == "${style.result.excerpt}"
    assert structs.to_dict(tasks["finalize"].input)["reference"] == "${style.result.source}"


def test_what_is_continued_is_followed_too_and_gone_on_from_where_there_is_a_reference_as_well() -> None:
    address = "https://example.com/a.wav"
    for options, followed in (
        ({"continue_from": address}, "${ending.result.style}"),
        ({"continue_from": address, "reference_url": address}, "${style.result.style}"),
    ):
        tasks = planned(model="track", options={**options, "stems": ["drums"]})
        assert structs.to_dict(tasks["ending"].input) == {"url": address, "option": "continue_from"}
        assert structs.to_dict(tasks["compose"].input)["reference"] == followed
        assert structs.to_dict(tasks["mix"].input)["reference"] == followed
        assert structs.to_dict(tasks["render-drums"].input)["excerpt"] == "${ending.result.excerpt}"
        assert structs.to_dict(tasks["finalize"].input)["continued"] == "${ending.result.source}"


@pytest.mark.parametrize("model", ["jen1", "muscgen"])
@pytest.mark.parametrize("name", ["reference_url", "continue_from"])
def test_only_a_track_listens_to_recordings(model: str, name: str) -> None:
    with pytest.raises(errors.InvalidInput, match="only model 'track' listens") as caught:
        planned(model=model, options={name: "https://example.com/a.wav"})
    assert caught.value.field == f"options.{name}"


def test_a_task_needs_every_task_that_it_refers_to() -> None:
    address = "https://example.com/a.wav"
    for model, options in (
        ("jen1", {}),
        ("muscgen", {}),
        ("track", {}),
        ("track", {"reference_url": address, "continue_from": address}),
    ):
        for task in planned(model=model, options=options).values():
            assert set(inputs.referred_tasks(task.input)) <= set(task.needs)


def test_what_the_mix_is_asked_for_reaches_it() -> None:
    asked = {"bit_depth": "f32", "loudness_target": -9, "true_peak": -2, "strength": 0.25}
    tasks = planned(model="muscgen", options={**asked, "bpm": 90, "sample_rate": 48_000})

    assert structs.to_dict(tasks["mix"].input)["options"] == asked
    assert structs.to_dict(tasks["render-bass"].input)["sample_rate"] == 48_000


def test_the_manifest_times_every_task_before_it() -> None:
    tasks = planned(model="track", options={"stems": ["drums"]})

    assert structs.to_dict(tasks["finalize"].input)["timings"] == {
        name: f"${{{name}.result.seconds}}" for name in ("parse", "compose", "render-drums", "mix")
    }


def test_words_that_look_like_a_reference_reach_no_task_that_refers_to_results() -> None:
    tasks = planned(model="track", narrative="${parse.result.request} ${nobody.result.x}")

    holders = [name for name, task in tasks.items() if "nobody" in str(task.input)]
    assert holders == ["parse"]
    assert not tasks["parse"].needs


def test_the_stems_at_the_door_are_those_that_the_renderer_knows() -> None:
    assert music_options.STEMS == music.plan.STEMS


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
        {"structure": [{"section": "verse", "bars": 8, "energy": 0.4}, {"section": "chorus"}]},
        {"chords": "Am F C G"},
        {"chords": ["Am7", "D7"], "instruments": ["piano", "-drums"], "swing": 0.6, "loop": True},
        {"lyrics": ["one", "two"], "format": "flac", "bit_depth": "f32", "sample_rate": 48_000},
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
        ({"stems": []}, "options.stems"),
        ({"stems": ["violins"]}, "options.stems.0"),
        ({"format": "aiff"}, "options.format"),
        ({"sample_rate": 22_050}, "options.sample_rate"),
        ({"structure": [{"bars": 4}]}, "options.structure.0"),
        ({"reference_url": "file:///etc/passwd"}, "options.reference_url"),
        ({"continue_from": "job-7"}, "options.continue_from"),
        ({"lyrics": "x" * 4_001}, "options.lyrics"),
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


def test_every_option_is_named_where_rest_describes_them() -> None:
    described = MusicSubmission.model_fields["options"].description
    assert described is not None
    assert [name for name in music_options._PROPERTIES if f"`{name}`" not in described] == []

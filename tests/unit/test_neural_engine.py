"""The sampled engine without its model: what it is told, how freely it draws, what becomes of its sound."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from music import RequestError, compose, engines
from music.engines import Order, Procedural, Sampled, carrier
from music.neural import musicgen
from music.neural.choice import DEVICES, ENGINES, Choice, EngineError, check_packages, follows_tunes, read_choice
from music.neural.heard import ending, fullest
from music.neural.prompting import prompt_text
from music.neural.rendering import Cut, render
from music.neural.sampling import Sampling, heeded, sampling_of
from music.neural.tune import chroma, tune_of
from music.neural.wanted import Wanted
from music.neural.windows import Audio
from music.plan import Plan, Track
from tutti.weights.settings import WeightsSettings

RATE = 44_100


class Humming:
    """Stands in for a model: a tone, in two windows, a little longer than was asked for."""

    sample_rate = 32_000

    def __init__(self, channels: int = 1) -> None:
        self.channels = channels
        self.asked: list[Wanted] = []

    def generate(self, wanted: Wanted, on_step: Callable[[float], None]) -> Iterator[Audio]:
        self.asked.append(wanted)
        count = int(wanted.seconds * self.sample_rate) // 2 + 100
        tone = 0.5 * np.sin(np.arange(2 * count, dtype=np.float32) / 20)
        for half in range(2):
            for step in range(5):
                on_step((half + step / 5) / 2)
            yield np.tile(tone[half * count : (half + 1) * count], (self.channels, 1))


def composed(**request: Any) -> Plan:
    return compose({"prompt": "calm lo-fi with piano", "duration": 30, "seed": 7, **request})


def cuts(plan: Plan, model: Humming, told: list[float] | None = None, **options: Any) -> list[Cut]:
    steps = [] if told is None else told
    usual: dict[str, Any] = {"seed": None, "rate": RATE, "first_section": 0, "on_step": steps.append}
    return list(render(plan, model, **{**usual, **options}))


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seconds", [1.0, 9.37, 30.0])
def test_a_mix_has_its_exact_length_in_stereo(rate: int, channels: int, seconds: float) -> None:
    found = cuts(composed(duration=seconds), Humming(channels), rate=rate)
    audio = np.concatenate([cut.audio for cut in found], axis=1)
    assert audio.shape == (2, round(seconds * rate))
    assert audio.dtype == np.float32
    assert all(cut.audio.shape[1] <= 2 * rate for cut in found)
    assert [cut.offset for cut in found] == list(np.cumsum([0, *(cut.audio.shape[1] for cut in found[:-1])]))
    assert 0.45 < np.abs(audio).max() < 0.55


def test_sections_are_those_of_the_plan() -> None:
    plan = composed()
    ends = [cut.section_name for cut in cuts(plan, Humming()) if cut.last_of_section]
    assert ends == [section.name for section in plan.sections[: len(plan.section_edges(RATE)) - 1]]


def test_a_later_section_is_the_same_as_in_the_whole() -> None:
    plan = composed()
    whole, rest = cuts(plan, Humming()), cuts(plan, Humming(), first_section=2)
    assert rest[0].section == 2
    for one, other in zip(whole[-len(rest) :], rest, strict=True):
        assert (one.index, one.offset, one.section) == (other.index, other.offset, other.section)
        assert np.array_equal(one.audio, other.audio)


def test_what_is_finished_never_shrinks_and_ends_at_one() -> None:
    told: list[float] = []
    plan = composed()
    for cut in render(plan, Humming(), seed=None, rate=RATE, first_section=0, on_step=told.append):
        told.append(cut.fraction)  # noqa: PERF401  in turn with what the steps tell
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert all(fraction < 1.0 for fraction in told[:-1])


def test_the_seed_is_the_plans_unless_another_is_given() -> None:
    model = Humming()
    cuts(composed(), model)
    cuts(composed(), model, seed=2**64 - 1)
    assert [wanted.seed for wanted in model.asked] == [7, 2**64 - 1]


def excerpt(seconds: float, channels: int = 2) -> Audio:
    return np.full((channels, round(seconds * RATE)), 0.5, dtype=np.float32)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ({"reference": {"bpm": 90}, "strength": 0.25}, 3.0),
        ({"reference": {"bpm": 90}}, 6.0),
        ({"reference": {"bpm": 90}, "strength": 1}, 12.0),
        ({"reference": {"bpm": 90}, "continue_from": "https://example.com/a.wav", "strength": 0.25}, 12.0),
    ],
)
def test_a_reference_is_heard_the_longer_the_closer_it_is_followed(asked: dict[str, Any], seconds: float) -> None:
    model = Humming()
    cuts(composed(**asked), model, excerpt=excerpt(12.0, channels=1))
    prompt = model.asked[0].prompt
    assert prompt is not None
    assert prompt.shape == (2, round(seconds * model.sample_rate))
    assert prompt.dtype == np.float32


@pytest.mark.parametrize("seconds", [0.001, 0.05, 0.1, 0.25, 11.99, 12.0, 12.05, 30.0])
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_of_any_recording_there_is_something_to_hear(seconds: float, level: float) -> None:
    recording = np.full((2, round(seconds * RATE)), level, dtype=np.float32)
    for heard in (ending(recording, RATE), fullest(recording, RATE)):
        assert heard.shape[0] == 2
        # A tenth of a second at the end may be too little to tell.
        assert min(seconds, 12.0) - 0.1 <= heard.shape[1] / RATE <= 12.0
        assert heard.shape[1] > 0


def test_without_an_excerpt_or_the_wish_to_follow_nothing_is_heard() -> None:
    model = Humming()
    cuts(composed(), model)
    cuts(composed(reference={"bpm": 90}, strength=0), model, excerpt=excerpt(12.0))
    assert [wanted.prompt for wanted in model.asked] == [None, None]


def test_what_goes_on_from_something_begins_without_a_click() -> None:
    plan = composed(duration=5.0)
    usual, going_on = (cuts(plan, Humming(), excerpt=heard)[0].audio for heard in (None, excerpt(1.0)))
    ramp = round(0.005 * RATE)
    assert going_on[0, 0] == 0.0
    assert np.abs(going_on[:, :ramp]).max() < np.abs(usual[:, :ramp]).max()
    assert np.array_equal(going_on[:, ramp:], usual[:, ramp:])


def test_a_tune_is_the_upper_line_of_who_carries_it() -> None:
    plan = compose({"prompt": "folk", "duration": 8, "seed": 1, "bpm": 60, "melody": [
        {"pitch": 60, "beats": 1}, {"pitch": 64, "beats": 1}, {"pitch": 67, "beats": 2}
    ]})  # fmt: skip
    lead = [note for track in plan.tracks if track.stem == "lead" for note in track.notes]
    assert tune_of(plan) == tuple((note.start * plan.seconds_per_beat, note.pitch % 12) for note in lead)
    assert {tone for _, tone in tune_of(plan)} == {0, 4, 7}
    doubled = Track(
        name="below", stem="lead", instrument="flute", notes=tuple(replace(note, pitch=note.pitch - 8) for note in lead)
    )
    assert tune_of(replace(plan, tracks=(*plan.tracks, doubled))) == tune_of(plan)
    assert tune_of(replace(plan, tracks=())) == ()


def test_a_tone_holds_until_the_next_and_before_the_first_there_is_silence() -> None:
    shown = chroma(((0.5, 4), (1.0, 7)), np.array([0.0, 0.49, 0.5, 0.9, 1.0, 60.0]))
    assert shown.sum(axis=1).tolist() == [1.0] * 6
    assert shown.argmax(axis=1).tolist() == [0, 0, 4, 4, 7, 7]


def test_the_callers_words_come_first_and_the_plan_adds_what_they_leave_open() -> None:
    text = prompt_text(compose({"prompt": "lo-fi with piano,", "duration": 20, "seed": 1, "bpm": 84, "key": "D minor"}))
    assert text.startswith("lo-fi with piano, ")
    assert text.count("lo-fi") == 1
    assert ", piano" not in text
    assert text.endswith("84 bpm, in D minor")


def test_what_is_not_wanted_is_told_apart() -> None:
    model = Humming()
    cuts(composed(negative_prompt="no   vocals,\ndistortion"), model)
    cuts(composed(), model)
    assert [wanted.avoided for wanted in model.asked] == ["no vocals, distortion", ""]


def test_words_that_say_everything_are_left_alone() -> None:
    plan = replace(composed(prompt="calm lo-fi at 80 bpm in D minor", energy=0.5), tracks=())
    assert prompt_text(plan) == "calm lo-fi at 80 bpm in D minor"


def test_players_are_called_as_people_call_them() -> None:
    text = prompt_text(compose({"prompt": "", "genre": "jazz", "seed": 3, "duration": 30}))
    assert "jazz drums" in text
    assert "_" not in text


def test_sampling_is_what_was_asked_for() -> None:
    assert sampling_of(composed()) == Sampling()
    asked = {"guidance": 5, "temperature": 0.5, "top_k": 20, "top_p": 0.9}
    assert sampling_of(composed(**asked)) == Sampling(guidance=5, temperature=0.5, top_k=20, top_p=0.9)


@pytest.mark.parametrize("resolved", [{"top_k": {"value": -1}}, {"guidance": 3}, {"temperature": {"value": "hot"}}])
def test_a_plan_that_somebody_spoilt_is_refused_by_field(resolved: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        sampling_of(replace(composed(), resolved=resolved))
    assert caught.value.field.startswith(f"plan.resolved.{next(iter(resolved))}")


def order(plan: Plan, *stems: str) -> Order:
    return Order(plan=plan, stems=stems or None, seed=None, sample_rate=RATE, first_section=0)


def test_the_mix_is_answered_as_one_stem_and_the_others_are_silent() -> None:
    plan = composed()
    engine: Any = Sampled(Humming())  # type: ignore[arg-type]
    playing = [stem for stem in plan.stems if engine.plays(order(plan, stem))]
    assert playing == [carrier(plan)]
    parts = list(engine.render(order(plan), lambda _: None))
    assert {part.stem for part in parts} == {carrier(plan)}
    assert sum(part.audio.shape[1] for part in parts) == 30 * RATE


def test_procedural_is_the_engine_unless_another_is_named() -> None:
    assert read_choice({}) == read_choice({"MUSCGEN_ENGINE": ""}) == Choice()
    assert isinstance(engines.load({}), Procedural)
    assert "torch" not in sys.modules


def saved(directory: Path, config: str = '{"model_type": "musicgen"}') -> dict[str, str]:
    (directory / "config.json").write_text(config)
    return {"MUSCGEN_ENGINE": "musicgen", "MUSCGEN_MODEL_DIR": str(directory)}


@pytest.mark.parametrize(("kind", "follows"), [("musicgen", False), ("musicgen_melody", True), ("bark", False)])
def test_only_melodic_weights_follow_a_tune(tmp_path: Path, kind: str, follows: bool) -> None:
    environment = saved(tmp_path, f'{{"model_type": "{kind}"}}')
    assert follows_tunes(environment) is follows
    assert not follows_tunes({})


def test_musicgen_takes_its_weights_from_a_directory(tmp_path: Path) -> None:
    found = read_choice({**saved(tmp_path), "MUSCGEN_DEVICE": "cpu"})
    assert found == Choice(engine="musicgen", directory=tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MUSCGEN_ENGINE": "bark"}, "MUSCGEN_ENGINE must be one of procedural, musicgen, got 'bark'"),
        ({"MUSCGEN_ENGINE": "musicgen"}, "needs weights: set MUSCGEN_MODEL_DIR"),
        ({"MUSCGEN_ENGINE": "musicgen", "MUSCGEN_DEVICE": "tpu"}, "MUSCGEN_DEVICE must be one of auto, cpu, cuda"),
        ({"MUSCGEN_ENGINE": "musicgen", "MUSCGEN_MODEL_DIR": "/nowhere"}, "/nowhere holds no config.json"),
    ],
)
def test_a_choice_that_cannot_be_is_explained(environment: dict[str, str], said: str) -> None:
    with pytest.raises(EngineError, match=said):
        read_choice(environment)


def test_without_torch_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EngineError, match=r"needs torch and transformers.*pip install 'tutti-mesh\[musicgen\]'"):
        engines.load(saved(tmp_path))
    with pytest.raises(EngineError):
        check_packages()


@pytest.mark.parametrize("config", ['{"model_type": "bark"}', "{}", "[]", "not json"])
def test_other_models_are_refused_before_anything_is_loaded(tmp_path: Path, config: str) -> None:
    saved(tmp_path, config)
    with pytest.raises(EngineError, match="MUSCGEN_MODEL_DIR"):
        musicgen.MusicGen.load(tmp_path)


def test_a_gpu_that_is_not_there_is_not_pretended() -> None:
    assert musicgen._device("auto", cuda=False) == "cpu"
    assert musicgen._device("auto", cuda=True) == "cuda"
    with pytest.raises(EngineError, match="MUSCGEN_DEVICE=cuda"):
        musicgen._device("cuda", cuda=False)


def test_the_model_and_who_fetches_its_weights_read_the_same_values() -> None:
    # Neither may import the other.
    for engine in ENGINES:
        WeightsSettings(engine=engine, model_dir=Path("/weights"))
    for device in DEVICES:
        WeightsSettings(device=device)
    impossible: list[dict[str, Any]] = [{"engine": "bark"}, {"device": "tpu"}, {"engine": "musicgen"}]
    for wrong in impossible:
        with pytest.raises(ValidationError):
            WeightsSettings(**wrong)


def test_a_plan_for_a_sampled_model_says_that_its_parameters_are_heeded() -> None:
    asked = {"guidance": 4, "top_k": 50, "swing": 0.6, "bpm": 80, "melody": [{"pitch": 60}], "loudness_target": -9}
    plan = composed(**asked, continue_from="https://example.com/a.wav")

    told = heeded(plan, follows_tunes=False)
    said = {name: told.resolved[name]["honoured"] for name in (*asked, "continue_from")}

    assert {name for name, honoured in said.items() if honoured == "exact"} == {
        "guidance", "top_k", "continue_from", "loudness_target",
    }  # fmt: skip
    assert (said["bpm"], said["melody"], said["swing"]) == ("hint", "ignored", "ignored")
    assert "top_p" not in told.resolved
    # What nobody asked for is still nobody's wish.
    assert told.resolved["key"] == plan.resolved["key"]
    assert heeded(plan, follows_tunes=True).resolved["melody"]["honoured"] == "hint"
    assert sampling_of(told) == sampling_of(plan)

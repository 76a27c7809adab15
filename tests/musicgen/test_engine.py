"""The sampled engine with a real MusicGen, tiny and of random weights."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from music import compose
from music.neural.choice import EngineError
from music.neural.musicgen import MusicGen
from music.neural.rendering import render
from music.neural.sampling import Sampling
from music.neural.wanted import Wanted
from music.neural.windows import Audio, Reach
from music.plan import Plan
from tests.musicgen import tiny

#: Several windows within a few seconds of sound.
SHORT = Reach(longest_seconds=3.0, carried_seconds=1.2)
#: Nothing is left to chance: what differs, differs because the model was told something else.
LIKELIEST = Sampling(temperature=0.0)
CANCEL_WITHIN_SECONDS = 1.0


class Cancelled(Exception):
    pass


@pytest.fixture(scope="module")
def model(any_weights: Path) -> MusicGen:
    return MusicGen.load(any_weights, "cpu", reach=SHORT)


def composed(seconds: float) -> Plan:
    return compose({"prompt": "calm piano", "duration": seconds, "seed": 7})


def sound(model: MusicGen, seconds: float, told: list[float] | None = None, **options: Any) -> Audio:
    steps = [] if told is None else told
    usual: dict[str, Any] = {"seed": 5, "rate": 44_100, "first_section": 0, "on_step": steps.append}
    cuts = list(render(composed(seconds), model, **{**usual, **options}))
    return np.concatenate([cut.audio for cut in cuts], axis=1)


def drawn(model: MusicGen, sampling: Sampling, seed: int = 5) -> Audio:
    return np.concatenate(list(windows(model, 1.0, seed=seed, sampling=sampling)), axis=1)


def windows(model: MusicGen, seconds: float, *, seed: int = 5, **wanted: Any) -> Iterator[Audio]:
    usual: dict[str, Any] = {"words": "calm piano", "sampling": LIKELIEST}
    return model.generate(Wanted(seconds=seconds, seed=seed, **{**usual, **wanted}), lambda _: None)


@pytest.mark.parametrize(("seconds", "rate"), [(1.0, 44_100), (3.0, 44_100), (5.371, 48_000), (8.0, 44_100)])
def test_a_piece_of_one_or_many_windows_has_its_exact_length(model: MusicGen, seconds: float, rate: int) -> None:
    audio = sound(model, seconds, rate=rate)
    assert audio.shape == (2, round(seconds * rate))
    assert np.isfinite(audio).all()
    # No hole where windows meet, and none at the end: each tenth of a second is heard, but for what is faded.
    tenths = audio[:, : int((seconds * 0.7) * rate) // 4_000 * 4_000].reshape(2, -1, 4_000)
    assert np.abs(tenths).max(axis=2).min() > 0.01


def test_progress_never_shrinks_and_is_told_at_every_step(model: MusicGen) -> None:
    told: list[float] = []
    sound(model, 5.0, told)
    assert told == sorted(told)
    assert 0.0 <= told[0] < 0.02
    assert 0.9 < told[-1] < 1.0
    assert len(told) >= 250


def test_the_same_seed_gives_the_same_samples_and_another_others(model: MusicGen) -> None:
    first, again, other = (sound(model, 4.0, seed=seed) for seed in (5, 5, 2**64 - 1))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_raising_ends_it_at_once_and_the_next_piece_is_as_ever(model: MusicGen) -> None:
    before = sound(model, 4.0)
    raised = 0.0

    def cancel(fraction: float) -> None:
        nonlocal raised
        if fraction > 0.5:
            raised = time.monotonic()
            raise Cancelled

    with pytest.raises(Cancelled):
        sound(model, 4.0, on_step=cancel)
    assert time.monotonic() - raised < CANCEL_WITHIN_SECONDS
    assert np.array_equal(sound(model, 4.0), before)


def test_stereo_weights_are_heard_in_stereo_and_mono_ones_in_the_middle(model: MusicGen) -> None:
    left, right = sound(model, 2.0)
    assert np.array_equal(left, right) == (model.channels == 1)


def test_every_way_of_drawing_is_accepted(model: MusicGen) -> None:
    usual = drawn(model, Sampling())
    for other in (Sampling(guidance=1.0), Sampling(temperature=0.3), Sampling(top_k=5), Sampling(top_k=0, top_p=0.5)):
        assert drawn(model, other).shape == usual.shape
    assert np.array_equal(drawn(model, LIKELIEST, seed=1), drawn(model, LIKELIEST, seed=2))


def test_what_is_carried_is_heard(any_weights: Path) -> None:
    """The second window goes on from the first and does not begin anew."""
    carrying = MusicGen.load(any_weights, "cpu", reach=SHORT)
    whole = list(windows(carrying, 4.0))
    alone = list(windows(carrying, 1.0))
    assert len(whole) == 2
    count = min(whole[1].shape[1], alone[0].shape[1]) - 6_400
    assert not np.allclose(whole[1][:, 3_200 : 3_200 + count], alone[0][:, :count])


def test_a_piece_goes_on_from_what_it_is_given_to_hear(any_weights: Path) -> None:
    """As the second window goes on from the first: given the end of a piece, the model plays what followed there."""
    model = MusicGen.load(any_weights, "cpu", reach=SHORT)
    first, _ = windows(model, 4.0)
    alone = np.concatenate(list(windows(model, 1.0)), axis=1)
    heard = np.concatenate(list(windows(model, 1.0, prompt=first)), axis=1)
    assert heard.shape == alone.shape == (model.channels, 32_000)
    assert not np.allclose(heard, alone)
    # Less than a frame is no prompt, and no more of one is heard than can be carried.
    assert np.array_equal(np.concatenate(list(windows(model, 1.0, prompt=first[:, :600])), axis=1), alone)
    most = round(SHORT.carried_seconds * 32_000)
    longest, limited = (
        np.concatenate(list(windows(model, 1.0, prompt=prompt)), axis=1)
        for prompt in (np.tile(first, 4), np.tile(first, 4)[:, -most:])
    )
    assert np.array_equal(longest, limited)


def test_words_are_heard(any_weights: Path) -> None:
    """The pinned transformers drops them, with the tune, where weights are melodic."""
    model = MusicGen.load(any_weights, "cpu", reach=SHORT)
    one, other = (
        np.concatenate(list(windows(model, 2.0, words=words, sampling=Sampling())), axis=1)
        for words in ("calm piano", "drums, bass in minor")
    )
    assert not np.array_equal(one, other)


def test_words_to_avoid_are_heard_where_there_is_guidance(any_weights: Path) -> None:
    model = MusicGen.load(any_weights, "cpu", reach=SHORT)
    tune = ((0.0, 4), (1.0, 7))

    def heard(avoided: str, guidance: float) -> Audio:
        sampling = Sampling(guidance=guidance)
        return np.concatenate(list(windows(model, 2.0, avoided=avoided, tune=tune, sampling=sampling)), axis=1)

    assert not np.array_equal(heard("drums, bass", 8.0), heard("", 8.0))
    assert not np.array_equal(heard("drums, bass", 8.0), heard("minor", 8.0))
    assert np.array_equal(heard("drums, bass", 8.0), heard("drums, bass", 8.0))
    assert np.array_equal(heard("drums, bass", 1.0), heard("", 1.0))


def test_a_prompt_of_the_piece_itself_leads_to_what_it_played(any_weights: Path) -> None:
    model = MusicGen.load(any_weights, "cpu", reach=SHORT)
    kept: list[Audio] = []
    decoded = model._window

    def keep(*arguments: Any) -> Audio:
        kept.append(decoded(*arguments))
        return kept[-1]

    model._window = keep  # type: ignore[method-assign,assignment]
    list(windows(model, 4.0))
    seconds = kept[1].shape[1] / 32_000 - SHORT.carried_seconds
    list(windows(model, seconds, prompt=kept[0]))
    assert np.array_equal(kept[2], kept[1])


def test_a_whole_window_of_the_real_length(weights: Path) -> None:
    model = MusicGen.load(weights, "cpu")
    sizes = [each.shape[1] for each in windows(model, 31.0, seed=1, sampling=Sampling())]
    # 30 s less the seam that is kept back, then the rest.
    assert sizes == [int(29.9 * 32_000), int(1.1 * 32_000)]


def test_a_tune_is_heard_by_a_model_that_follows_tunes_and_by_no_other(weights: Path, melodic_weights: Path) -> None:
    rising, falling = ((0.0, 0), (1.0, 4), (2.0, 7)), ((0.0, 7), (1.0, 4), (2.0, 0))
    for directory, follows in ((weights, False), (melodic_weights, True)):
        model = MusicGen.load(directory, "cpu", reach=SHORT)
        one, again, other, none = (
            np.concatenate(list(windows(model, 4.0, tune=tune)), axis=1) for tune in (rising, rising, falling, ())
        )
        assert np.array_equal(one, again)
        assert np.allclose(one, other) is not follows
        assert np.allclose(one, none) is not follows


def test_weights_that_are_broken_are_explained(tmp_path: Path) -> None:
    tiny.save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EngineError, match=f"MUSCGEN_MODEL_DIR: {tmp_path} cannot be loaded"):
        MusicGen.load(tmp_path, "cpu")

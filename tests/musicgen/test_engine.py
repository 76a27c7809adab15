"""The sampled engine with a real MusicGen, tiny and of random weights."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from music import compose
from music.neural.choice import EngineError
from music.neural.musicgen import MusicGen
from music.neural.rendering import render
from music.neural.sampling import Sampling
from music.neural.windows import Audio, Reach
from music.plan import Plan
from tests.musicgen import tiny

#: Several windows within a few seconds of sound.
SHORT = Reach(longest_seconds=3.0, carried_seconds=1.2)
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
    return np.concatenate(list(model.generate("calm piano", 1.0, seed, sampling, lambda _: None)), axis=1)


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
    likeliest = Sampling(temperature=0.0)
    assert np.array_equal(drawn(model, likeliest, seed=1), drawn(model, likeliest, seed=2))


def test_what_is_carried_is_heard(any_weights: Path) -> None:
    """The second window goes on from the first and does not begin anew."""
    carrying = MusicGen.load(any_weights, "cpu", reach=SHORT)
    windows = list(carrying.generate("calm piano", 4.0, 5, Sampling(temperature=0.0), lambda _: None))
    alone = list(carrying.generate("calm piano", 1.0, 5, Sampling(temperature=0.0), lambda _: None))
    assert len(windows) == 2
    count = min(windows[1].shape[1], alone[0].shape[1]) - 6_400
    assert not np.allclose(windows[1][:, 3_200 : 3_200 + count], alone[0][:, :count])


def test_a_whole_window_of_the_real_length(weights: Path) -> None:
    model = MusicGen.load(weights, "cpu")
    sizes = [each.shape[1] for each in model.generate("calm piano", 31.0, 1, Sampling(), lambda _: None)]
    # 30 s less the seam that is kept back, then the rest.
    assert sizes == [int(29.9 * 32_000), int(1.1 * 32_000)]


def test_weights_that_are_broken_are_explained(tmp_path: Path) -> None:
    tiny.save(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EngineError, match=f"MUSCGEN_MODEL_DIR: {tmp_path} cannot be loaded"):
        MusicGen.load(tmp_path, "cpu")

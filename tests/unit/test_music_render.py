import hashlib
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from music.compose import compose
from music.plan import Note, Plan, Track
from music.render import SAMPLE_RATE, render
from music.synth import Audio

CEILING = 10 ** (-1 / 20)


def whole(plan: Plan, *, seed: int | None = None, rate: int = SAMPLE_RATE) -> Audio:
    return np.concatenate([piece.audio for piece in render(plan, seed=seed, rate=rate)], axis=1)


def digest(audio: Audio) -> str:
    return hashlib.sha256(audio.tobytes()).hexdigest()


@pytest.mark.parametrize("duration", [1.0, 1.2345, 2.0, 3.7, 10.0001])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_track_has_exactly_the_samples_of_its_duration(duration: float, rate: int) -> None:
    plan = compose({"duration": duration, "seed": 1})
    pieces = list(render(plan, rate=rate))
    assert sum(piece.audio.shape[1] for piece in pieces) == round(duration * rate)
    assert [piece.offset for piece in pieces] == [sum(p.audio.shape[1] for p in pieces[:i]) for i in range(len(pieces))]
    assert all(rate - 1 <= piece.audio.shape[1] <= 2 * rate for piece in pieces)
    assert pieces[-1].fraction == 1.0


@pytest.mark.parametrize("prompt", ["lo-fi", "slow ambient", "fast techno", "jazz waltz", "epic cinematic", "6/8 folk"])
def test_a_track_is_clean_loud_enough_and_ends_in_silence(prompt: str) -> None:
    audio = whole(compose({"prompt": prompt, "seed": 2, "duration": 20}))
    assert audio.dtype == np.float32
    assert np.isfinite(audio).all()
    assert float(np.abs(audio).max()) <= CEILING
    assert abs(float(audio.mean())) < 0.002
    level = 10 * np.log10(float((audio.astype(np.float64) ** 2).mean()))
    assert -21 < level < -13
    assert float(np.abs(audio[:, -10:]).max()) < 1e-4
    left, right = audio
    assert 0.2 < float(np.corrcoef(left, right)[0, 1]) < 0.97


def test_pieces_join_without_a_click() -> None:
    plan = compose({"prompt": "calm ambient", "seed": 4, "duration": 30})
    pieces = list(render(plan))
    audio = np.concatenate([piece.audio for piece in pieces], axis=1)[0].astype(np.float64)
    hiss = np.abs(sosfiltfilt(butter(4, 12_000, "highpass", fs=SAMPLE_RATE, output="sos"), audio))
    for piece in pieces[1:]:
        around = hiss[piece.offset - 2000 : piece.offset + 2000]
        assert hiss[piece.offset - 3 : piece.offset + 4].max() <= max(around.max() * 0.999, 2e-5)


def test_the_same_seed_gives_the_same_bytes_and_another_another_performance() -> None:
    plan = compose({"prompt": "lo-fi", "seed": 6, "duration": 8})
    assert digest(whole(plan)) == digest(whole(plan)) == digest(whole(plan, seed=6))
    assert digest(whole(plan)) != digest(whole(plan, seed=7))


def test_each_track_is_played_the_same_whatever_stands_around_it() -> None:
    plan = compose({"prompt": "pop", "seed": 6, "duration": 6})
    silent = Track(name="fx", instrument="pluck", notes=())
    rearranged = whole(replace(plan, tracks=(silent, *reversed(plan.tracks))))
    assert np.allclose(whole(plan), rearranged, atol=1e-5)


def test_every_bar_of_the_body_is_heard() -> None:
    plan = compose({"prompt": "folk", "seed": 8, "duration": 40})
    audio = whole(plan)[:, : round(37 * SAMPLE_RATE)]
    frames = audio[:, : audio.shape[1] // 4410 * 4410].reshape(2, -1, 4410)
    levels = 10 * np.log10((frames.astype(np.float64) ** 2).mean(axis=(0, 2)) + 1e-20)
    assert float((levels < -60).mean()) < 0.02


def test_whoever_stops_listening_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from music import synth

    made: list[int] = []
    real = synth.tone

    def counted(instrument: str, pitch: int, seconds: float, velocity: float, rate: int) -> Audio:
        made.append(pitch)
        return real(instrument, pitch, seconds, velocity, rate)

    monkeypatch.setattr(synth, "tone", counted)
    stream = render(compose({"prompt": "techno", "seed": 1, "duration": 600}))
    pieces = list(islice(stream, 2))
    stream.close()
    assert pieces[-1].fraction < 0.01
    assert 0 < len(made) < 100
    assert list(stream) == []


def test_an_edited_plan_with_absurd_notes_is_still_rendered_in_bounds() -> None:
    plan = compose({"seed": 1, "duration": 3})
    absurd = Track(
        name="lead",
        instrument="pluck",
        notes=tuple(Note(start=0.0, beats=4000.0, pitch=pitch, velocity=1.0) for pitch in range(0, 128, 16)),
    )
    audio = whole(replace(plan, tracks=(absurd,)))
    assert np.isfinite(audio).all()
    assert float(np.abs(audio).max()) <= CEILING


def test_an_empty_plan_is_silence_of_the_right_length() -> None:
    plan = replace(compose({"seed": 1, "duration": 2}), tracks=())
    audio = whole(plan)
    assert audio.shape == (2, 2 * SAMPLE_RATE)
    assert not audio.any()

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest
from scipy.signal import resample_poly

from music.analyze.spectrum import Spectrum
from music.genres import GENRES
from music.mix import hold, mixdown
from music.mix.limiter import crest_db, limiting
from music.mix.master import Master, Report
from music.plan import Mix
from tests import band

RATE = 44_100
SECONDS = 3.0
Audio = npt.NDArray[np.float32]


def mix_of(genre: str, seconds: float = SECONDS) -> Audio:
    plan = band.plan(seconds=seconds, genre=genre)
    stems = {stem: hold(audio) for stem, audio in band.stems(seconds).items()}
    return np.concatenate([part.mix for part in mixdown(plan, stems, rate=RATE)], axis=1)


def mastered(mix: Audio, settings: Mix, *, block: int = 50_000, **reference: Any) -> tuple[Audio, Report]:
    with Master(settings, rate=RATE, **reference) as master:
        for start in range(0, mix.shape[1], block):
            master.feed(mix[:, start : start + block])
        report = master.finish()
        return np.concatenate(list(master.blocks()), axis=1), report


@pytest.fixture(scope="module")
def house() -> Audio:
    return mix_of("house")


@pytest.mark.parametrize("genre", GENRES)
def test_every_genre_reaches_its_loudness_under_the_ceiling(genre: str) -> None:
    settings = band.plan(seconds=SECONDS, genre=genre).mix
    audio, report = mastered(mix_of(genre), settings)
    assert audio.shape == (2, round(SECONDS * RATE))
    assert np.isfinite(audio).all()
    assert abs(audio.mean(dtype=np.float64)) < 0.002
    assert report.integrated_lufs == pytest.approx(-14.0, abs=0.3)
    assert pyloudnorm.Meter(RATE).integrated_loudness(audio.T.astype(np.float64)) == pytest.approx(-14.0, abs=0.5)
    oversampled = np.abs(resample_poly(audio.astype(np.float64), 4, 1, axis=1)).max()
    assert 20 * np.log10(oversampled) <= -0.9
    assert report.true_peak_dbtp <= -1.0
    assert 7.0 <= report.peak_to_loudness <= 16.0


@pytest.mark.parametrize(("target", "peak"), [(-9.0, -1.0), (-16.0, -2.0), (-23.0, -1.0)])
def test_other_targets_are_met_too(house: Audio, target: float, peak: float) -> None:
    audio, report = mastered(house, Mix(loudness_target=target, true_peak=peak))
    assert report.integrated_lufs == pytest.approx(target, abs=0.3)
    assert report.true_peak_dbtp <= peak
    assert not (np.abs(audio) >= 0.999).any()


def test_a_target_beyond_reason_is_missed_and_the_ceiling_kept(house: Audio) -> None:
    _, report = mastered(house * np.float32(0.5), Mix(loudness_target=-6.0, true_peak=-6.0))
    assert report.integrated_lufs < -7.0
    assert report.true_peak_dbtp <= -6.0


def test_the_same_mix_gives_the_same_bytes_however_it_is_fed(house: Audio) -> None:
    first, _ = mastered(house, Mix(), block=32_768)
    second, _ = mastered(house, Mix(), block=32_768)
    assert first.tobytes() == second.tobytes()
    # Of odd block lengths only the measured level of the glue sees anything, and only at their ends.
    third, _ = mastered(house, Mix(), block=9_999)
    assert np.abs(first - third).max() < 1e-3


def test_silence_is_left_alone() -> None:
    audio, report = mastered(np.zeros((2, RATE), dtype=np.float32), Mix())
    assert not audio.any()
    assert report.integrated_lufs <= -70.0


def test_a_single_second_can_be_mastered() -> None:
    audio, report = mastered(mix_of("pop", 1.0), Mix())
    assert audio.shape == (2, RATE)
    assert report.integrated_lufs == pytest.approx(-14.0, abs=0.5)


def test_tilt_makes_it_brighter(house: Audio) -> None:
    dull, bright = (tilt_of(mastered(house, Mix(tilt_db=tilt))[0]) for tilt in (-4.0, 4.0))
    assert bright > dull + 4.0


def tilt_of(audio: Audio) -> float:
    spectrum = Spectrum(RATE)
    spectrum.feed(audio)
    return spectrum.tilt_db()


def bands_of(audio: Audio) -> npt.NDArray[np.float64]:
    spectrum = Spectrum(RATE)
    spectrum.feed(audio)
    return np.array(spectrum.bands_db())


def test_a_reference_pulls_the_spectrum_towards_its_own(house: Audio) -> None:
    wanted = bands_of(mix_of("lo-fi"))
    reference = {"bands_db": wanted.tolist(), "tilt_db": -19.0, "loudness": -14.0}
    plain, _ = mastered(house, Mix())
    matched, _ = mastered(house, Mix(), reference=reference, strength=1.0)
    inner = slice(1, -1)
    assert np.abs(bands_of(matched) - wanted)[inner].mean() < 0.75 * np.abs(bands_of(plain) - wanted)[inner].mean()


def test_glue_narrows_the_dynamics(house: Audio) -> None:
    swelling = np.tile(house, 2) * np.linspace(0.15, 1.0, 2 * house.shape[1], dtype=np.float32)
    loose, held = (mastered(swelling, Mix(glue=glue))[1] for glue in (0.0, 1.0))
    assert held.loudness_range < loose.loudness_range


def test_what_is_glued_is_denser_and_what_is_not_keeps_its_peaks(house: Audio) -> None:
    loose, held = (mastered(house, Mix(glue=glue))[1] for glue in (0.0, 0.7))
    assert loose.integrated_lufs == pytest.approx(held.integrated_lufs, abs=0.2)
    assert loose.peak_to_loudness > 12.5
    assert held.peak_to_loudness == pytest.approx(crest_db(0.7), abs=0.3)


def test_the_limiter_is_down_before_the_peak_and_back_in_two_steps() -> None:
    peaks = np.full(2000, 0.1)
    peaks[1000] = 2.0
    edges = limiting(peaks, gain=1.0, ceiling=0.5, release=32.0, rate=RATE)
    assert edges[1000] <= 0.25 + 1e-9
    assert edges[1001] <= 0.25 + 1e-9
    assert edges[990] > 0.99
    assert np.abs(np.diff(edges)).max() < 0.2
    assert edges[1015] < 0.6
    assert 0.75 < edges[1060] < 0.95
    assert edges[1200] > 0.99
    assert (np.maximum(edges[:-1], edges[1:]) * peaks <= 0.5 + 1e-9).all()


def test_blocks_may_not_be_asked_for_before_the_end_is_known() -> None:
    with Master(replace(Mix()), rate=RATE) as master, pytest.raises(RuntimeError, match="finish"):
        next(master.blocks())


def test_a_peak_in_the_last_samples_is_limited_too() -> None:
    mix = mix_of("pop", 2.0)
    mix[:, -3:] = 0.99
    audio, report = mastered(mix, Mix())
    assert np.abs(audio[:, -3:]).max() < 0.9
    assert report.true_peak_dbtp <= -1.0

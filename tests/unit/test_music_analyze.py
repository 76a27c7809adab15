import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest
from scipy.signal import resample_poly

from music import seeds
from music.analyze import describe, form, stereo, tempo, tonality
from music.analyze.loudness import Meter, integrated
from music.analyze.peaks import PeakMeter, true_peak
from music.analyze.spectrum import CENTRES_HZ, Spectrum
from music.theory import parse_key
from tests import band

Audio = npt.NDArray[np.float32]


def sine(hertz: float, dbfs: float, seconds: float, rate: int, phase: float = 0.0) -> Audio:
    wave = 10 ** (dbfs / 20) * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate + phase)
    both: Audio = np.stack((wave, wave)).astype(np.float32)
    return both


def noise(seconds: float, rate: int = 44_100) -> Audio:
    hiss: Audio = (0.1 * seeds.generator(3, "noise").standard_normal((2, round(seconds * rate)))).astype(np.float32)
    return hiss


def song(seconds: float = 16.0, bpm: float = 120.0, rate: int = 44_100) -> Audio:
    return band.together(seconds, bpm, rate) * np.float32(0.3)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_a_tone_of_minus_23_measures_minus_23(rate: int) -> None:
    # EBU Tech 3341, case 1.
    assert integrated(sine(1000, -23.0, 5.0, rate), rate) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_quiet_passages_are_gated_out(rate: int) -> None:
    # EBU Tech 3341, case 3: 10 s at -36, 60 s at -23, 10 s at -36; here half as long, the ends less.
    parts = [sine(1000, level, seconds, rate) for level, seconds in ((-36.0, 2.0), (-23.0, 30.0), (-36.0, 2.0))]
    assert integrated(np.concatenate(parts, axis=1), rate) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_loudness_agrees_with_pyloudnorm(rate: int) -> None:
    for audio in (song(6.0, 120.0, rate), noise(4.0, rate)):
        expected = pyloudnorm.Meter(rate).integrated_loudness(audio.T.astype(np.float64))
        assert integrated(audio, rate) == pytest.approx(expected, abs=0.1)


def test_a_meter_does_not_care_how_it_is_fed() -> None:
    audio = song(4.0)
    meter = Meter(44_100)
    place = 0
    for count in (1, 7, 4410, 44_100, 10_000, 63_000, 10**6):
        meter.feed(audio[:, place : place + count])
        place += count
    assert meter.integrated() == pytest.approx(integrated(audio, 44_100), abs=0.005)


def test_range_and_short_term_follow_the_music() -> None:
    meter = Meter(44_100)
    for level in (-30.0, -20.0):
        meter.feed(sine(1000, level, 12.0, 44_100))
    result = meter.result()
    assert result.range == pytest.approx(10.0, abs=0.5)
    assert result.loudest_short_term == pytest.approx(-20.0, abs=0.1)


def test_peaks_between_the_samples_are_seen() -> None:
    between = sine(44_100 / 4, 0.0, 0.5, 44_100, phase=np.pi / 4)[:, 100:-100]
    assert 20 * np.log10(np.abs(between).max()) == pytest.approx(-3.01, abs=0.01)
    window = np.hanning(between.shape[1]).astype(np.float32)
    assert true_peak(between * window) == pytest.approx(0.0, abs=0.15)


def test_true_peak_agrees_with_plain_oversampling_and_does_not_care_how_it_is_fed() -> None:
    audio = song(3.0)
    expected = 20 * np.log10(np.abs(resample_poly(audio.astype(np.float64), 4, 1, axis=1)).max())
    assert true_peak(audio) == pytest.approx(expected, abs=0.1)
    meter = PeakMeter()
    for start in range(0, audio.shape[1], 997):
        meter.feed(audio[:, start : start + 997])
    assert meter.dbtp() == pytest.approx(true_peak(audio), abs=1e-3)


def test_a_peak_at_the_very_end_counts() -> None:
    audio = np.zeros((2, 10_001), dtype=np.float32)
    audio[1, -1] = -0.5
    assert true_peak(audio) == pytest.approx(-6.02, abs=0.01)


def test_white_noise_tilts_up_and_bands_add_up_to_the_whole() -> None:
    spectrum = Spectrum(44_100)
    spectrum.feed(noise(4.0))
    assert spectrum.tilt_db() == pytest.approx(20.0, abs=1.0)  # 3 dB an octave
    bands = spectrum.bands_db()
    assert len(bands) == len(CENTRES_HZ)
    assert 10 * np.log10(sum(10 ** (band / 10) for band in bands)) == pytest.approx(0.0, abs=0.2)


@pytest.mark.parametrize("bpm", [70.0, 93.5, 120.0, 128.0, 140.0, 174.0])
def test_tempo_is_found_within_a_percent(bpm: float) -> None:
    found = tempo.estimate(song(16.0, bpm), 44_100)
    assert min(abs(found.bpm * fold / bpm - 1) for fold in (0.5, 2 / 3, 1.0, 1.5, 2.0)) < 0.01
    assert found.confidence > 0.5


def test_what_has_no_pulse_is_not_given_one_with_confidence() -> None:
    assert tempo.estimate(noise(8.0), 44_100).confidence < 0.35
    assert tempo.estimate(np.zeros((2, 44_100), dtype=np.float32), 44_100).bpm == 0.0


@pytest.mark.parametrize("shift", [0, 3, 7, 10])
def test_the_key_is_found_or_its_relative(shift: int) -> None:
    tonal = sum(band.stems(8.0)[stem] for stem in ("bass", "chords", "lead", "pad"))
    moved = resample_poly(tonal, 1000, round(1000 * 2 ** (shift / 12)), axis=1).astype(np.float32)
    found = tonality.estimate(moved, 44_100)
    assert set(found.key.scale) == {(pitch + shift) % 12 for pitch in parse_key("A minor").scale}
    assert found.correlation > 0.7


def test_a_change_of_everything_is_a_boundary() -> None:
    stems = band.stems(24.0)
    half = 12 * 44_100
    audio = np.concatenate((stems["chords"][:, :half] + stems["bass"][:, :half], song(24.0)[:, half:]), axis=1)
    assert any(abs(place - 12.0) <= 1.0 for place in form.boundaries(audio, 44_100))
    assert form.boundaries(audio[:, : 3 * 44_100], 44_100) == []


def test_stereo_knows_mono_from_opposites() -> None:
    same = sine(500, -12.0, 2.0, 44_100)
    assert stereo.measure(same, 44_100).correlation == pytest.approx(1.0)
    assert stereo.measure(same, 44_100).mono_loss == pytest.approx(0.0, abs=0.01)
    opposite = same * np.array([[1.0], [-1.0]], dtype=np.float32)
    assert stereo.measure(opposite, 44_100).correlation == pytest.approx(-1.0)
    assert stereo.measure(noise(2.0), 44_100).mono_loss == pytest.approx(3.0, abs=0.2)


def test_a_description_holds_what_a_reference_needs() -> None:
    found = describe(song(12.0, 124.0), 44_100)
    assert found["bpm"] == pytest.approx(124.0, rel=0.01)
    assert found["key"] in {"A minor", "C major"}
    assert found["duration"] == 12.0
    assert found["loudness"] == pytest.approx(integrated(song(12.0, 124.0), 44_100), abs=0.1)
    assert len(found["bands_db"]) == 10
    assert set(found["confidence"]) == {"bpm", "key"}


def test_energy_tells_a_club_from_a_lullaby() -> None:
    stems = band.stems(12.0)
    calm = stems["pad"] + np.float32(0.3) * stems["chords"]
    assert describe(calm, 44_100)["energy"] < describe(song(12.0), 44_100)["energy"] - 0.2


def test_mono_short_and_silent_files_are_described_too() -> None:
    for audio in (noise(0.5)[:1], np.zeros((2, 1000), dtype=np.float32), noise(2.0, 16_000)):
        found = describe(audio, 44_100)
        assert 0.0 <= found["energy"] <= 1.0
        assert np.isfinite(found["bands_db"]).all()

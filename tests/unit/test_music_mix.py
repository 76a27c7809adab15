from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy import fft
from scipy.signal import fftconvolve

from music.analyze import stereo
from music.analyze.loudness import integrated
from music.genres import GENRES
from music.mix import Mixed, hold, mixdown, settings
from music.mix.blocks import BLOCK, hop_power
from music.mix.convolve import Convolver
from music.mix.dynamics import Compressor, saturate
from music.mix.preview import preview
from music.mix.staging import playing_loudness
from music.mix.strips import network
from music.plan import STEMS, Mix, Plan, Strip
from tests import band

RATE = 44_100
SECONDS = 3.0
Audio = npt.NDArray[np.float32]


def mixed(
    plan: Plan, stems: dict[str, Audio], *, rate: int = RATE, loop: bool | None = None
) -> tuple[dict[str, Audio], Audio]:
    parts = list(mixdown(plan, {stem: hold(audio) for stem, audio in stems.items()}, rate=rate, loop=loop))
    return joined(parts)


def joined(parts: list[Mixed]) -> tuple[dict[str, Audio], Audio]:
    stems = {stem: np.concatenate([part.stems[stem] for part in parts], axis=1) for stem in parts[0].stems}
    return stems, np.concatenate([part.mix for part in parts], axis=1)


def with_strip(stem: str, strip: Strip, *, genre: str = "pop", seconds: float = SECONDS) -> Plan:
    return replace(band.plan(seconds=seconds, genre=genre), mix=Mix(strips={stem: strip}))


def tone(hertz: float, seconds: float = SECONDS, level: float = 0.1) -> Audio:
    wave = level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    both: Audio = np.stack((wave, wave)).astype(np.float32)
    return both


def level_db(audio: Audio) -> float:
    return float(10 * np.log10((audio.astype(np.float64) ** 2).mean() + 1e-12))


def to_24_bits(audio: Audio) -> npt.NDArray[np.float64]:
    return np.asarray(np.rint(audio.astype(np.float64) * 2**23) / 2**23)


def test_every_genre_has_a_mix_of_its_own() -> None:
    mixes = {genre: settings(genre=genre, energy=0.5, stems=STEMS) for genre in GENRES}
    assert all(set(mix.strips) == set(STEMS) for mix in mixes.values())
    assert len({str(mix) for mix in mixes.values()}) == len(GENRES)


def test_only_stems_that_play_get_a_strip() -> None:
    assert set(settings(genre="jazz", energy=0.5, stems={"bass", "lead"}).strips) == {"bass", "lead"}


def test_a_reference_tilts_the_mix_as_far_as_it_is_followed() -> None:
    bright = {"tilt_db": -6.0, "loudness": -9.0}
    plain = settings(genre="pop", energy=0.5, stems=STEMS)
    half = settings(genre="pop", energy=0.5, stems=STEMS, reference=bright, strength=0.5)
    whole = settings(genre="pop", energy=0.5, stems=STEMS, reference=bright, strength=1.0)
    assert plain.tilt_db < half.tilt_db < whole.tilt_db
    assert plain.loudness_target == -14.0 > -20.0
    assert half.loudness_target == pytest.approx(-11.5)
    asked = settings(genre="pop", energy=0.5, stems=STEMS, reference=bright, strength=1.0, loudness_target=-16.0)
    assert asked.loudness_target == -16.0


@pytest.mark.parametrize("genre", ["house", "lo-fi", "classical", "ambient"])
def test_stems_sum_to_the_mix_at_24_bits(genre: str) -> None:
    stems, mix = mixed(band.plan(seconds=2.0, genre=genre), band.stems(2.0))
    assert mix.shape == (2, 2 * RATE)
    residual = sum(to_24_bits(stem) for stem in stems.values()) - to_24_bits(mix)
    assert 20 * np.log10(np.abs(residual).max() + 1e-12) <= -100.0
    assert np.abs(mix).max() < 1.0


def test_every_stem_is_heard_and_clean() -> None:
    stems, _ = mixed(band.plan(seconds=SECONDS, genre="techno"), band.stems(SECONDS))
    for stem, audio in stems.items():
        assert np.isfinite(audio).all()
        assert abs(float(audio.mean(dtype=np.float64))) < 0.002
        assert integrated(audio, RATE) > -45.0, stem


def test_the_same_input_gives_the_same_bytes() -> None:
    plan = band.plan(seconds=2.0)
    first, second = (mixed(plan, band.stems(2.0))[1].tobytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("left_out", ["drums", "bass", "fx"])
def test_leaving_one_stem_out_changes_no_other(left_out: str) -> None:
    plan, stems = band.plan(seconds=2.0, genre="synthwave"), band.stems(2.0)
    all_of_them, _ = mixed(plan, stems)
    fewer, _ = mixed(plan, {stem: audio for stem, audio in stems.items() if stem != left_out})
    assert left_out not in fewer
    assert all(np.array_equal(fewer[stem], all_of_them[stem]) for stem in fewer)


def test_how_loud_a_stem_was_rendered_does_not_matter() -> None:
    plan, stems = band.plan(seconds=2.0), band.stems(2.0)
    _, usual = mixed(plan, stems)
    _, quieter = mixed(plan, {**stems, "lead": stems["lead"] * np.float32(0.1)})
    assert np.abs(usual - quieter).max() < 1e-4


@pytest.mark.parametrize("genre", GENRES)
def test_every_mix_is_wide_but_not_in_the_bass_nor_lost_in_mono(genre: str) -> None:
    _, mix = mixed(band.plan(seconds=2.0, genre=genre), band.stems(2.0))
    measured = stereo.measure(mix, RATE)
    assert 0.2 <= measured.correlation <= 0.97
    assert measured.low_correlation > 0.9
    assert measured.mono_loss < 3.0


def test_the_convolver_does_what_a_convolution_does() -> None:
    strip = Strip(pan=0.3, width=1.4, low_cut_hz=80, reverb=0.5, delay=0.4)
    made = network(strip, stem="lead", genre="pop", seconds_per_beat=0.5, rate=RATE)
    blocks = len(made.later) + 3
    draw = np.random.default_rng(5)
    source = draw.standard_normal((2, 2 * BLOCK)).astype(np.float32)
    convolver = Convolver({"lead": made})
    silence = np.zeros((2, BLOCK), dtype=np.float32)
    sent = [source[:, :BLOCK], source[:, BLOCK:], *[silence] * (blocks - 2)]
    result = np.concatenate([convolver.process({"lead": block.copy()})["lead"] for block in sent], axis=1)
    first = fft.irfft(made.first, 2 * BLOCK)
    for channel in range(2):
        expected = sum(fftconvolve(source[i], first[channel, i])[: blocks * BLOCK] for i in range(2))
        expected = np.pad(expected, (0, blocks * BLOCK - len(expected)))
        for late, spectra in enumerate(made.later, start=1):
            whole = np.pad(spectra[channel], (0, BLOCK + 1 - len(spectra[channel])))
            response = fft.irfft(whole, 2 * BLOCK)
            tail = fftconvolve(source[0] + source[1], response)
            start = late * BLOCK
            kept = tail[: blocks * BLOCK - start]
            expected[start : start + len(kept)] += kept
        # Late responses stop sharply at a frequency, and so ring a little over their block.
        assert np.abs(result[channel] - expected).max() < 2e-3 * np.abs(expected).max()


def test_reverb_rings_on_and_delay_repeats() -> None:
    click = np.zeros((2, round(SECONDS * RATE)), dtype=np.float32)
    click[:, 1000:1200] = tone(700, 200 / RATE, 0.5)
    dry, _ = mixed(with_strip("lead", Strip()), {"lead": click})
    hall, _ = mixed(with_strip("lead", Strip(reverb=0.5), genre="classical"), {"lead": click})
    echo, _ = mixed(with_strip("lead", Strip(delay=0.5)), {"lead": click})
    later = slice(RATE // 2, RATE)
    assert level_db(hall["lead"][:, later]) > level_db(dry["lead"][:, later]) + 40
    repeat = 1000 + round(0.75 * 0.5 * RATE)  # a dotted eighth at 120
    around = np.abs(echo["lead"]).max(axis=0)
    assert around[repeat : repeat + 300].max() > 20 * around[repeat - 3000 : repeat - 300].max()


def test_the_kick_pushes_down_what_is_ducked() -> None:
    steady = tone(440)
    still, _ = mixed(with_strip("pad", Strip()), {"pad": steady})
    ducked, _ = mixed(with_strip("pad", Strip(duck=0.7)), {"pad": steady})
    beat = RATE // 2
    for kick in range(2, 5):
        at, between = slice(kick * beat, kick * beat + 1000), slice(kick * beat - 1500, kick * beat - 500)
        assert level_db(ducked["pad"][:, at]) < level_db(still["pad"][:, at]) - 8
        assert level_db(ducked["pad"][:, between]) == pytest.approx(level_db(still["pad"][:, between]), abs=0.5)


def test_pan_moves_and_keeps_the_power() -> None:
    for pan in (-0.5, 0.5):
        centred, _ = mixed(with_strip("lead", Strip()), {"lead": tone(900)})
        moved, _ = mixed(with_strip("lead", Strip(pan=pan)), {"lead": tone(900)})
        left, right = level_db(moved["lead"][:1]), level_db(moved["lead"][1:])
        assert (right > left + 5) if pan > 0 else (left > right + 5)
        assert level_db(moved["lead"]) == pytest.approx(level_db(centred["lead"]), abs=0.3)


def test_width_and_chorus_spread_what_was_in_the_middle() -> None:
    source = {"pad": band.stems(SECONDS)["lead"]}
    narrow, _ = mixed(with_strip("pad", Strip()), source)
    wide, _ = mixed(with_strip("pad", Strip(width=1.6)), source)
    chorus, _ = mixed(with_strip("pad", Strip(chorus=0.8)), source)
    assert stereo.correlation(narrow["pad"]) > 0.999
    assert stereo.correlation(wide["pad"]) < 0.9
    assert stereo.correlation(chorus["pad"]) < 0.9
    middle = [audio["pad"].mean(axis=0, keepdims=True) for audio in (narrow, wide)]
    assert np.abs(middle[0] - middle[1]).max() < 1e-4


def test_a_compressor_evens_out_and_does_not_click() -> None:
    loud_then_soft = tone(200, 4 * BLOCK / RATE, 0.5)
    loud_then_soft[:, 2 * BLOCK :] *= 0.1
    made = Compressor(RATE, threshold_db=-24, ratio=4, attack_seconds=0.01, release_db_per_second=60)
    result = np.concatenate(
        [made.process(loud_then_soft[:, i * BLOCK : (i + 1) * BLOCK].copy()) for i in range(4)], axis=1
    )
    before = level_db(loud_then_soft[:, BLOCK : 2 * BLOCK]) - level_db(loud_then_soft[:, 3 * BLOCK :])
    after = level_db(result[:, BLOCK : 2 * BLOCK]) - level_db(result[:, 3 * BLOCK :])
    assert after < before - 8
    gain = result[0, 100:] / np.where(np.abs(loud_then_soft[0, 100:]) > 1e-3, loud_then_soft[0, 100:], np.nan)
    steps = np.abs(np.diff(gain))
    assert np.nanmax(steps) < 0.01


def test_drive_adds_harmonics_and_no_loudness_to_speak_of() -> None:
    clean, driven = tone(300, 1.0, 0.25), saturate(tone(300, 1.0, 0.25), 0.6)
    spectrum = np.abs(np.fft.rfft(driven[0]))
    assert spectrum[900] > 0.03 * spectrum[300]
    assert spectrum[600] > 0.003 * spectrum[300]
    assert abs(level_db(driven) - level_db(clean)) < 6
    assert np.array_equal(saturate(tone(300), 0.0), tone(300))


def test_energetic_sections_are_ridden_up() -> None:
    plan = with_strip("pad", Strip(), seconds=8.0)
    stems, _ = mixed(plan, {"pad": tone(440, 8.0)})
    verse, chorus = stems["pad"][:, RATE : 3 * RATE], stems["pad"][:, 5 * RATE : 6 * RATE]
    assert 1.2 < level_db(chorus) - level_db(verse) < 2.6


def test_the_end_fades_and_a_loop_runs_into_its_beginning() -> None:
    sounding = {"pad": tone(441)}
    ended, _ = mixed(with_strip("pad", Strip(reverb=0.5)), sounding)
    looped, _ = mixed(with_strip("pad", Strip(reverb=0.5)), sounding, loop=True)
    asked = replace(with_strip("pad", Strip(reverb=0.5)), resolved={"loop": {"value": True, "honoured": "exact"}})
    assert np.array_equal(mixed(asked, sounding)[0]["pad"], looped["pad"])
    assert level_db(ended["pad"][:, -200:]) < level_db(looped["pad"][:, -200:]) - 30
    assert level_db(ended["pad"][:, :2000]) < level_db(looped["pad"][:, :2000])
    seam = np.concatenate((looped["pad"][:, -2000:], looped["pad"][:, :2000]), axis=1)
    bends = np.abs(np.diff(seam[0], n=2))
    assert bends[1990:2010].max() < 3 * np.median(np.sort(bends)[-400:])


def test_levels_are_measured_where_a_stem_plays() -> None:
    audio = tone(1000, 6.0)
    audio[:, 2 * RATE :] = 0.0
    only = tone(1000, 2.0)
    sparse = playing_loudness(hold(audio), audio.shape[1], RATE)
    assert sparse == pytest.approx(playing_loudness(hold(only), only.shape[1], RATE), abs=0.3)
    assert sparse == pytest.approx(integrated(only, RATE), abs=0.3)


def test_silence_stays_silence() -> None:
    quiet = np.zeros((2, 2 * RATE), dtype=np.float32)
    _, mix = mixed(band.plan(seconds=2.0), {"bass": quiet, "fx": quiet})
    assert not mix.any()


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_pieces_of_any_length_come_out_to_the_sample(rate: int) -> None:
    for seconds in (1.0, 1.7311):
        plan = band.plan(seconds=seconds, stems=("drums", "pad"))
        stems = {stem: audio for stem, audio in band.stems(seconds, 120.0, rate).items() if stem in ("drums", "pad")}
        _, mix = mixed(plan, stems, rate=rate)
        assert mix.shape == (2, round(seconds * rate))


def test_a_preview_is_loud_enough_and_never_clips() -> None:
    stems = band.stems(2.0)
    known = {stem: playing_loudness(hold(audio), audio.shape[1], RATE) for stem, audio in stems.items()}
    heard = preview(band.plan(seconds=2.0), stems, known)
    assert np.abs(preview(band.plan(seconds=2.0), stems)).max() < 0.99
    assert heard.dtype == np.float32
    assert np.abs(heard).max() < 0.99
    assert -22 < integrated(heard, RATE) < -11
    assert preview(band.plan(seconds=2.0), {}).shape == (2, 0)


def test_hop_power_is_the_mean_square() -> None:
    block = np.random.default_rng(1).standard_normal((2, BLOCK)).astype(np.float32)
    assert hop_power(block).mean() == pytest.approx(float((block**2).mean()), rel=1e-4)

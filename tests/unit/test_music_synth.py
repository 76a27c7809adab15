from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest

from music.instruments import (
    BRUSH_SWIRL,
    CLAP,
    CLOSED_HAT,
    CRASH,
    HIGH_TOM,
    INSTRUMENTS,
    KICK,
    LOW_TOM,
    OPEN_HAT,
    RIDE,
    RIDE_BELL,
    RIM,
    SHAKER,
    SNARE,
    TRIANGLE,
)
from music.synth import tones
from music.synth.catalogue import REFERENCE_DBFS, VOICES, gain
from music.synth.signals import Audio, Stroke, hertz, slid, slur

RATE = 44_100
KITS = [name for name in INSTRUMENTS if name.startswith("kit_")]
PITCHED = [name for name, instrument in INSTRUMENTS.items() if instrument.low > 0]
KIT_PIECES = [KICK, SNARE, RIM, CLAP, CLOSED_HAT, OPEN_HAT, LOW_TOM, HIGH_TOM, CRASH, RIDE, RIDE_BELL]
#: They breathe, scrape or click besides their tone.
NOISY = {"flute", "violin", "muted_trumpet", "voice_ooh", "voice_aah", "organ", "lead_guitar", "power_guitar"}

#: Their colour hardly changes with the touch, or not by what a centroid shows.
UNTOUCHED = {"sub_bass", "bass_808", "reese_bass", "upright_bass", "organ", "power_guitar", "lead_guitar", "warm_pad"}
UNTOUCHED |= {"dark_pad", "voice_ooh", "stab", "choir"}

Values = npt.NDArray[np.float64]


def middle(name: str) -> int:
    return (INSTRUMENTS[name].low + INSTRUMENTS[name].high) // 2


def played(name: str, pitch: int, *, seconds: float = 1.0, velocity: float = 0.8, take: int = 0) -> Audio:
    """(channels, samples), at its level; what rings is damped when the key is let go."""
    voice = VOICES[name]
    sound = np.atleast_2d(tones.make(tones.key(name, (pitch,), seconds, velocity, take), RATE))
    if voice.rings and not voice.free:
        sound = sound[:, : round((seconds + voice.release) * RATE)]
    return sound * np.float32(gain(name, velocity))


def spectrum(sound: Audio, begin: float, end: float) -> tuple[Values, Values]:
    part = sound[0, round(begin * RATE) : round(end * RATE)].astype(np.float64)
    powers: Values = np.square(np.abs(np.fft.rfft(part * np.hanning(len(part)))))
    frequencies: Values = np.linspace(0.0, RATE / 2, len(powers))
    return frequencies, powers


def centroid(sound: Audio, begin: float = 0.0, end: float = 0.2) -> float:
    frequencies, powers = spectrum(sound, begin, end)
    return float((frequencies * powers).sum() / powers.sum())


def level(sound: Audio) -> float:
    """dBFS of the loudest 400 ms of the louder channel."""
    window = round(0.4 * RATE)
    padded = np.pad(sound.astype(np.float64) ** 2, ((0, 0), (1, max(0, window - sound.shape[1]))))
    sums = np.cumsum(padded, axis=1)
    return float(10 * np.log10((sums[:, window:] - sums[:, :-window]).max() / window + 1e-20))


def test_every_instrument_has_a_voice() -> None:
    assert set(VOICES) == set(INSTRUMENTS)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_a_sound_is_clean_and_begins_and_ends_at_zero(name: str) -> None:
    instrument = INSTRUMENTS[name]
    pitches = KIT_PIECES if name in KITS else [SHAKER, TRIANGLE, 64] if name == "percussion" else [60]
    for pitch in pitches if instrument.low == 0 else [instrument.low, instrument.high]:
        for seconds in (0.03, 0.7):
            voice = VOICES[name]
            sound = np.atleast_2d(tones.make(tones.key(name, (pitch,), seconds, 0.9, 1), RATE))
            assert sound.dtype == np.float32
            assert np.isfinite(sound).all()
            assert not sound[:, 0].any()
            assert not sound[:, -1].any()
            heard = sound * np.float32(gain(name, 0.9))
            assert 0.01 < float(np.abs(heard).max()) < 1.0
            assert float(np.abs(np.diff(heard[:, -40:], axis=1)).max()) < 0.02
            # A low note of a few milliseconds is no whole number of waves.
            assert float(np.abs(heard.mean())) < (0.002 if seconds > 0.5 else 0.02)
            longest = (
                voice.longest if voice.free else (sound.shape[1] if voice.rings else seconds + voice.release + 0.02)
            )
            assert sound.shape[1] <= max(longest, voice.stretch + voice.release) * RATE + 2


@pytest.mark.parametrize("name", PITCHED)
def test_instruments_are_equally_loud(name: str) -> None:
    instrument = INSTRUMENTS[name]
    pitches = np.linspace(instrument.low, instrument.high, 5)[1:4].round()
    levels = [level(played(name, int(pitch))) for pitch in pitches]
    assert np.mean(levels) == pytest.approx(REFERENCE_DBFS, abs=2.0)
    assert max(levels) - min(levels) < 5.0


@pytest.mark.parametrize("name", PITCHED)
def test_instruments_are_in_tune(name: str) -> None:
    pitch = middle(name)
    frequencies, powers = spectrum(played(name, pitch, seconds=2.0), 0.15, 1.9)
    # By the lowest harmonic that stands out: a pizzicato has little else, a mute takes the fundamental away.
    found = []
    for number in (1, 2, 3):
        near = np.abs(np.log2(frequencies[1:] / (number * hertz(pitch)))) < 1 / 12
        at = 1 + int(np.argmax(np.where(near, powers[1:], 0.0)))
        low, peak, high = np.log(powers[at - 1 : at + 2] + 1e-30)
        place = frequencies[at] + 0.5 * (low - high) / (low - 2 * peak + high) * frequencies[1]
        found.append((float(powers[at]), 1200 * np.log2(place / (number * hertz(pitch)))))
    cents = max(found)[1]
    assert abs(cents) < 15


@pytest.mark.parametrize("name", [name for name in PITCHED if name not in NOISY])
def test_nothing_aliases(name: str) -> None:
    """What is reflected at the Nyquist frequency comes down below the fundamental."""
    pitch = INSTRUMENTS[name].high
    frequencies, powers = spectrum(played(name, pitch, velocity=1.0), 0.3, 1.0)
    lowest = 0.4 if name == "bell" else 0.8
    below = powers[(frequencies > 20) & (frequencies < lowest * hertz(pitch) - 15)].sum()
    assert 10 * np.log10(below / powers.sum() + 1e-30) < -48


@pytest.mark.parametrize(
    "name",
    sorted(set(PITCHED) - UNTOUCHED),
)
def test_a_harder_touch_is_brighter(name: str) -> None:
    soft, hard = (centroid(played(name, middle(name), velocity=velocity)) for velocity in (0.2, 1.0))
    assert hard > 1.06 * soft


@pytest.mark.parametrize("name", [name for name in PITCHED if INSTRUMENTS[name].decays])
def test_what_is_struck_dies_away(name: str) -> None:
    sound = played(name, middle(name), seconds=2.0)
    early, late = sound[0, 2000:12_000], sound[0, -30_000:-20_000]
    assert float((late**2).mean()) < 0.5 * float((early**2).mean())


def test_partials_of_a_piano_are_stretched_and_the_high_ones_go_first() -> None:
    note = played("piano", 48, seconds=3.0, velocity=1.0)
    frequencies, powers = spectrum(note, 0.1, 1.5)
    near = np.abs(frequencies - 12 * hertz(48)) < 60
    twelfth = frequencies[near][np.argmax(powers[near])]
    assert 1.005 < twelfth / (12 * hertz(48)) < 1.04
    assert centroid(note, 2.0, 2.4) < 0.8 * centroid(note, 0.0, 0.4)


def test_an_808_falls_to_its_pitch_and_lasts() -> None:
    note = played("bass_808", 36, seconds=2.0)
    begin, later = centroid(note, 0.0, 0.05), centroid(note, 0.4, 0.8)
    assert begin > 1.2 * later
    assert level(note[:, round(0.8 * RATE) :]) > level(note) - 10


def test_the_filter_of_an_acid_bass_closes_and_detuned_saws_beat() -> None:
    acid = played("acid_bass", 40, velocity=1.0)
    assert centroid(acid, 0.5, 0.9) < 0.7 * centroid(acid, 0.0, 0.1)
    reese = played("reese_bass", 36, seconds=4.0)[0, RATE : 4 * RATE]
    loudness = np.sqrt((reese[: len(reese) // 2205 * 2205].reshape(-1, 2205) ** 2).mean(axis=1))
    assert loudness.max() > 1.5 * loudness.min()


@pytest.mark.parametrize("name", ["supersaw", "strings", "warm_pad", "glass_pad", "dark_pad", "choir", "brass"])
def test_ensembles_are_wide_but_do_not_vanish_in_mono(name: str) -> None:
    left, right = played(name, middle(name), seconds=2.0)
    assert 0.2 < float(np.corrcoef(left, right)[0, 1]) < 0.95


def test_a_power_chord_is_one_sound_with_tones_between_its_tones() -> None:
    def root(pitches: tuple[int, ...]) -> float:
        sound = np.atleast_2d(tones.make(tones.key("power_guitar", pitches, 1.0, 0.9, 0), RATE))
        frequencies, powers = spectrum(sound, 0.2, 1.0)
        octave_below = np.abs(frequencies - hertz(45) / 2) < 4
        return float(10 * np.log10(powers[octave_below].sum() / powers.sum()))

    assert root((45, 52, 57)) > root((45,)) + 30


def test_a_short_power_chord_is_damped_by_the_palm_and_a_long_one_is_strummed() -> None:
    def chord(seconds: float) -> Audio:
        return tones.make(tones.key("power_guitar", (40, 47, 52), seconds, 0.8, 0), RATE)

    muted, held = chord(0.13), chord(1.0)
    assert centroid(muted, 0.03, 0.13) < 0.6 * centroid(held, 0.03, 0.13)
    # The root is there before the fifth.
    frequencies, powers = spectrum(chord(1.0)[:, : round(0.005 * RATE)], 0.0, 0.005)
    assert frequencies[int(np.argmax(powers))] < hertz(47) + RATE / len(powers)


@pytest.mark.parametrize("name", ["saw_lead", "square_lead", "voice_aah", "voice_ooh", "bass_808"])
def test_a_slurred_note_comes_from_the_one_before(name: str) -> None:
    pitch = middle(name) - 5
    sounds = [tones.make(tones.key(name, (pitch,), 1.0, 0.8, 0, source), RATE) for source in (pitch + 7, None)]
    slurred, plain = (np.atleast_2d(sound) for sound in sounds)
    assert slurred.shape == plain.shape
    assert level(slurred) == pytest.approx(level(plain), abs=4.0)
    assert float(np.corrcoef(slurred[0, :2000], plain[0, :2000])[0, 1]) < 0.9
    # It has arrived: what is loudest is a multiple of its pitch.
    frequencies, powers = spectrum(slurred, 0.3, 1.0)
    number = frequencies[int(np.argmax(powers))] / hertz(pitch)
    assert number == pytest.approx(round(number), rel=0.02)


def test_a_slide_takes_the_turns_of_the_pitches_that_it_passes() -> None:
    stroke = Stroke(instrument="saw_lead", pitches=(57,), seconds=1.0, velocity=0.8, take=0, rate=RATE, source=69)
    cents = slur(stroke, RATE, 0.1)
    assert (cents[0], cents[-1]) == (1200.0, 0.0)
    assert (np.diff(cents) <= 0.0).all()
    turns = np.unwrap(slid(220.0, cents, RATE).astype(np.float64), period=2**32)[-1] / 2**32
    assert turns == pytest.approx((220.0 * 2 ** (cents / 1200)).mean(dtype=np.float64), rel=1e-3)


def test_a_voice_begins_with_a_consonant_and_its_vowels_move() -> None:
    syllables = [played("voice_aah", 62, seconds=1.5, take=take) for take in range(3)]
    colours = [centroid(syllable, 0.5, 1.2) for syllable in syllables]
    assert max(colours) > 1.1 * min(colours)
    assert any(centroid(syllable, 0.0, 0.06) < 0.8 * centroid(syllable, 0.5, 1.2) for syllable in syllables)


def test_a_brush_is_loudest_where_the_hand_is_quickest() -> None:
    circle = played("brush_swirl", BRUSH_SWIRL, seconds=0.7)
    fifths = [level(part) for part in np.array_split(circle[:, : round(0.7 * RATE)], 5, axis=1)]
    assert int(np.argmax(fifths)) == 0
    assert max(fifths) > min(fifths) + 3
    assert centroid(circle, 0.05, 0.2) > 1.1 * centroid(circle, 0.4, 0.55)


def shape(kit: str, piece: int) -> Values:
    """How the energy of a hit is spread over bands and time, in decibels."""
    sound = played(kit, piece)[0].astype(np.float64)
    sound = np.pad(sound, (0, max(0, RATE // 4 - len(sound))))[: RATE // 4]
    rows = []
    for part in np.split(sound[: RATE // 4 // 5 * 5], 5):
        powers = np.abs(np.fft.rfft(part)) ** 2
        edges = np.geomspace(2, len(powers) - 1, 9).astype(int)
        rows.append([powers[low:high].sum() for low, high in pairwise(edges)])
    shape: Values = np.maximum(10 * np.log10(np.array(rows) / np.max(rows) + 1e-9), -60.0)
    return shape


@pytest.mark.parametrize("piece", [KICK, SNARE, CLOSED_HAT])
def test_kits_are_told_apart(piece: int) -> None:
    shapes = {kit: shape(kit, piece) for kit in KITS}
    for one, other in combinations(KITS, 2):
        assert float(np.abs(shapes[one] - shapes[other]).mean()) > 1.0, (one, other)


@pytest.mark.parametrize("kit", KITS)
def test_a_kit_is_balanced_and_no_two_hits_are_the_same(kit: str) -> None:
    levels = {piece: level(played(kit, piece)) for piece in KIT_PIECES}
    assert levels[KICK] > levels[SNARE] - 1 > levels[CLOSED_HAT] + 5
    assert levels[OPEN_HAT] > levels[CLOSED_HAT]
    assert len(played(kit, OPEN_HAT)[0]) > 2 * len(played(kit, CLOSED_HAT)[0])
    assert centroid(played(kit, LOW_TOM)) < centroid(played(kit, HIGH_TOM))
    first, second = (played(kit, SNARE, take=take)[0] for take in (0, 1))
    size = min(len(first), len(second))
    assert float(np.abs(first[:size] - second[:size]).max()) > 0.01
    assert level(first[np.newaxis]) == pytest.approx(level(second[np.newaxis]), abs=2.5)
    assert centroid(played(kit, SNARE, velocity=1.0)) > centroid(played(kit, SNARE, velocity=0.2))


def test_a_riser_rises_and_a_fall_falls() -> None:
    up, down = (played(name, 60, seconds=4.0) for name in ("riser", "sweep_down"))
    assert centroid(up, 3.4, 3.8) > 2 * centroid(up, 0.4, 0.8)
    assert level(up[:, : RATE // 4]) < level(up) - 10
    assert centroid(down, 3.4, 3.8) < 0.5 * centroid(down, 0.2, 0.6)


def test_sounds_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tones.Key] = []
    real = tones.make

    def counted(key: tones.Key, rate: int) -> Audio:
        made.append(key)
        return real(key, rate)

    monkeypatch.setattr(tones, "make", counted)
    monkeypatch.setattr(tones, "MOST_BYTES", 300_000)
    kept = tones.Tones(RATE)
    hits = [tones.key("kit_808", (piece,), 0.1, 0.8, 0) for piece in (CLOSED_HAT, SNARE)]
    assert kept.get(hits[0]) is kept.get(hits[0])
    assert len(made) == 1
    for take in range(8):
        kept.get(tones.key("kit_808", (KICK,), 0.1, 0.8, take))
    kept.get(hits[0])
    assert len(made) == 10


def test_notes_of_different_lengths_share_the_ring_of_a_string() -> None:
    assert tones.key("piano", (60,), 0.3, 0.8, 0) == tones.key("piano", (60,), 0.5, 0.82, 0)
    assert tones.key("piano", (60,), 0.3, 0.8, 0) != tones.key("piano", (60,), 0.3, 0.2, 0)
    assert tones.key("organ", (60,), 0.3, 0.8, 0) != tones.key("organ", (60,), 0.5, 0.8, 0)

import hashlib
import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from PIL import Image

from music.composing import compose
from music.errors import RequestError
from music.instruments import KICK
from music.output import FORMATS, AudioWriter, StemFile, Waveform, midi, read_audio, write_audio
from music.output.picture import HEIGHT, LEFT, TONE_BOTTOM, TONE_TOP, WIDTH, Picture
from music.plan import LyricLine, Note, Track
from tests import band

RATE = 44_100
Audio = npt.NDArray[np.float32]


def song(seconds: float = 2.0) -> Audio:
    return band.together(seconds) * np.float32(0.2)


def every_kind() -> list[tuple[str, int]]:
    return [(name, bits) for name, made in FORMATS.items() for bits in made.subtypes]


@pytest.mark.parametrize(("name", "bits"), every_kind())
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_every_format_comes_back_as_long_and_as_loud_as_it_went(
    tmp_path: Path, name: str, bits: int, rate: int
) -> None:
    path = tmp_path / f"song{FORMATS[name].suffix}"
    write_audio(path, song(), name=name, source_rate=RATE, rate=rate, bits=bits)
    audio, found = read_audio(path)
    assert found == (48_000 if name == "opus" else rate)
    assert audio.shape == (2, 2 * found)
    assert (audio**2).mean() == pytest.approx((song() ** 2).mean(), rel=0.15)


@pytest.mark.parametrize(("name", "bits"), every_kind())
def test_the_same_sound_gives_the_same_bytes(tmp_path: Path, name: str, bits: int) -> None:
    paths = [tmp_path / f"{i}{FORMATS[name].suffix}" for i in range(2)]
    for path in paths:
        write_audio(path, song(1.0), name=name, source_rate=RATE, bits=bits)
    # What libsndfile would put in by the clock or by chance.
    if name == "wav" and bits == 32:
        data = paths[0].read_bytes()
        place = data.index(b"PEAK")
        assert data[place + 12 : place + 16] == bytes(4)
    if name in {"ogg", "opus"}:
        assert paths[0].read_bytes()[14:18] == b"tuti"
    assert len({hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}) == 1


def test_lossless_formats_lose_no_more_than_their_last_bit(tmp_path: Path) -> None:
    for name, bits in (("wav", 16), ("wav", 24), ("wav", 32), ("flac", 16), ("flac", 24)):
        write_audio(tmp_path / "song", song(), name=name, source_rate=RATE, bits=bits)
        audio, _ = read_audio(tmp_path / "song")
        steps = 2 if bits == 16 else 1
        assert np.abs(audio - song()).max() <= (0.0 if bits == 32 else steps * 2.0 ** (1 - bits))


def test_sixteen_bits_are_dithered(tmp_path: Path) -> None:
    quiet = np.full((2, RATE), 0.3 / 32_768, dtype=np.float32)
    write_audio(tmp_path / "quiet.wav", quiet, name="wav", source_rate=RATE, bits=16)
    audio, _ = read_audio(tmp_path / "quiet.wav")
    assert audio.mean() * 32_768 == pytest.approx(0.3, abs=0.02)


def test_what_is_too_loud_is_clipped_and_does_not_wrap(tmp_path: Path) -> None:
    loud = np.stack((np.linspace(0, 2, 1000), np.linspace(0, -2, 1000))).astype(np.float32)
    for bits in (16, 24):
        write_audio(tmp_path / "loud.wav", loud, name="wav", source_rate=RATE, bits=bits)
        audio, _ = read_audio(tmp_path / "loud.wav")
        assert audio[0, 600:].min() > 0.99
        assert audio[1, 600:].max() < -0.99


def test_blocks_and_the_whole_make_the_same_file(tmp_path: Path) -> None:
    audio = song()
    write_audio(tmp_path / "whole.wav", audio, name="wav", source_rate=RATE, rate=48_000)
    with AudioWriter(tmp_path / "blocks.wav", name="wav", source_rate=RATE, rate=48_000) as file:
        for start in range(0, audio.shape[1], 5_003):
            file.write(audio[:, start : start + 5_003])
    whole, blocks = read_audio(tmp_path / "whole.wav")[0], read_audio(tmp_path / "blocks.wav")[0]
    assert whole.shape == blocks.shape == (2, 96_000)
    assert np.abs(whole - blocks).max() < 1e-5


def test_resampling_keeps_time_and_pitch(tmp_path: Path) -> None:
    wave = np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)
    write_audio(
        tmp_path / "tone.flac",
        np.stack((wave, wave)).astype(np.float32) / 2,
        name="flac",
        source_rate=RATE,
        rate=48_000,
    )
    audio, rate = read_audio(tmp_path / "tone.flac")
    expected = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * rate) / rate)
    assert np.abs(audio[0] - expected)[2000:-2000].max() < 1e-3


@pytest.mark.parametrize(
    ("name", "bits", "field"), [("aiff", 24, "format"), ("flac", 32, "bit_depth"), ("wav", 8, "bit_depth")]
)
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, bits: int, field: str) -> None:
    with pytest.raises(RequestError) as refused:
        AudioWriter(tmp_path / "file", name=name, source_rate=RATE, bits=bits)
    assert refused.value.field == field


def test_a_reference_is_read_at_the_rate_asked_for_and_as_stereo(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "mono.wav", song()[0], RATE)
    audio, rate = read_audio(tmp_path / "mono.wav", rate=22_050)
    assert rate == 22_050
    assert audio.shape == (2, RATE)
    assert np.array_equal(audio[0], audio[1])
    assert read_audio(BytesIO((tmp_path / "mono.wav").read_bytes()))[0].shape == (2, 2 * RATE)


def test_strangers_files_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("no sound here" * 100)
    (tmp_path / "empty.mp3").write_bytes(b"")
    soundfile.write(tmp_path / "nothing.wav", np.zeros((0, 2)), RATE)
    soundfile.write(tmp_path / "slow.wav", np.zeros((100, 2)), 4000)
    write_audio(tmp_path / "song.wav", song(), name="wav", source_rate=RATE)
    (tmp_path / "cut.flac").write_bytes(b"fLaC" + bytes(50))
    for name in ("text.wav", "empty.mp3", "nothing.wav", "slow.wav", "cut.flac"):
        with pytest.raises(RequestError):
            read_audio(tmp_path / name)
    with pytest.raises(RequestError, match="seconds long"):
        read_audio(tmp_path / "song.wav", longest_seconds=1.0)
    with pytest.raises(RequestError, match="bytes"):
        read_audio(tmp_path / "song.wav", largest_bytes=1000)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "nan.wav", np.full((100, 2), np.nan), RATE, subtype="FLOAT")
    with pytest.raises(RequestError, match="not numbers"):
        read_audio(tmp_path / "nan.wav")


def test_a_stem_on_disk_can_be_read_from_anywhere(tmp_path: Path) -> None:
    write_audio(tmp_path / "stem.wav", song(), name="wav", source_rate=RATE, bits=32)
    with StemFile(tmp_path / "stem.wav") as stem:
        assert (stem.rate, stem.frames) == (RATE, 2 * RATE)
        for start in (0, 5000, 100, 70_000):
            assert np.array_equal(stem(start, 3000), song()[:, start : start + 3000])


def test_midi_says_tempo_meter_key_sections_and_players() -> None:
    plan = replace(
        band.plan(seconds=8.0, bpm=123.4),
        key="F# minor",
        lyrics=(LyricLine(start=4.0, beats=4.0, text="café"),),
    )
    file = mido.MidiFile(file=BytesIO(midi(plan)), charset="utf8")
    assert file.type == 1
    conductor = {message.type: message for message in file.tracks[0]}
    assert mido.tempo2bpm(conductor["set_tempo"].tempo) == pytest.approx(123.4, abs=1e-3)
    assert (conductor["time_signature"].numerator, conductor["time_signature"].denominator) == (4, 4)
    assert conductor["key_signature"].key == "F#m"
    assert [m.text for m in file.tracks[0] if m.type == "marker"] == ["Verse", "Chorus"]
    assert conductor["lyrics"].text == "café"
    assert [track.name for track in file.tracks[1:]] == [track.name for track in plan.tracks]
    kicks = [m for m in file.tracks[1] if m.type == "note_on"]
    assert {m.channel for m in kicks} == {9}
    assert {m.note for m in kicks} == {KICK}
    assert next(m for m in file.tracks[3] if m.type == "program_change").program == 81
    assert file.length == pytest.approx(8.0, abs=0.01)


def test_midi_counts_six_eight_in_dotted_quarters() -> None:
    plan = replace(band.plan(seconds=8.0, bpm=60.0), time_signature=6)
    file = mido.MidiFile(file=BytesIO(midi(plan)))
    conductor = {message.type: message for message in file.tracks[0]}
    assert mido.tempo2bpm(conductor["set_tempo"].tempo) == pytest.approx(90.0)
    assert (conductor["time_signature"].numerator, conductor["time_signature"].denominator) == (6, 8)
    assert file.length == pytest.approx(8.0, abs=0.01)


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("C major", "C"),
        ("Bb major", "Bb"),
        ("F# major", "F#"),
        ("Eb minor", "Ebm"),
        ("C# minor", "C#m"),
        ("Ab major", "Ab"),
    ],
)
def test_midi_signs_keys_as_they_are_spelt(key: str, written: str) -> None:
    file = mido.MidiFile(file=BytesIO(midi(replace(band.plan(seconds=2.0), key=key))))
    assert next(m for m in file.tracks[0] if m.type == "key_signature").key == written


def test_a_pitch_struck_again_ends_first_and_nothing_hangs() -> None:
    notes = (
        Note(start=0.0, beats=3.0, pitch=60, velocity=0.8),
        Note(start=1.0, beats=1.0, pitch=60, velocity=0.8),
        Note(start=3.5, beats=90.0, pitch=64, velocity=1.0),
        Note(start=99.0, beats=1.0, pitch=65, velocity=1.0),
    )
    plan = replace(band.plan(seconds=2.0), tracks=(Track(name="Keys", stem="chords", instrument="piano", notes=notes),))
    sounding: set[int] = set()
    for message in mido.MidiFile(file=BytesIO(midi(plan))).tracks[1]:
        if message.type == "note_on":
            assert message.note not in sounding
            sounding.add(message.note)
        elif message.type == "note_off":
            sounding.remove(message.note)
    assert not sounding


def test_a_waveform_is_the_outline_however_it_is_fed() -> None:
    audio = song(3.0)
    results = []
    for block in (1_001, audio.shape[1]):
        waveform = Waveform(audio.shape[1], RATE, pixels=500)
        for start in range(0, audio.shape[1], block):
            waveform.feed(audio[:, start : start + block])
        results.append(waveform.result())
    assert results[0] == results[1]
    found = results[0]
    assert json.loads(json.dumps(found)) == found
    assert (found["version"], found["samples_per_pixel"], found["sample_rate"]) == (2, 265, RATE)
    assert len(found["data"]) == 2 * found["length"]
    first = audio[:, : found["samples_per_pixel"]]
    assert found["data"][1] == round(float(first.max()) * 128)
    assert found["data"][0] == round(float(first.min()) * 128)


def drawn(audio: Audio, **words: object) -> npt.NDArray[np.uint8]:
    picture = Picture(audio.shape[1], RATE)
    for start in range(0, audio.shape[1], 30_000):
        picture.feed(audio[:, start : start + 30_000])
    png = picture.png(**words)  # type: ignore[arg-type]
    return np.array(Image.open(BytesIO(png)))


def test_a_picture_shows_a_rising_tone_rising() -> None:
    seconds = np.arange(4 * RATE) / RATE
    sweep = np.sin(2 * np.pi * 100 * (2.0 ** (1.5 * seconds) - 1) / (1.5 * np.log(2))).astype(np.float32) / 2
    image = drawn(np.stack((sweep, sweep)), title="Sweep", sections=[(0.0, "Verse"), (2.0, "Chorus")])
    assert image.shape == (HEIGHT, WIDTH, 3)
    tone = image[TONE_TOP:TONE_BOTTOM].sum(axis=2)
    heights = [int(tone[:, LEFT + column].argmax()) for column in (150, 500, 900)]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[2] > 80


@pytest.mark.parametrize("seconds", [0.02, 1.0])
def test_silence_and_short_sounds_can_be_pictured(seconds: float) -> None:
    assert drawn(np.zeros((2, round(seconds * RATE)), dtype=np.float32)).shape == (HEIGHT, WIDTH, 3)
    assert drawn(song(1.0)[:, : round(seconds * RATE)]).shape == (HEIGHT, WIDTH, 3)


def test_brushes_choose_their_kit() -> None:
    plan = compose({"genre": "jazz", "bpm": 90, "seed": 1, "duration": 20})
    tracks = {track.name: track for track in mido.MidiFile(file=BytesIO(midi(plan))).tracks}
    assert [m.program for m in tracks["brushes"] if m.type == "program_change" and m.channel == 9] == [40]
    assert not [m for m in tracks["drums"] if m.type == "program_change"]

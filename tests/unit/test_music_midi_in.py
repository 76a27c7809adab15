import base64
import io

import mido
import pytest

from music import midi_in
from music.errors import RequestError
from music.theory import Meter

FOUR, SIX = Meter(signature=4), Meter(signature=6)


def midi_file(*voices: list[tuple[int, int, int]], ticks: int = 96) -> bytes:
    """Voices of (start, length, pitch) in ticks, each on a channel of its own."""
    midi = mido.MidiFile(ticks_per_beat=ticks)
    for channel, voice in enumerate(voices):
        events = [(start, "note_on", pitch) for start, _, pitch in voice]
        events += [(start + length, "note_off", pitch) for start, length, pitch in voice]
        track = mido.MidiTrack()
        at = 0
        for tick, kind, pitch in sorted(events):
            track.append(mido.Message(kind, note=pitch, velocity=100, channel=channel, time=tick - at))
            at = tick
        midi.tracks.append(track)
    packed = io.BytesIO()
    midi.save(file=packed)
    return packed.getvalue()


def test_the_highest_voice_of_a_midi_file_is_the_tune() -> None:
    low = [(i * 96, 96, 40 + i) for i in range(6)]
    high = [(i * 96, 48, 72 + i) for i in range(6)]
    notes = midi_in.from_midi(midi_file(low, high), FOUR)
    assert [(n.start, n.beats, n.pitch) for n in notes] == [(float(i), 0.5, 72 + i) for i in range(6)]


def test_of_chords_the_top_note_stays_and_drums_are_no_tune() -> None:
    chords = [(i * 96, 96, pitch) for i in range(4) for pitch in (60, 64, 67 + i)]
    silent: list[list[tuple[int, int, int]]] = [[] for _ in range(8)]
    drums = [(i * 48, 24, 81) for i in range(8)]
    notes = midi_in.from_midi(midi_file(chords, *silent, drums), FOUR)
    assert [n.pitch for n in notes] == [67, 68, 69, 70]


def test_in_six_eighths_a_beat_is_a_dotted_quarter() -> None:
    notes = midi_in.from_midi(midi_file([(i * 48, 48, 60 + i) for i in range(6)]), SIX)
    assert [n.start for n in notes] == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3])


def test_abc_is_read_with_its_key_lengths_and_octaves() -> None:
    notes = midi_in.read("X:1\nT:Test\nM:4/4\nL:1/4\nK:D\nD F A/2 z/2 d' | ^G =c C, z | [FA]2 D2 |]", FOUR)
    assert [(n.start, n.beats, n.pitch) for n in notes] == [
        (0, 1, 62),
        (1, 1, 66),
        (2, 0.5, 69),
        (3, 1, 86),
        (4, 1, 68),
        (5, 1, 72),
        (6, 1, 49),
        (8, 2, 69),
        (10, 2, 62),
    ]


def test_abc_knows_broken_rhythm_triplets_ties_and_repeats() -> None:
    notes = midi_in.from_abc("L:1/8\nK:C\n|:c>d (3efg a2-|a4 z4 :|", FOUR)
    assert [(round(n.start, 3), round(n.beats, 3)) for n in notes[:6]] == [
        (0, 0.75),
        (0.75, 0.25),
        (1, 0.333),
        (1.333, 0.333),
        (1.667, 0.333),
        (2, 3),
    ]
    assert notes[6].start == 7.0
    assert len(notes) == 12


def test_what_comes_as_text_may_be_either() -> None:
    packed = base64.b64encode(midi_file([(i * 96, 96, 60 + i) for i in range(5)])).decode()
    assert [n.pitch for n in midi_in.read(packed, FOUR)] == [60, 61, 62, 63, 64]
    assert [n.pitch for n in midi_in.read("data:audio/midi;base64," + packed, FOUR)] == [60, 61, 62, 63, 64]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "la la la",
        "K:C\nz4|",
        base64.b64encode(b"MThd" + b"\0" * 20).decode(),
        base64.b64encode(midi_file()).decode(),
    ],
)
def test_what_holds_no_tune_is_refused(source: str) -> None:
    with pytest.raises(RequestError) as caught:
        midi_in.read(source, FOUR)
    assert caught.value.field == "melody"


def test_a_damaged_midi_file_is_refused_and_not_a_crash() -> None:
    whole = midi_file([(i * 96, 96, 60 + i) for i in range(12)])
    for cut in range(1, len(whole), 5):
        try:
            midi_in.from_midi(whole[:cut], FOUR)
        except RequestError as error:
            assert error.field == "melody"  # noqa: PT017  some cuts still leave a tune


@pytest.mark.parametrize(
    ("abc", "key"),
    [
        ("L:1/4\nK:C\nCDEF|GGAG|EDC2|", "C major"),
        ("L:1/4\nK:F#m\nF2 A2|c2 B A|^G A B G|F4|", "F# minor"),
        ("L:1/4\nK:Eb\nE G B G|A c e c|B A G F|E4|", "Eb major"),
    ],
)
def test_a_tune_tells_its_key(abc: str, key: str) -> None:
    assert midi_in.likely_key(midi_in.from_abc(abc, FOUR)).name == key

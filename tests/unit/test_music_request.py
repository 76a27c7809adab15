import base64
import json
from dataclasses import asdict
from typing import Any

import pytest

from music.errors import RequestError
from music.genres import GENRES
from music.instruments import INSTRUMENTS
from music.plan import STEMS, Note
from music.request import IGNORED, PARAMETERS, Composition, resolve

BAND = frozenset(STEMS) - {"voice"}
MIDI = base64.b64encode(b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0").decode()
TWELVE = (
    "lofi hip hop",
    "boom-bap rap",
    "trap",
    "deep house",
    "techno",
    "drum & bass",
    "retrowave",
    "reggae",
    "bebop",
    "orchestral trailer",
    "dark ambient",
    "punk rock",
)


def resolved(**request: Any) -> Composition:
    return resolve({"seed": 1, **request})


def honoured(wanted: Composition, name: str) -> str:
    return wanted.resolved[name].honoured


def test_twelve_prompts_make_twelve_genres_and_hardly_share_a_tempo() -> None:
    made = [resolved(prompt=prompt) for prompt in TWELVE]
    assert len({wanted.genre for wanted in made}) == 12
    assert len({wanted.bpm for wanted in made}) >= 10


@pytest.mark.parametrize("genre", GENRES)
def test_slow_is_clearly_slower_than_fast_in_every_genre(genre: str) -> None:
    slow, usual, fast = (resolved(prompt=f"{pace} {genre}").bpm for pace in ("slow", "", "fast"))
    assert slow * 1.05 < usual < fast / 1.05


def test_no_drums_has_none_and_nobody_sings_unasked() -> None:
    assert resolved(prompt="house, no drums").stems == BAND - {"drums", "percussion"}
    assert resolved(prompt="house").stems == BAND
    assert resolved(prompt="house", negative_prompt="drums and bass lines").stems == BAND - {
        "drums",
        "percussion",
        "bass",
    }


@pytest.mark.parametrize(
    "request_",
    [
        {"prompt": "house with vocals"},
        {"prompt": "a choir"},
        {"lyrics": "la la la"},
        {"mode": "lyrics-first"},
        {"stems": ["voice", "chords"]},
        {"instruments": ["female vocals"]},
    ],
)
def test_the_voice_comes_when_it_is_called(request_: dict[str, Any]) -> None:
    assert "voice" in resolved(**request_).stems


def test_some_pop_songs_are_sung_and_some_are_not_and_instrumental_ones_never() -> None:
    sung = {"voice" in resolve({"prompt": "pop", "seed": seed}).stems for seed in range(30)}
    assert sung == {True, False}
    assert not any("voice" in resolve({"prompt": "pop, instrumental", "seed": seed}).stems for seed in range(30))


def test_what_the_caller_gives_wins_over_the_prompt() -> None:
    wanted = resolved(prompt="fast techno at 140 bpm in C minor, 2 minutes", bpm=61.5, key="Eb major", genre="folk")
    assert (wanted.bpm, wanted.key.name, wanted.genre) == (61.5, "Eb major", "folk")
    assert {honoured(wanted, name) for name in ("bpm", "key", "genre")} == {"exact"}
    assert wanted.duration_seconds == 120


def test_each_parameter_says_what_became_of_it() -> None:
    wanted = resolve({"prompt": "slow, 3/4, in D minor", "temperature": 0.7, "guidance": 3, "mode": "lyrics-first"})
    said = {name: choice.honoured for name, choice in wanted.resolved.items()}
    assert said["key"] == said["time_signature"] == said["mode"] == said["temperature"] == "exact"
    assert said["bpm"] == "hint"
    assert said["duration"] == said["genre"] == said["seed"] == said["true_peak"] == "default"
    assert said["guidance"] == "ignored"
    assert wanted.resolved["key"].confidence == 1.0
    assert wanted.resolved["bpm"].confidence == 0.8


def test_every_parameter_is_accepted_and_only_those_of_other_engines_are_ignored() -> None:
    everything = {
        "prompt": "x", "negative_prompt": "y", "duration": 20, "bpm": 120, "key": "C", "time_signature": "4/4",
        "seed": 1, "mode": "full", "genre": "jazz", "mood": ["sad", "calm"], "energy": 0.4, "swing": 0.6,
        "instruments": ["piano"], "stems": ["chords", "lead"], "structure": [{"section": "verse", "bars": 10}],
        "chords": ["Am", "F"], "melody": [{"pitch": 60}], "lyrics": "one\ntwo", "loop": False, "temperature": 1.2,
        "reference": {"bpm": 100}, "strength": 0.5, "loudness_target": -16, "true_peak": -2, "format": "flac",
        "sample_rate": 48000, "bit_depth": 24, "continue_from": "a/b", "guidance": 3.0, "top_k": 250, "top_p": 0.0,
    }  # fmt: skip
    assert set(everything) == set(PARAMETERS)
    wanted = resolve(everything)
    assert set(wanted.resolved) == set(PARAMETERS)
    assert {name for name, choice in wanted.resolved.items() if choice.honoured == "ignored"} == set(IGNORED)
    shown = {name: asdict(choice) for name, choice in wanted.resolved.items()}
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"duration": -1}, "duration"),
        ({"duration": 601}, "duration"),
        ({"duration": "long"}, "duration"),
        ({"duration": float("nan")}, "duration"),
        ({"bpm": 29.9}, "bpm"),
        ({"bpm": True}, "bpm"),
        ({"key": "H moll"}, "key"),
        ({"seed": 2**64}, "seed"),
        ({"time_signature": 5}, "time_signature"),
        ({"mode": "karaoke"}, "mode"),
        ({"genre": "zydeco"}, "genre"),
        ({"mood": 3}, "mood"),
        ({"energy": 2}, "energy"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"negative_prompt": "x" * 2001}, "negative_prompt"),
        ({"tempo": 90}, "tempo"),
        ({"swing": 0.8}, "swing"),
        ({"swing": 40}, "swing"),
        ({"swing": "much"}, "swing"),
        ({"stems": ["drums", "oboe"]}, "stems[1]"),
        ({"stems": ["drums", "-drums"]}, "stems"),
        ({"stems": 3}, "stems"),
        ({"instruments": ["piano", "flux capacitor"]}, "instruments[1]"),
        ({"instruments": [7]}, "instruments[0]"),
        ({"structure": [{"section": "verse", "bars": 0}]}, "structure[0].bars"),
        ({"structure": [{"bars": 4}]}, "structure[0].section"),
        ({"structure": [{"section": "limbo"}]}, "structure[0].section"),
        ({"structure": [{"section": "verse", "energy": 1.5}]}, "structure[0].energy"),
        ({"structure": [{"section": "verse", "colour": 1}]}, "structure[0].colour"),
        ({"structure": [{"section": "verse", "bars": 1000}, {"section": "chorus", "bars": 1000}]}, "structure"),
        ({"chords": "Am X7 C"}, "chords[1]"),
        ({"chords": []}, "chords"),
        ({"melody": [{"pitch": 60}, {"pitch": 200}]}, "melody[1].pitch"),
        ({"melody": [{"start": 1}]}, "melody[0].pitch"),
        ({"melody": []}, "melody"),
        ({"melody": "not a tune!"}, "melody"),
        ({"melody": base64.b64encode(b"RIFF1234").decode()}, "melody"),
        ({"lyrics": "x" * 4001}, "lyrics"),
        ({"lyrics": ["a", 2]}, "lyrics[1]"),
        ({"loop": "yes"}, "loop"),
        ({"reference": "http://x"}, "reference"),
        ({"reference": {"bpm": "fast"}}, "reference.bpm"),
        ({"reference": {"key": "H"}}, "reference.key"),
        ({"strength": 1.1}, "strength"),
        ({"temperature": 2.5}, "temperature"),
        ({"guidance": 21}, "guidance"),
        ({"top_k": 1.5}, "top_k"),
        ({"top_p": -0.1}, "top_p"),
        ({"loudness_target": -5}, "loudness_target"),
        ({"true_peak": 1}, "true_peak"),
        ({"format": "aiff"}, "format"),
        ({"sample_rate": 96000}, "sample_rate"),
        ({"bit_depth": 8}, "bit_depth"),
        ({"bit_depth": [16]}, "bit_depth"),
    ],
)
def test_a_bad_request_is_refused_by_the_name_of_its_field(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(RequestError) as caught:
        resolve(request_)
    assert caught.value.field == field


def test_numbers_that_came_through_a_struct_are_read_as_what_they_were() -> None:
    wanted = resolve({"time_signature": 3.0, "seed": 7.0, "top_k": 250.0, "sample_rate": 44100.0, "bit_depth": 16.0})
    assert (wanted.meter.signature, wanted.seed) == (3, 7)
    assert wanted.resolved["bit_depth"].value == 16
    assert resolve({"seed": str(2**64 - 1)}).seed == 2**64 - 1


def test_the_same_seed_decides_the_same_and_an_absent_one_is_drawn_and_recorded() -> None:
    assert resolved(prompt="pop") == resolved(prompt="pop")
    drawn = resolve({"prompt": "pop"})
    assert resolve({"prompt": "pop", "seed": drawn.seed}).bpm == drawn.bpm
    assert len({resolve({"prompt": "pop", "seed": seed}).key.name for seed in range(20)}) > 5


@pytest.mark.parametrize(
    ("given", "swing"), [(0.6, 0.6), (62, 0.62), ("66%", 0.66), (50, 0.5), (0.75, 0.75), (None, 0.64)]
)
def test_swing_is_a_share_or_a_percentage(given: Any, swing: float) -> None:
    assert resolved(genre="jazz", swing=given).swing == swing


def test_a_genre_by_another_name_is_a_hint_and_by_its_own_exact() -> None:
    assert (resolved(genre="Lo-Fi").genre, honoured(resolved(genre="Lo-Fi"), "genre")) == ("lo-fi", "exact")
    assert (resolved(genre="dnb").genre, honoured(resolved(genre="dnb"), "genre")) == ("drum and bass", "hint")


def test_a_mood_without_a_genre_suggests_one_unsurely() -> None:
    wanted = resolved(prompt="peaceful and calm")
    assert (wanted.genre, wanted.minor, honoured(wanted, "genre")) == ("ambient", False, "hint")
    assert (wanted.resolved["genre"].confidence or 0) < 0.5
    assert resolved(prompt="no pop").genre != "pop"


def test_a_length_in_bars_is_exact_at_any_tempo() -> None:
    for bpm in (61.7, 97.3, 174):
        wanted = resolved(prompt="16 bars of funk", bpm=bpm)
        assert wanted.bars == 16
        assert wanted.beats == pytest.approx(64)


def test_a_loop_gets_whole_bars_by_giving_way_where_nothing_was_fixed() -> None:
    free = resolved(prompt="a house loop", duration=30)
    assert free.beats / 4 == pytest.approx(round(free.beats / 4))
    assert abs(free.bpm - 123) < 12
    slow = resolved(prompt="rock", bpm=123, loop=True)
    assert slow.beats / 4 == pytest.approx(16)
    fixed = resolved(bpm=123, duration=30, loop=True)
    assert (fixed.bpm, fixed.duration_seconds, honoured(fixed, "loop")) == (123, 30, "hint")


def test_stems_are_named_grouped_and_left_out() -> None:
    assert resolved(stems=["drums", "bass"]).stems == {"drums", "bass"}
    assert resolved(stems="rhythm, lead").stems == {"drums", "percussion", "bass", "lead"}
    assert resolved(stems=["-drums", "no fx"]).stems == BAND - {"drums", "fx"}
    assert resolved(stems=["drums"], prompt="no drums").stems == {"drums"}


def test_instruments_are_asked_for_best_first_and_refused() -> None:
    wanted = resolved(instruments=["warm pad", "Rhodes", "-piano", "no drums"], prompt="jazz with piano and trumpet")
    assert wanted.instruments == ("warm_pad", "electric_piano", "muted_trumpet")
    assert wanted.avoided == {"piano"}
    assert wanted.stems == BAND - {"drums", "percussion"}
    assert honoured(wanted, "instruments") == "exact"
    assert honoured(resolved(instruments=["saxophone"]), "instruments") == "hint"


def test_an_open_word_means_what_the_genre_plays() -> None:
    assert resolved(prompt="rock guitar").instruments == ("power_guitar",)
    assert resolved(prompt="folk guitar").instruments == ("steel_guitar",)
    assert resolved(prompt="orchestral").instruments == ("strings", "brass")


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_instrument_can_be_asked_for_by_its_own_name(name: str) -> None:
    assert resolved(instruments=[name]).instruments == (name,)


def test_drums_that_are_asked_for_are_told_from_those_that_are_only_let_in() -> None:
    assert resolved(prompt="ambient with drums").asked_stems == {"drums", "percussion"}
    assert resolved(prompt="ambient").asked_stems == frozenset()


def test_a_melody_alone_is_its_lead() -> None:
    assert resolved(mode="melody-only", prompt="vocal techno").stems == {"lead"}


def test_words_that_leave_nothing_to_play_are_refused() -> None:
    with pytest.raises(RequestError, match="nothing is left"):
        resolved(prompt="no drums, bass, chords, lead, pad or fx")


def test_chords_are_read_from_symbols_bars_and_numerals() -> None:
    assert resolved(chords=["Am7", "F/C"]).chords == ("Am7", "F/C")
    assert resolved(chords="| Am | F | % | G7 |").chords == ("Am", "F", "F", "G7")
    assert resolved(chords="Am - F - C - G").chords == ("Am", "F", "C", "G")
    assert resolved(chords="ii7 V7 Imaj7", key="F major").chords == ("Gm7", "C7", "Fmaj7")
    assert resolved(chords="i VI III bVII", key="A minor").chords == ("Am", "F", "C", "G")


def test_what_can_have_no_effect_is_said_to_be_ignored() -> None:
    assert honoured(resolved(swing=0.6, time_signature=6), "swing") == "ignored"
    assert honoured(resolved(swing=0.6, time_signature=3), "swing") == "exact"
    assert honoured(resolved(lyrics="la", mode="melody-only"), "lyrics") == "ignored"
    assert honoured(resolved(strength=0.5), "strength") == "ignored"


def test_a_structure_sets_the_length_where_none_is_given() -> None:
    wanted = resolved(structure="intro 4, verse 8, chorus 8", bpm=120)
    assert wanted.structure == (("intro", 4, None), ("verse", 8, None), ("chorus", 8, None))
    assert (wanted.bars, honoured(wanted, "structure")) == (20, "exact")
    longer = resolved(structure=[{"section": "hook", "bars": 8, "energy": 0.9}], duration=60, bpm=120)
    assert (longer.structure, honoured(longer, "structure")) == ((("chorus", 8, 0.9),), "hint")


def test_sections_without_a_length_share_what_is_left() -> None:
    wanted = resolved(structure=["intro", "verse 8", "drop"], duration=64, bpm=120)
    assert wanted.structure == (("intro", 12, None), ("verse", 8, None), ("drop", 12, None))


def test_a_melody_may_be_notes_names_abc_or_midi() -> None:
    wanted = resolved(melody=[{"start": 2, "pitch": "A4", "beats": 0.5}, {"start": 0, "pitch": 60, "velocity": 0.5}])
    assert wanted.melody[0] == Note(start=0.0, beats=1.0, pitch=60, velocity=0.5)
    assert wanted.melody[1].pitch == 69
    assert resolved(melody={"notes": [{"pitch": 60}, {"pitch": 62}]}).melody[1].start == 1.0
    assert resolved(melody="X:1\nK:C\nCDEF|").melody_source.endswith("CDEF|")
    assert resolved(melody=f"data:audio/midi;base64,{MIDI}").melody_source == MIDI


def test_lyrics_keep_their_lines_tags_and_stanzas() -> None:
    assert resolved(lyrics="\n[Chorus]\n one  two \n\nthree\n").lyrics == ("[Chorus]", "one two", "", "three")
    assert resolved(lyrics=["a", "b"]).lyrics == ("a", "b")


REFERENCE = {"bpm": 140.0, "key": "F# minor", "energy": 0.9, "loudness": -8.0, "tilt_db": -3.0, "other": [1]}


def test_a_reference_fills_in_by_its_strength_what_nobody_said() -> None:
    usual = resolved(genre="techno")
    near, whole = (resolved(genre="techno", reference=REFERENCE, strength=strength) for strength in (0.5, 1))
    assert usual.bpm < near.bpm < whole.bpm == 140
    assert usual.energy < near.energy < whole.energy == 0.9
    assert near.key.name == "F# minor"
    assert whole.loudness_target == -8
    assert honoured(near, "bpm") == honoured(near, "key") == "hint"
    off = resolved(genre="techno", reference=REFERENCE, strength=0)
    assert (off.bpm, off.key, off.energy) == (usual.bpm, usual.key, usual.energy)


def test_a_reference_gives_way_to_words_and_its_octave_to_the_genre() -> None:
    wanted = resolved(prompt="calm techno, 120 bpm in C major", reference=REFERENCE, loudness_target=-16)
    assert (wanted.bpm, wanted.key.name, wanted.energy, wanted.loudness_target) == (120, "C major", 0.25, -16)
    assert 65 < resolved(genre="lo-fi", reference=REFERENCE, strength=0.8).bpm < 95
    assert resolved(reference={"bpm": None, "key": None}).resolved["bpm"].honoured == "default"

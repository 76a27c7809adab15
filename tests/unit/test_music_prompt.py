import pytest

from music.genres import GENRES
from music.instruments import INSTRUMENTS
from music.lexicon import PHRASES
from music.plan import STEMS
from music.prompt import read_prompt
from tests.fixtures.counting import steps_of


@pytest.mark.parametrize(
    ("prompt", "bpm"),
    [
        ("a groove at 90 bpm", 90),
        ("128 BPM techno", 128),
        ("bpm: 75, calm", 75),
        ("tempo 84", 84),
        ("99.5 bpm", 99.5),
        ("uk garage, 130-134 bpm", 132),
        ("5000 bpm", None),
        ("90 violins", None),
        ("tempo 60 seconds", None),
    ],
)
def test_a_tempo_is_read_only_where_one_is_given(prompt: str, bpm: float | None) -> None:
    assert read_prompt(prompt).bpm == bpm


@pytest.mark.parametrize(
    ("prompt", "key"),
    [
        ("something in D minor", "D minor"),
        ("ballad in f# minor", "F# minor"),
        ("B flat major march", "Bb major"),
        ("in Bb major", "Bb major"),
        ("waltz in E", "E major"),
        ("in Em, slow", "E minor"),
        ("C-sharp minor sonata", "C# minor"),
        ("D dorian groove", "D minor"),
        ("a song in a minor", "A minor"),
        ("in a minor mood", None),
        ("in a sad mood", None),
        ("A minor problem of a song", "A minor"),
        ("happy", None),
    ],
)
def test_a_key_is_read_and_an_article_is_not_one(prompt: str, key: str | None) -> None:
    found = read_prompt(prompt).key
    assert (found.name if found else None) == key


@pytest.mark.parametrize(
    ("prompt", "seconds", "bars"),
    [
        ("2 minutes of jazz", 120, None),
        ("two and a half hours", None, None),
        ("a 90 second intro jingle", 90, None),
        ("1:30 long", 90, None),
        ("2 min 30 sec", 150, None),
        ("half a minute", 30, None),
        ("30s of rock", 30, None),
        ("80s synth", None, None),
        ("20s jazz", None, None),
        ("25s jazz, 1990s", 25, None),
        ("calm piano, 40s", 40, None),
        ("16 bars of house", None, 16),
        ("sixteen bars", None, 16),
        ("an 8-bar loop", None, 8),
        ("a fill every 4 bars", None, None),
        ("12 bar blues", None, None),
        ("a second verse", None, None),
        ("fade in the last 10 seconds", None, None),
    ],
)
def test_lengths_are_told_from_decades_and_places(prompt: str, seconds: float | None, bars: int | None) -> None:
    numbers = read_prompt(prompt).numbers
    assert (numbers.seconds, numbers.bars) == (seconds, bars)


@pytest.mark.parametrize(
    ("prompt", "genre"),
    [
        ("lofi hip hop beats to study to", "lo-fi"),
        ("chillhop", "lo-fi"),
        ("Boom-Bap from the 90s", "boom bap"),
        ("hip-hop", "boom bap"),
        ("UK drill", "trap"),
        ("EDM banger", "house"),
        ("jazzy house with rhodes", "house"),
        ("jazz-influenced house", "house"),
        ("jazz house", "house"),
        ("trance", "techno"),
        ("techno with a touch of jazz", "techno"),
        ("drum & bass at 174bpm", "drum and bass"),
        ("DnB, liquid", "drum and bass"),
        ("drum'n'bass", "drum and bass"),
        ("retrowave", "synthwave"),
        ("80s pop", "pop"),
        ("heavy metal", "rock"),
        ("motown", "funk"),
        ("dub", "reggae"),
        ("bossa nova", "jazz"),
        ("country song by the campfire", "folk"),
        ("baroque harpsichord", "classical"),
        ("epic orchestral trailer", "cinematic"),
        ("dark ambient", "ambient"),
        ("rainy night in a coffee shop", "lo-fi"),
        ("808s and heavy sub", "trap"),
        ("the colour of tuesday", None),
    ],
)
def test_a_genre_is_known_by_many_names(prompt: str, genre: str | None) -> None:
    assert read_prompt(prompt).genre == genre


@pytest.mark.parametrize("genre", GENRES)
def test_every_genre_is_known_by_its_own_name_and_surely(genre: str) -> None:
    hints = read_prompt(f"some {genre}, please")
    assert hints.genre == genre
    assert hints.confidence["genre"] > 0.9


def test_a_scene_is_less_sure_than_a_colour_and_a_colour_than_a_name() -> None:
    sure = [read_prompt(prompt).confidence["genre"] for prompt in ("neon arcade", "retro", "synthwave")]
    assert sure == sorted(set(sure))


def test_words_become_genre_mood_mode_and_pace() -> None:
    hints = read_prompt("Slow, melancholic lo-fi for a rainy night")
    assert (hints.genre, hints.mood, hints.mode) == ("lo-fi", "melancholic", "minor")
    assert hints.pace is not None
    assert hints.pace < 0


def test_degrees_of_pace_and_energy_are_in_their_order() -> None:
    paces = [read_prompt(f"{words} rock").pace or 0.0 for words in ("very slow", "slow", "steady", "fast", "very fast")]
    assert paces == sorted(set(paces))
    energies = [read_prompt(f"{words} rock").energy or 0.0 for words in ("very calm", "calm", "slightly calm", "wild")]
    assert energies == sorted(set(energies))


@pytest.mark.parametrize(
    ("prompt", "denied", "asked"),
    [
        ("no drums", {"drums", "percussion"}, set()),
        ("lofi without any drums", {"drums", "percussion"}, set()),
        ("drumless", {"drums", "percussion"}, set()),
        ("instrumental", {"voice"}, set()),
        ("vocal-free house", {"voice"}, set()),
        ("no drums, bass or vocals", {"drums", "percussion", "bass", "voice"}, set()),
        ("no drums and vocals", {"drums", "percussion", "voice"}, set()),
        ("no drums, with vocals", {"drums", "percussion"}, {"voice"}),
        ("I don't want a bass line but drums", {"bass"}, {"drums", "percussion"}),
        ("no one sings, drums only", set(), {"voice", "drums", "percussion"}),
        ("not only drums", set(), {"drums", "percussion"}),
    ],
)
def test_a_denial_reaches_as_far_as_its_list(prompt: str, denied: set[str], asked: set[str]) -> None:
    hints = read_prompt(prompt)
    assert (set(hints.denied_stems), set(hints.stems)) == (denied, asked)


def test_a_denied_genre_does_not_count_and_the_next_one_does() -> None:
    hints = read_prompt("no jazz, not too fast, calm folk")
    assert (hints.genre, hints.mood) == ("folk", "calm")
    assert "jazz" in hints.denied_genres


def test_not_too_fast_is_a_little_slower_and_not_fast_slower_still() -> None:
    softly, plainly = read_prompt("not too fast").pace, read_prompt("not fast").pace
    assert softly is not None
    assert plainly is not None
    assert plainly < softly < 0.5
    assert (read_prompt("not slow").pace or 0) > 0.5


def test_a_denied_mood_turns_to_its_opposite() -> None:
    hints = read_prompt("nothing sad or angry")
    assert (hints.mood, hints.mode) == (None, "major")


def test_what_a_negative_prompt_names_is_avoided() -> None:
    hints = read_prompt("rock with piano", "drums, sad, fast, electric guitar, no vocals")
    assert hints.denied_stems == {"drums", "percussion", "voice"}
    assert hints.avoided >= {"power_guitar", "clean_guitar", "lead_guitar"}
    assert (hints.mode, hints.genre) == ("major", "rock")
    assert (hints.pace or 1) < 0.5


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        ("felt piano", "piano"),
        ("warm Rhodes chords", "electric_piano"),
        ("303 acid bass", "acid_bass"),
        ("a fiddle", "violin"),
        ("saxophone solo", "muted_trumpet"),
        ("string section", "strings"),
        ("vinyl crackle", "vinyl"),
    ],
)
def test_instruments_are_found_by_everyday_names(prompt: str, first: str) -> None:
    assert read_prompt(prompt).instruments[0][0] == first


def test_a_stand_in_is_told_from_the_real_thing() -> None:
    assert "muted_trumpet" in read_prompt("sax").stand_ins
    assert not read_prompt("trumpet").stand_ins


def test_no_guitar_leaves_none() -> None:
    assert read_prompt("no guitars").avoided >= {name for name in INSTRUMENTS if name.endswith("_guitar")}


def test_one_player_alone_silences_the_others() -> None:
    assert read_prompt("just a piano").denied_stems >= {"drums", "percussion", "bass", "pad"}
    assert not read_prompt("just piano and strings").denied_stems
    assert "chords" in read_prompt("unaccompanied violin").denied_stems


def test_a_waltz_has_three_beats_and_six_eight_is_read() -> None:
    assert read_prompt("a waltz").time_signature == 3
    assert read_prompt("jig in 6/8").time_signature == 6
    assert read_prompt("march in 4/4").time_signature == 4
    assert read_prompt("plain").time_signature is None


def test_swing_and_loops_are_read() -> None:
    assert (read_prompt("shuffled beat").swing or 0) > 0.6
    assert read_prompt("straight bossa nova").swing == 0.5
    assert read_prompt("a seamless loop").loop
    assert not read_prompt("no loop").loop


def test_every_phrase_means_something_that_exists() -> None:
    for phrase, meaning in PHRASES.items():
        assert meaning.genre in {"", *GENRES}, phrase
        assert set(meaning.instruments) <= set(INSTRUMENTS), phrase
        assert {*meaning.stems, *meaning.silences, *meaning.denied_stems} <= set(STEMS), phrase


@pytest.mark.parametrize("prompt", ["no " * 660, "no drums, " * 200, "a" * 2000, "jazz house " * 180, "1" * 2000])
@pytest.mark.timeout(20)  # 0.02 s, unless a pattern goes astray
def test_a_wild_prompt_is_read_quickly(prompt: str) -> None:
    assert steps_of(lambda: read_prompt(prompt, prompt)) < 1_000 + 300 * len(prompt)

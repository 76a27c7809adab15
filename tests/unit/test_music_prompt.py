import pytest

from music.prompt import read_prompt


@pytest.mark.parametrize(
    ("prompt", "bpm"),
    [
        ("a groove at 90 bpm", 90),
        ("128 BPM techno", 128),
        ("bpm: 75, calm", 75),
        ("99.5 bpm", 99.5),
        ("5000 bpm", None),
        ("90 violins", None),
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
        ("in a minor mood", None),
        ("in a sad mood", None),
        ("A minor problem of a song", "A minor"),
        ("happy", None),
    ],
)
def test_a_key_is_read_and_an_article_is_not_one(prompt: str, key: str | None) -> None:
    found = read_prompt(prompt).key
    assert (found.name if found else None) == key


def test_words_become_genre_mood_mode_and_pace() -> None:
    hints = read_prompt("Slow, melancholic lo-fi for a rainy night")
    assert (hints.genre, hints.mood, hints.mode) == ("lo-fi", "melancholic", "minor")
    assert hints.pace is not None
    assert hints.pace < 0


def test_a_denied_word_does_not_count() -> None:
    hints = read_prompt("no jazz, not too fast, calm folk")
    assert hints.genre == "folk"
    assert hints.pace is None


def test_a_waltz_has_three_beats_and_six_eight_is_read() -> None:
    assert read_prompt("a waltz").time_signature == 3
    assert read_prompt("jig in 6/8").time_signature == 6
    assert read_prompt("march in 4/4").time_signature == 4
    assert read_prompt("plain").time_signature is None

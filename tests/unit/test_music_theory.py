import pytest

from music.errors import RequestError
from music.theory import Key, Meter, chord_on, nearest, parse_chord, parse_key, passing_tones


@pytest.mark.parametrize(
    ("symbol", "classes", "bass"),
    [
        ("C", (0, 4, 7), None),
        ("Am7", (9, 0, 4, 7), None),
        ("F#m7b5", (6, 9, 0, 4), None),
        ("Bbmaj7", (10, 2, 5, 9), None),
        ("G/B", (7, 11, 2), 11),
        ("C6/9", (0, 4, 7, 9, 2), None),
        ("E7#9", (4, 8, 11, 2, 7), None),
        ("Dø", (2, 5, 8, 0), None),
        ("A♭Δ", (8, 0, 3, 7), None),
        ("Gsus4", (7, 0, 2), None),
        ("C5", (0, 7), None),
    ],
)
def test_a_chord_symbol_is_read_as_its_tones(symbol: str, classes: tuple[int, ...], bass: int | None) -> None:
    chord = parse_chord(symbol)
    assert (chord.classes, chord.bass, chord.symbol) == (classes, bass, symbol)
    assert chord.lowest == (chord.root if bass is None else bass)


@pytest.mark.parametrize("written", ["", "H", "am7", "Cmajor7th", "C/H", "G/", "7", "C/E/G"])
def test_what_is_not_a_chord_is_refused(written: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_chord(written)
    assert caught.value.field == "chords"


def test_a_chord_on_a_degree_takes_its_tones_from_the_key() -> None:
    key = parse_key("A minor")
    assert chord_on(key, 0, voices=4).symbol == "Am7"
    assert chord_on(key, 4, voices=3, dominant=True).symbol == "E"
    assert chord_on(parse_key("Bb"), 3, voices=3).symbol == "Eb"


@pytest.mark.parametrize(
    ("key", "chord", "missing"),
    [
        ("A minor", "E7", 7),  # G would rub against the raised leading tone
        ("C major", "A7", 0),  # a secondary dominant raises its third, and the D above stays
        ("C major", "Fm", 9),  # a borrowed subdominant lowers the sixth, and the G below stays
    ],
)
def test_where_a_chord_alters_a_tone_the_unaltered_one_is_left_out(key: str, chord: str, missing: int) -> None:
    tones = parse_chord(chord)
    allowed = passing_tones(parse_key(key), tones)
    assert missing not in allowed
    assert set(tones.classes) <= set(allowed)
    assert len(allowed) == 7


def test_the_nearest_pitch_is_of_the_class_and_in_range() -> None:
    assert nearest(61.0, (0,), low=48, high=72) == 60
    assert nearest(90.0, (0, 7), low=48, high=72) == 72


def test_a_key_is_spelled_as_musicians_do() -> None:
    assert Key(tonic=6, mode="minor").name == "F# minor"
    assert Key(tonic=3, mode="major").name == "Eb major"
    assert Meter(signature=6).beats == 2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.artifacts.keys import MAX_NAME_BYTES, ArtifactKey, check_name, check_prefix, check_type
from tutti.errors import InvalidInput


def test_a_key_reads_back_as_it_was_written() -> None:
    key = ArtifactKey(job="0:01J", task="mix[2]", attempt=3, name="größe 1.wav")
    assert str(key) == "0:01J/mix[2]/3/größe 1.wav"
    assert ArtifactKey.parse(str(key)) == key


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("", "key"),
        ("job/mix/song.wav", "key"),
        ("job/mix/0/song.wav", "key"),
        ("job/mix/01/song.wav", "key"),
        ("job/mix/١/song.wav", "key"),
        ("job/mix/-1/song.wav", "key"),
        ("../mix/1/song.wav", "job"),
        ("/mix/1/song.wav", "job"),
        ("job/../1/song.wav", "task"),
        ("job/mix/1/", "name"),
        ("job/mix/1/../song.wav", "name"),
        ("job/mix/1/a/b", "name"),
    ],
)
def test_a_bad_key_names_its_bad_part(key: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        ArtifactKey.parse(key)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "name", ["x" * MAX_NAME_BYTES, "é" * (MAX_NAME_BYTES // 2), "👩‍🎤.mid", "a..b", "50% & more?.wav"]
)
def test_unusual_names_are_welcome(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"),
        (".", "dot"),
        ("..", "dot"),
        (".artifact.json", "dot"),
        ("a/b", "never a path"),
        ("a\\b", "never a path"),
        ("a\0b", "control"),
        ("a\r\nb", "control"),
        ("a\x7f", "control"),
        ("a\u2028b", "separator"),
        ("song\u202evaw.exe", "direction"),
        ("a\ud800", "control"),
        (" a", "space"),
        ("a\u00a0", "space"),
        ("x" * (MAX_NAME_BYTES + 1), "longer"),
        ("é" * (MAX_NAME_BYTES // 2 + 1), "longer"),
    ],
)
def test_a_bad_name_is_told_why(name: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        check_name(name)
    assert caught.value.field == "name"


@given(st.text())
def test_a_name_that_passes_is_one_plain_path_component(name: str) -> None:
    try:
        check_name(name)
    except InvalidInput:
        return
    assert "/" not in name
    assert "\0" not in name
    assert name not in ("", ".", "..")
    assert ArtifactKey.parse(f"job/mix/1/{name}").name == name


@pytest.mark.parametrize("prefix", ["job", "job/mix", "job/mix/1", "job/mix/1/"])
def test_a_prefix_is_made_of_whole_parts(prefix: str) -> None:
    assert check_prefix(prefix) == prefix.rstrip("/")


@pytest.mark.parametrize("prefix", ["", "/", "//", "job//1", "/job", "..", "job/mix/1/x", ".staging"])
def test_a_prefix_of_anything_else_is_refused(prefix: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_prefix(prefix)
    assert caught.value.field == "prefix"


@pytest.mark.parametrize("type", ["audio/wav", "text/plain; charset=utf-8", 'a/b; c="d e"', "application/vnd.x+json"])
def test_media_types_pass(type: str) -> None:
    check_type(type)


@pytest.mark.parametrize("type", ["", "audio", "audio/", "a/b\n", "a/b\r\nX: y", "a/b; c", "ä/b", "a/" + "b" * 127])
def test_what_is_no_media_type_is_refused(type: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_type(type)
    assert caught.value.field == "type"

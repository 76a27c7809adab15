"""Which part of a file a Range header asks for."""

import pytest

from services.gateway.ranges import ByteRange, Unsatisfiable, requested


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=90-1000", 90, 100),
        ("bytes=99-99", 99, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-1000", 0, 100),
        (" bytes=5-5 ", 5, 6),
    ],
)
def test_a_range_names_its_bytes(header: str, start: int, end: int) -> None:
    assert requested(header, 100) == ByteRange(start=start, end=end)


@pytest.mark.parametrize("header", ["", "bytes=-", "bytes=5-4", "bytes=a-b", "lines=0-1", "bytes=0-1,5-6", "bytes=١-٢"])
def test_what_is_no_single_range_means_the_whole_file(header: str) -> None:
    assert requested(header, 100) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_past_the_end_cannot_be_served(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        requested(header, 100)


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-5"])
def test_an_empty_file_has_no_range(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        requested(header, 0)

import hashlib
from pathlib import Path

import pytest

from tutti.artifacts.blocking import Stop, Stopped
from tutti.artifacts.sources import Measure, Source, measure, pieces
from tutti.errors import InvalidInput


@pytest.fixture(params=[bytes, Path])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    if request.param is bytes:
        return b"0123456789"
    (tmp_path / "file").write_bytes(b"0123456789")
    return tmp_path / "file"


def test_a_source_is_measured_and_then_cut_into_pieces(source: Source) -> None:
    measured = measure(source, Stop())
    assert measured == Measure(size=10, sha256=hashlib.sha256(b"0123456789").hexdigest())
    assert list(pieces(source, measured, size=4)) == [b"0123", b"4567", b"89"]
    assert list(pieces(source, measured, size=10)) == [b"0123456789"]


def test_nothing_is_measured_as_nothing() -> None:
    assert list(pieces(b"", measure(b"", Stop()), size=4)) == []


@pytest.mark.parametrize("later", [b"", b"0123", b"0123456789+", b"9876543210"])
def test_a_source_that_changed_after_it_was_measured_is_refused(tmp_path: Path, later: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    measured = measure(path, Stop())
    path.write_bytes(later)
    with pytest.raises(InvalidInput, match="changed") as caught:
        list(pieces(path, measured, size=4))
    assert caught.value.field == "source"


def test_a_source_that_fails_while_it_is_read_is_the_one_to_blame() -> None:
    # A regular file to the eye, whose first page nobody may read.
    with pytest.raises(InvalidInput, match="Cannot read /proc/self/mem") as caught:
        measure(Path("/proc/self/mem"), Stop())
    assert caught.value.field == "source"


def test_measuring_stops_when_told(source: Source) -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        measure(source, stop)

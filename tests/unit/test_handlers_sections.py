"""A stem in files by section is read as if it were one file."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from music.mix import Audio
from music.output import write_audio
from services.worker.handlers.sound.sections import Sections

RATE = 44_100
LENGTHS = (1000, 1, 3000, 2000)


@pytest.fixture
def whole() -> Audio:
    steps = np.random.default_rng(1).integers(-(2**23), 2**23, (2, sum(LENGTHS)))
    return (steps / 2**23).astype(np.float32)


@pytest.fixture
def sections(whole: Audio, tmp_path: Path) -> Iterator[Sections]:
    paths, start = [], 0
    for number, length in enumerate(LENGTHS):
        paths.append(tmp_path / f"{number}.wav")
        write_audio(paths[-1], whole[:, start : start + length], name="wav", source_rate=RATE)
        start += length
    with closing(Sections(paths)) as found:
        yield found


def test_all_of_it_is_what_was_written(sections: Sections, whole: Audio) -> None:
    assert sections.rate == RATE
    assert np.array_equal(sections(0, whole.shape[1]), whole)


@pytest.mark.parametrize(("start", "count"), [(0, 1), (999, 3), (1000, 1), (1001, 10), (998, 4000), (5999, 2)])
def test_any_part_may_be_read_also_across_the_edges_and_backwards(
    sections: Sections, whole: Audio, start: int, count: int
) -> None:
    sections(3000, 500)
    assert np.array_equal(sections(start, count), whole[:, start : start + count])


def test_after_the_last_section_there_is_silence(sections: Sections, whole: Audio) -> None:
    end = whole.shape[1]
    heard = sections(end - 10, 50)
    assert np.array_equal(heard[:, :10], whole[:, -10:])
    assert not heard[:, 10:].any()
    assert not sections(end + 1000, 50).any()

"""Windows of a sampled model: where they lie, and that their sound joins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from music.neural.windows import Audio, Joiner, Reach, windows


def test_half_a_minute_is_one_window() -> None:
    (only,) = windows(1_500, longest=1_500, carried=600)
    assert (only.start, only.carried, only.new) == (0, 0, 1_500)


def test_a_minute_goes_on_twice_from_twelve_seconds_before() -> None:
    found = [(each.start, each.carried, each.new) for each in windows(3_000, longest=1_500, carried=600)]
    assert found == [(0, 0, 1_500), (900, 600, 900), (1_800, 600, 600)]


@given(
    total=st.integers(1, 40_000),
    longest=st.integers(2, 2_000),
    share=st.floats(0, 1, exclude_min=True, exclude_max=True),
    share_heard=st.floats(0, 1),
)
def test_windows_follow_one_another_and_none_is_too_long(
    total: int, longest: int, share: float, share_heard: float
) -> None:
    carried = min(max(1, round(longest * share)), longest - 1)
    heard = round(carried * share_heard)
    done = 0
    for window in windows(total, longest=longest, carried=carried, heard=heard):
        assert window.start + window.carried == done
        assert window.new > 0
        assert window.carried + window.new <= longest
        assert window.carried == (carried if done else heard)
        # What is carried was decoded with the window before, or is what was heard.
        assert window.start >= -heard
        done = window.end
    assert done == total


@pytest.mark.parametrize("reach", [{"carried_seconds": 30.0}, {"seam_seconds": 0.0}, {"seam_seconds": 13.0}])
def test_windows_that_cannot_go_on_are_refused(reach: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="longer"):
        Reach(**reach)


def played(start: int, end: int) -> Audio:
    wave: Audio = np.sin(np.arange(start, end, dtype=np.float32) / 50)[None, :]
    return wave


@pytest.mark.parametrize("heard", [0, 7, 40])
@pytest.mark.parametrize("total", [50, 90, 100, 101, 160, 1_000])
def test_joined_windows_of_one_sound_are_that_sound(total: int, heard: int) -> None:
    joiner = Joiner(10)
    joined = [
        joiner.join(played(each.start, each.end), each.carried, last=each.end == total)
        for each in windows(total, longest=100, carried=40, heard=heard)
    ]
    np.testing.assert_allclose(np.concatenate(joined, axis=1), played(0, total), atol=1e-6)


def test_where_windows_differ_one_fades_into_the_other() -> None:
    joiner = Joiner(10)
    first = joiner.join(np.zeros((2, 100), dtype=np.float32), 0, last=False)
    second = joiner.join(np.ones((2, 100), dtype=np.float32), 40, last=True)
    joined = np.concatenate([first, second], axis=1)
    assert joined.shape == (2, 160)
    assert np.abs(np.diff(joined)).max() < 0.12
    assert (joined[:, :90] == 0).all()
    assert (joined[:, 100:] == 1).all()

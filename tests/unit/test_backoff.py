"""Pauses between tries."""

import random
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from tutti import backoff


class Longest(random.Random):
    """Draws the longest pause each time."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_pauses_double_up_to_the_longest() -> None:
    assert list(islice(backoff.delays(0.1, 1.0, draw=Longest()), 6)) == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]


def test_the_same_draw_gives_the_same_pauses() -> None:
    first, second = (list(islice(backoff.delays(draw=random.Random(7)), 5)) for _ in range(2))

    assert first == second


def test_many_clients_do_not_come_back_at_the_same_moment() -> None:
    pauses = {next(backoff.delays(1.0, draw=random.Random(seed))) for seed in range(50)}

    assert len(pauses) == 50


@settings(deadline=None, print_blob=True)
@given(first=st.floats(0.001, 10), factor=st.floats(1, 1_000), seed=st.integers(0, 2**32))
def test_every_pause_lies_in_the_upper_half_of_its_doubling(first: float, factor: float, seed: int) -> None:
    longest, bound = first * factor, first
    for pause in islice(backoff.delays(first, longest, draw=random.Random(seed)), 40):
        assert bound / 2 <= pause <= bound <= longest
        bound = min(longest, bound * 2)

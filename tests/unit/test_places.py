"""Places to work at: no more than there are, in order, and with a way out."""

import threading

import pytest

from music.places import Places

PATIENCE = 10.0


class Gone(Exception):
    pass


def nothing() -> None: ...


def leave() -> None:
    raise Gone


def test_waiting_ends_when_the_check_says_so() -> None:
    places = Places(1)
    with places.taken(nothing, every_seconds=0.01), pytest.raises(Gone), places.taken(leave, every_seconds=0.01):
        pytest.fail("there was no place")
    with places.taken(leave, every_seconds=0.01):
        pass


def test_who_comes_first_is_served_first_and_who_left_is_passed_over() -> None:
    places, served = Places(1), list[int]()
    waiting = [threading.Event() for _ in range(4)]

    def visit(number: int) -> None:
        def check() -> None:
            waiting[number].set()
            if number == 1 and waiting[3].is_set():
                raise Gone

        try:
            with places.taken(check, every_seconds=0.005):
                served.append(number)
        except Gone:
            served.append(-number)

    with places.taken(nothing, every_seconds=1):
        threads = [threading.Thread(target=visit, args=(number,)) for number in range(4)]
        for thread, comes in zip(threads, waiting, strict=True):
            thread.start()
            assert comes.wait(PATIENCE)
        threads[1].join(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
    assert served == [-1, 0, 2, 3]


def test_a_place_is_given_back_after_a_failure() -> None:
    places = Places(1)
    with pytest.raises(Gone), places.taken(nothing, every_seconds=0.01):
        leave()
    with places.taken(leave, every_seconds=0.01):
        pass

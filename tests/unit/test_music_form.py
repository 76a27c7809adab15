from dataclasses import replace
from itertools import pairwise

import pytest

from music.form import sections
from music.genres import GENRES
from music.plan import SECTION_KINDS, Section
from music.request import Composition, resolve

CLIMAX = {"chorus", "drop"}


def wanted(genre: str = "pop", bars: float = 16, **changes: object) -> Composition:
    base = resolve({"genre": genre, "seed": 1, "bpm": 120, "duration": 60})
    return replace(base, duration_seconds=bars * 2.0, **changes)  # type: ignore[arg-type]  # the tests' own values


def kinds(form: tuple[Section, ...]) -> list[str]:
    return [section.kind for section in form]


@pytest.mark.parametrize("genre", GENRES)
def test_sections_cover_every_bar_once_whatever_the_length(genre: str) -> None:
    for bars in (*range(1, 70), 100, 183, 300, 437, 1500):
        for loop in (False, True):
            form = sections(wanted(genre, bars + 0.4, loop=loop))
            assert form[0].start_bar == 0
            assert all(a.start_bar + a.bars == b.start_bar for a, b in pairwise(form))
            assert form[-1].start_bar + form[-1].bars == bars
            assert len({section.name for section in form}) == len(form)
            assert {section.kind for section in form} <= set(SECTION_KINDS)
            assert all(0 <= section.energy <= 1 for section in form)


@pytest.mark.parametrize("genre", GENRES)
@pytest.mark.parametrize("energy", [0.0, 0.25, 0.6, 1.0])
def test_the_chorus_stands_clearly_above_the_verse_from_eight_bars_on(genre: str, energy: float) -> None:
    for bars in (8, 9, 15, 24, 64, 200):
        form = sections(wanted(genre, bars, energy=energy))
        low = max(section.energy for section in form if section.kind == "verse")
        high = min(section.energy for section in form if section.kind in CLIMAX)
        assert high >= low + 0.08
        first = next(s.energy for s in form if s.kind in CLIMAX) - next(s.energy for s in form if s.kind == "verse")
        assert first >= 0.2


def test_a_livelier_piece_is_livelier_in_every_section() -> None:
    calm, wild = (sections(wanted("rock", 48, energy=energy)) for energy in (0.2, 0.8))
    assert all(a.energy < b.energy for a, b in zip(calm, wild, strict=True))


def test_each_climax_is_at_least_as_high_as_the_one_before() -> None:
    climaxes = [section.energy for section in sections(wanted("pop", 90)) if section.kind == "chorus"]
    assert climaxes == sorted(climaxes)
    assert climaxes[0] < climaxes[-1]


@pytest.mark.parametrize("genre", GENRES)
def test_a_minute_has_sections_of_four_and_eight_bars(genre: str) -> None:
    form = sections(wanted(genre, 32))
    assert all(section.bars in {4, 8, 16} for section in form[:-1] if section.kind != "intro")
    assert form[-1].kind == "outro"


def test_songs_have_choruses_clubs_have_drops_and_jazz_has_solos() -> None:
    assert {"prechorus", "bridge", "chorus"} <= set(kinds(sections(wanted("pop", 72))))
    for genre in ("house", "techno", "drum and bass", "trap"):
        form = kinds(sections(wanted(genre, 64)))
        assert {"breakdown", "drop"} <= set(form)
        assert "chorus" not in form
    names = [section.name for section in sections(wanted("jazz", 96))]
    assert [name.split()[0] for name in names].index("head") < [name.split()[0] for name in names].index("solo")
    assert {name.split()[0] for name in names[-4:]} >= {"head"}


def test_twelve_genres_have_several_forms_between_them() -> None:
    assert len({tuple(kinds(sections(wanted(genre, 64)))) for genre in GENRES}) >= 6


def test_ten_minutes_go_round_again_with_a_rest_now_and_then() -> None:
    form = sections(wanted("pop", 300))
    assert max(section.bars for section in form) <= 16
    assert kinds(form).count("breakdown") >= 2
    assert kinds(form)[-2:] == ["chorus", "outro"]


@pytest.mark.parametrize("genre", GENRES)
def test_a_loop_neither_begins_nor_ends(genre: str) -> None:
    for bars in (4, 8, 16, 33, 64, 300):
        assert {"intro", "outro"}.isdisjoint(kinds(sections(wanted(genre, bars, loop=True))))


def test_a_structure_is_followed_to_the_bar() -> None:
    given = (("intro", 3, None), ("chorus", 9, 0.33), ("verse", 4, None), ("chorus", 8, None))
    form = sections(wanted(bars=24, structure=given))
    assert [(section.kind, section.bars) for section in form] == [(kind, bars) for kind, bars, _ in given]
    assert form[1].energy == 0.33
    assert [section.name for section in form] == ["intro", "chorus 1", "verse", "chorus 2"]


def test_a_structure_that_is_too_long_is_cut_and_one_too_short_goes_round() -> None:
    given = (("intro", 4, None), ("verse", 8, None), ("chorus", 8, None), ("outro", 4, None))
    cut = sections(wanted(bars=15, structure=given))
    assert [(section.kind, section.bars) for section in cut] == [("intro", 4), ("verse", 8), ("chorus", 3)]
    long = sections(wanted(bars=50, structure=given))
    assert kinds(long) == ["intro", "verse", "chorus", "verse", "chorus", "verse", "outro"]
    assert [section.bars for section in long] == [4, 8, 8, 8, 8, 10, 4]

import re
from itertools import combinations, pairwise
from typing import Any

import pytest

from music import lyrics, seeds
from music.form import sections
from music.instruments import INSTRUMENTS
from music.lyrics_words import ENDS, THEMES
from music.plan import LyricLine, Note, Section, Track
from music.request import Composition, resolve
from music.verses import FEWEST_SYLLABLES, last_word, syllables


def tune(wanted: Composition, form: tuple[Section, ...], pitch: int = 74) -> tuple[Note, ...]:
    """A phrase of four to nine notes every two bars, but for the intro and the outro."""
    draw = seeds.generator(5, "test")
    notes = []
    for section in form:
        for bar in range(0, 0 if section.kind in {"intro", "outro"} else section.bars, 2):
            start = float((section.start_bar + bar) * wanted.meter.beats)
            notes += [
                Note(start=start + 0.5 * k, beats=0.4, pitch=pitch + int(draw.integers(-4, 5)), velocity=0.7)
                for k in range(int(draw.integers(4, 10)))
            ]
    return tuple(note for note in notes if note.start < wanted.beats)


def written(
    pitch: int = 74, **request: Any
) -> tuple[Composition, tuple[Section, ...], tuple[LyricLine, ...], Track | None]:
    wanted = resolve({"seed": 3, "bpm": 100, "duration": 100, **request})
    form = sections(wanted)
    lines, track = lyrics.write(wanted, form, tune(wanted, form, pitch))
    return wanted, form, lines, track


def by_section(wanted: Composition, form: tuple[Section, ...], lines: tuple[LyricLine, ...]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        bar = int(line.start / wanted.meter.beats + 1e-6)
        home = next(section for section in reversed(form) if section.start_bar <= bar)
        found.setdefault(home.name, []).append(line.text)
    return found


def rhyme(line: str) -> str:
    ends = {last_word(end): name for name, group in ENDS.items() for end in group}
    ends |= {last_word(end): name for theme in THEMES for name, group in theme.ends.items() for end in group}
    ends |= {last_word(hook): name for theme in THEMES for hook, name in theme.hooks}
    return ends[last_word(line)]


def test_nobody_sings_unasked() -> None:
    assert written(prompt="techno")[2:] == ((), None)


def test_lines_rhyme_in_pairs_and_never_on_the_same_word() -> None:
    for seed in range(20):
        wanted, form, lines, _ = written(prompt="pop with vocals", seed=seed)
        for name, texts in by_section(wanted, form, lines).items():
            for i in range(0, len(texts) - 3, 4):
                four = texts[i : i + 4]
                pairs = ((0, 2), (1, 3)) if "chorus" not in name else ((0, 1), (2, 3))
                for a, b in pairs:
                    assert rhyme(four[a]) == rhyme(four[b]), four
                    assert last_word(four[a]) != last_word(four[b]), four


def test_the_chorus_returns_word_for_word_and_the_verse_moves_on() -> None:
    wanted, form, lines, _ = written(prompt="a pop song about summer, with vocals")
    texts = by_section(wanted, form, lines)
    shorter = min(len(texts["chorus 1"]), len(texts["chorus 2"]))
    assert texts["chorus 1"][:shorter] == texts["chorus 2"][:shorter]
    assert texts["chorus 1"][0] == texts["chorus 1"][2]
    assert set(texts["verse 1"]).isdisjoint(texts["verse 2"])


def test_the_words_are_about_what_the_prompt_says() -> None:
    assert "sea" in " ".join(line.text for line in written(prompt="sung folk about the ocean and sailing")[2]).lower()
    texts = [
        " ".join(line.text for line in written(prompt=f"pop song with vocals about {theme}")[2])
        for theme in ("love", "the city", "rain", "dancing in the club", "a lost goodbye")
    ]
    assert len(set(texts)) == 5


def test_lines_fit_the_notes_of_their_phrase() -> None:
    wanted, form, lines, _ = written(prompt="folk with singing")
    notes = tune(wanted, form)
    hooks = {hook.lower() for theme in THEMES for hook, _ in theme.hooks}
    for line in lines:
        inside = [note for note in notes if line.start <= note.start < line.start + line.beats]
        assert inside[0].start == line.start
        assert line.text.lower() in hooks or abs(syllables(line.text) - max(len(inside), FEWEST_SYLLABLES)) <= 3
    assert all(a.start + a.beats <= b.start + 1e-6 for a, b in pairwise(lines))


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("higher and higher", 5),
        ("a silent night", 4),
        ("the little table breaks", 6),
        ("I've loved you", 3),
    ],
)
def test_syllables_are_counted_about_right(line: str, count: int) -> None:
    assert syllables(line) == count


def test_the_voice_doubles_the_tune_an_octave_where_it_is_at_ease() -> None:
    for pitch in (50, 62, 74, 86, 96):
        wanted, form, lines, track = written(pitch, prompt="ballad with vocals")
        assert track is not None
        facts = INSTRUMENTS[track.instrument]
        assert (track.stem, facts.stem) == ("voice", "voice")
        heard = {note.start: note for note in tune(wanted, form, pitch)}
        for note in track.notes:
            assert facts.low <= note.pitch <= facts.high
            assert (note.pitch - heard[note.start].pitch) % 12 == 0
            assert any(line.start <= note.start < line.start + line.beats for line in lines)
        assert all(a.start + a.beats <= b.start + 1e-6 for a, b in pairwise(track.notes))


def test_a_soft_song_is_hummed_and_a_wish_counts() -> None:
    instruments = [
        track.instrument
        for request in ({"energy": 0.2}, {"energy": 0.9}, {"energy": 0.9, "instruments": ["voice_ooh"]})
        if (track := written(prompt="pop with vocals", **request)[3]) is not None
    ]
    assert instruments == ["voice_ooh", "voice_aah", "voice_ooh"]


def test_lyrics_first_always_writes_words_even_where_nobody_may_sing() -> None:
    _, _, lines, track = written(mode="lyrics-first", prompt="pop")
    assert lines
    assert track is not None
    _, _, lines, track = written(mode="lyrics-first", stems=["drums", "lead"])
    assert lines
    assert track is None


def test_given_lines_are_used_as_they_are_and_in_their_order() -> None:
    given = [f"Line {i} of Ünïcode, as it is" for i in range(11)]
    lines = written(lyrics=given)[2]
    assert [line.text for line in lines] == given
    many = [f"line {i}" for i in range(90)]
    assert [line.text for line in written(lyrics=many)[2]] == many


def test_given_sections_find_theirs_and_the_chorus_comes_back() -> None:
    text = "[Verse 1]\nfirst\nverse\n\n[Chorus]\nsing this\n\n[Verse 2]\nsecond\n"
    wanted, form, lines, _ = written(lyrics=text, genre="pop")
    texts = by_section(wanted, form, lines)
    choruses = [section.name for section in form if section.kind == "chorus"]
    assert texts["verse 1"] == ["first", "verse"]
    assert texts["verse 2"] == ["second"]
    assert len(choruses) > 1
    assert all(texts[name] == ["sing this"] for name in choruses)


def test_a_tag_for_a_section_that_is_not_there_loses_no_line() -> None:
    lines = written(lyrics="[Verse]\na b\n[Middle Eight]\nc d\n[Outro]\ne f", duration=20)[2]
    assert [line.text for line in lines] == ["a b", "c d", "e f"]


@pytest.mark.parametrize(("bpm", "duration"), [(30, 1), (30, 40), (300, 2), (174, 600), (60, 9)])
def test_any_length_and_tempo_can_be_sung(bpm: float, duration: float) -> None:
    wanted, _, lines, track = written(bpm=bpm, duration=duration, prompt="pop with vocals")
    assert lines
    assert all(line.start < wanted.beats for line in lines)
    seconds = [line.beats * 60 / bpm for line in lines]
    assert max(seconds) <= 17
    assert track is None or all(note.start < wanted.beats for note in track.notes)


def test_the_same_seed_writes_the_same_and_another_seed_something_else() -> None:
    songs = [written(prompt="rock with vocals", seed=seed)[2] for seed in (7, 7, 8)]
    assert songs[0] == songs[1]
    assert [line.text for line in songs[0]] != [line.text for line in songs[2]]


def test_an_lrc_file_says_first_that_nobody_sings_the_words() -> None:
    lines = (LyricLine(start=130.0, beats=4.0, text="two [oh]"), LyricLine(start=2.0, beats=2.0, text="one"))
    rows = lyrics.lrc(lines, 120.0, "A [song]").splitlines()
    assert "no words" in rows[0]
    assert rows[0].startswith("[re:")
    assert rows[1:] == ["[ti:A (song)]", "[00:01.00]one", "[01:05.00]two (oh)", "[01:07.00]"]


def test_the_words_of_a_group_rhyme_by_their_spelling_or_by_ear() -> None:
    sounds = {
        "ight": r"(ight|ite)$",
        "ay": r"(ay|ey)$",
        "ound": r"ound$",
        "ine": r"(ine|ign)$",
        "ow": r"(ow|o)$",
        "ide": r"ide$",
        "ire": r"(ire|igher|oir)$",
        "ee": r"(ee|e|ea)$",
        "ore": r"(ore|oor)$",
        "own": r"own$",
    }
    for theme in THEMES:
        groups = [(name, end) for name, ends in theme.ends.items() for end in ends]
        groups += [(name, hook) for hook, name in theme.hooks]
        groups += [(name, end) for name, ends in ENDS.items() for end in ends]
        for name, end in groups:
            assert re.search(sounds[name], last_word(end)), end
    for ends in ENDS.values():
        assert all(last_word(a) != last_word(b) for a, b in combinations(ends, 2))

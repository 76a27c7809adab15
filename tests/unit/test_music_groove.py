"""The groove as notes: what a listener would hear in them, over genres, meters and seeds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from music import groove
from music.genres import GENRES
from music.groove.feels import FEELS
from music.groove.fills import FILLS, SIZES
from music.groove.notation import fill_steps, steps
from music.groove.patterns import DRUMS, PARTS, PERCUSSION, alternatives
from music.instruments import (
    CLOSED_HAT,
    CRASH,
    HIGH_TOM,
    KICK,
    LOW_TOM,
    MID_TOM,
    OPEN_HAT,
    PEDAL_HAT,
    RIDE,
    RIM,
    SNARE,
)
from music.plan import Note, Section, Track
from music.request import Composition, resolve
from tests.fixtures.counting import steps_of

DRUMMED = [name for name, facts in GENRES.items() if facts.drums]
METERS = (2, 3, 4, 6)
SEEDS = (3, 11)
ALL_STEMS = frozenset({"drums", "percussion", "bass", "chords", "lead", "pad", "voice", "fx"})
#: Kind, bars and energy of a piece with a bit of everything.
FORM = (
    ("intro", 4, 0.4),
    ("verse", 8, 0.5),
    ("chorus", 8, 0.8),
    ("breakdown", 4, 0.4),
    ("drop", 8, 0.9),
    ("bridge", 4, 0.5),
    ("chorus", 8, 0.85),
    ("outro", 3, 0.4),
)


def form(parts: Iterable[tuple[str, int, float]] = FORM) -> tuple[Section, ...]:
    sections: list[Section] = []
    start = 0
    for kind, bars, energy in parts:
        sections.append(Section(name=kind.title(), kind=kind, start_bar=start, bars=bars, energy=energy))
        start += bars
    return tuple(sections)


def wish(
    genre: str, *, meter: int = 4, seed: int = 3, bars: int = 47, bpm: float | None = None, **more: Any
) -> Composition:
    facts = GENRES[genre]
    bpm = bpm or (facts.slow_bpm + facts.fast_bpm) / 2
    beats = 2 if meter == 6 else meter
    request = {"genre": genre, "time_signature": meter, "seed": seed, "bpm": bpm, "duration": bars * beats * 60 / bpm}
    return replace(resolve(request), stems=ALL_STEMS, **more)


def made(wanted: Composition, sections: tuple[Section, ...] | None = None) -> dict[str, Track]:
    return {track.name: track for track in groove.tracks(wanted, sections or form())}


def drums(wanted: Composition, sections: tuple[Section, ...] | None = None) -> tuple[Note, ...]:
    return made(wanted, sections)["drums"].notes


def bars_of(notes: Iterable[Note], wanted: Composition) -> dict[int, list[Note]]:
    """Each note in the bar that it was meant for, however early the hand was."""
    beats, early = wanted.meter.beats, 0.03 * wanted.bpm / 60
    bars: dict[int, list[Note]] = defaultdict(list)
    for note in notes:
        bars[int((note.start + early) // beats)].append(note)
    return bars


def rhythm(notes: Iterable[Note], wanted: Composition, pitches: tuple[int, ...] = ()) -> frozenset[tuple[int, int]]:
    """What is struck at which of a bar's 24ths of a beat, near enough to forgive the hands."""
    fine = 4 if wanted.meter.divisions == 2 else 6
    beats = wanted.meter.beats
    return frozenset(
        (round(note.start * fine) % (beats * fine), note.pitch)
        for note in notes
        if not pitches or note.pitch in pitches
    )


def section_of(sections: tuple[Section, ...], kind: str, which: int = 0) -> range:
    section = [section for section in sections if section.kind == kind][which]
    return range(section.start_bar, section.start_bar + section.bars)


def offsets_ms(notes: Iterable[Note], wanted: Composition, grid: float) -> npt.NDArray[np.float64]:
    beats = np.array([note.start for note in notes])
    strayed: npt.NDArray[np.float64] = (beats - np.round(beats / grid) * grid) * 60_000 / wanted.bpm
    return strayed


def test_every_genre_has_its_own_verse_and_chorus() -> None:
    for genre in GENRES:
        for part in PARTS:
            assert alternatives(DRUMS, genre, part, 4), (genre, part)
    assert len({pattern.lanes for pattern in DRUMS}) == len(DRUMS) >= 48
    assert sum(pattern.owner == "pop" and pattern.part == "verse" for pattern in DRUMS) == 4


@pytest.mark.parametrize("meter", METERS)
def test_every_pattern_fills_a_bar_of_every_meter_and_no_more(meter: int) -> None:
    beats = 2 if meter == 6 else meter
    for pattern in (*DRUMS, *PERCUSSION):
        if pattern.signature not in (4, meter):
            continue
        struck = [step for bar in range(4) for step in steps(pattern, meter, bar)]
        assert struck, pattern
        assert all(0 <= step.at < beats for step in struck), pattern


def test_every_feel_has_fills_of_every_size_that_end_with_the_bar() -> None:
    for feel in FEELS.values():
        for size in SIZES:
            assert len(FILLS[feel.fills, size]) >= 2
            for fill in FILLS[feel.fills, size]:
                assert max(step.at for step in fill_steps(fill, 4)) >= fill.beats - 1


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("genre", GENRES)
def test_notes_are_in_order_in_time_and_playable(genre: str, meter: int) -> None:
    for seed in SEEDS:
        check_playable(wish(genre, meter=meter, seed=seed), genre)


def check_playable(wanted: Composition, genre: str) -> None:
    tracks = groove.tracks(wanted, form())
    assert ("drums" in {track.stem for track in tracks}) == GENRES[genre].drums
    for track in tracks:
        starts = [note.start for note in track.notes]
        assert starts == sorted(starts)
        assert starts[0] >= 0
        assert all(note.start + note.beats <= wanted.beats + 1e-5 for note in track.notes)
        assert all(0 < note.velocity <= 1 and note.beats > 0 for note in track.notes)
        assert track.stem in ("drums", "percussion", "fx")
    closest = FEELS[genre].quickest_ms - 5 * FEELS[genre].jitter_ms
    for track in tracks:
        if track.stem == "fx":
            continue
        by_pitch: dict[int, list[float]] = defaultdict(list)
        for note in track.notes:
            by_pitch[note.pitch].append(note.start * 60_000 / wanted.bpm)
        assert all(b - a >= closest for times in by_pitch.values() for a, b in pairwise(times))


@pytest.mark.parametrize("meter", METERS)
@pytest.mark.parametrize("genre", DRUMMED)
def test_no_two_bars_are_the_same_and_the_groove_stays(genre: str, meter: int) -> None:
    for seed in SEEDS:
        check_variety(wish(genre, meter=meter, seed=seed), form())


def check_variety(wanted: Composition, sections: tuple[Section, ...]) -> None:
    bars = bars_of(drums(wanted, sections), wanted)
    assert set(range(47)) == set(bars)
    heard = [
        tuple((round(note.start * 60_000 / wanted.bpm), note.pitch, round(note.velocity, 2)) for note in bars[bar])
        for bar in range(47)
    ]
    start_ms = [bar * wanted.meter.beats * 60_000 / wanted.bpm for bar in range(47)]
    played = [tuple((ms - round(at), p, v) for ms, p, v in bar) for bar, at in zip(heard, start_ms, strict=True)]
    assert len(set(played)) == 47

    chorus = section_of(sections, "chorus")
    # Fills are meant to differ, and bars answer each other in pairs: those of a kind are compared.
    skeletons = [
        rhythm((note for note in bars[bar] if note.velocity > 0.4), wanted, (KICK, SNARE, LOW_TOM, PEDAL_HAT))
        for bar in chorus
        if (bar - chorus.start) % 4 != 3
    ]
    alike = [max(len(one & other) / len(one | other) for other in skeletons if other is not one) for one in skeletons]
    assert np.mean(alike) > 0.6


@pytest.mark.parametrize("genre", DRUMMED)
def test_bars_differ_in_what_is_played_and_not_only_in_touch(genre: str) -> None:
    wanted = wish(genre)
    sections = form()
    bars = bars_of(drums(wanted, sections), wanted)
    for which in (0, 1):
        chorus = [rhythm(bars[bar], wanted) for bar in section_of(sections, "chorus", which)]
        assert len(set(chorus)) >= 5, genre


@pytest.mark.parametrize("genre", DRUMMED)
def test_a_chorus_is_more_like_the_other_chorus_than_like_the_verse(genre: str) -> None:
    wanted = wish(genre)
    sections = form()
    bars = bars_of(drums(wanted, sections), wanted)

    def likeness(one: range, other: range) -> float:
        pairs = [(rhythm(bars[a], wanted), rhythm(bars[b], wanted)) for a, b in zip(one, other, strict=True)]
        return float(np.mean([len(a & b) / len(a | b) for a, b in pairs]))

    # The ride may take over from the hat in one of them.
    first, second, verse = (
        section_of(sections, "chorus"),
        section_of(sections, "chorus", 1),
        section_of(sections, "verse"),
    )
    assert likeness(first, second) > likeness(second, verse)


@pytest.mark.parametrize("genre", DRUMMED)
def test_the_last_bar_is_one_hit(genre: str) -> None:
    wanted = wish(genre, meter=3)
    last = bars_of(drums(wanted), wanted)[46]
    assert KICK in {note.pitch for note in last}
    assert all(abs(note.start - 46 * wanted.meter.beats) * 60 / wanted.bpm < 0.05 for note in last)
    percussion = made(wanted).get("percussion")
    assert percussion is None or percussion.notes[-1].start < 46 * wanted.meter.beats


def test_what_loops_has_a_groove_to_its_end() -> None:
    wanted = wish("house", loop=True)
    assert len(bars_of(drums(wanted), wanted)[46]) > 5


@pytest.mark.parametrize("genre", GENRES)
def test_no_drums_has_none(genre: str) -> None:
    wanted = replace(wish(genre), stems=ALL_STEMS - {"drums", "percussion"})
    tracks = groove.tracks(wanted, form())
    assert not {"drums", "percussion"} & {track.stem for track in tracks}
    assert groove.kicks(tracks) == ()


@pytest.mark.parametrize("genre", ["classical", "ambient"])
def test_genres_without_drums_get_them_only_when_asked(genre: str) -> None:
    assert "drums" not in made(wish(genre))
    assert "drums" in made(wish(genre, energy=0.9))
    assert made(wish(genre, instruments=("kit_electro",)))["drums"].instrument == "kit_electro"


@pytest.mark.parametrize("genre", DRUMMED)
def test_energy_brings_notes_and_loudness(genre: str) -> None:
    wanted = wish(genre)
    low, high = ([(kind, bars, energy) for kind, bars, _ in FORM] for energy in (0.1, 0.9))
    calm, wild = (groove.tracks(wanted, form(parts)) for parts in (low, high))
    count = [sum(len(track.notes) for track in tracks if track.stem != "fx") for tracks in (calm, wild)]
    assert count[1] > 1.5 * count[0]
    loudness = [np.mean([note.velocity for note in tracks[0].notes if note.pitch == KICK]) for tracks in (calm, wild)]
    assert genre == "jazz" or loudness[1] > 1.2 * loudness[0]


@pytest.mark.parametrize("genre", ["pop", "trap", "ambient"])
def test_the_same_seed_plays_the_same_and_muting_changes_nothing_else(genre: str) -> None:
    wanted = wish(genre, energy=0.8)
    whole = made(wanted)
    assert whole == made(wanted)
    for stem in ("drums", "percussion", "fx"):
        without = made(replace(wanted, stems=ALL_STEMS - {stem}))
        assert without == {name: track for name, track in whole.items() if track.stem != stem}
    other = made(wish(genre, seed=4, energy=0.8))
    assert other["drums"] != whole["drums"]


def test_a_longer_section_leaves_the_bars_of_others_as_they_were() -> None:
    wanted = wish("funk")
    longer = form([*FORM[:6], ("chorus", 9, 0.85), ("outro", 2, 0.4)])
    rhythms = [bars_of(drums(wanted, sections), wanted) for sections in (form(), longer)]
    before = [[rhythm(bars[bar], wanted) for bar in range(36)] for bars in rhythms]
    assert before[0] == before[1]


@pytest.mark.parametrize(("genre", "grid", "swing"), [("jazz", 1.0, 0.64), ("lo-fi", 0.5, 0.6), ("pop", 1.0, 0.67)])
def test_off_beats_swing_as_far_as_wanted(genre: str, grid: float, swing: float) -> None:
    wanted = wish(genre, swing=swing)
    hands = {CLOSED_HAT, RIDE, KICK}
    phases = np.array([note.start / grid % 1 for note in drums(wanted) if note.pitch in hands])
    off = phases[(phases > 0.4) & (phases < 0.72)]
    assert np.median(off) == pytest.approx(swing, abs=0.012)
    straight = wish(genre, swing=0.5)
    phases = np.array([note.start / grid % 1 for note in drums(straight) if note.pitch in hands])
    assert np.median(phases[(phases > 0.4) & (phases < 0.6)]) == pytest.approx(0.5, abs=0.012)


def test_off_beats_of_six_eight_are_thirds() -> None:
    wanted = wish("house", meter=6)
    phases = [note.start % 1 for note in drums(wanted) if note.pitch == OPEN_HAT]
    assert np.median(phases) == pytest.approx(2 / 3, abs=0.01)
    assert all(abs(phase - 2 / 3) < 0.03 for phase in phases)


def test_six_eight_does_not_swing() -> None:
    assert drums(wish("jazz", meter=6, swing=0.67)) == drums(wish("jazz", meter=6, swing=0.5))


@pytest.mark.parametrize("genre", DRUMMED)
def test_time_is_as_loose_as_the_genre(genre: str) -> None:
    wanted = replace(wish(genre, bpm=100 if genre not in ("trap", "drum and bass") else 140), swing=0.5)
    kicks = [note for note in drums(wanted) if note.pitch == KICK]
    hats = [note for note in drums(wanted) if note.pitch in (CLOSED_HAT, RIDE, LOW_TOM)]
    feel = FEELS[genre]
    # Rolls in triplets stand off this grid.
    loose = offsets_ms(hats, wanted, 0.25)
    loose = loose[np.abs(loose) < 30] if not feel.hat_rolls else loose[np.abs(loose) < 9]
    assert 0.6 * feel.jitter_ms < np.std(loose) < 1.4 * feel.jitter_ms
    assert np.std(offsets_ms(kicks, wanted, 0.25)) < 1.2 * feel.jitter_ms * feel.kick_jitter
    assert 3 <= feel.jitter_ms <= 8


def test_lo_fi_snares_drag_and_machines_do_not() -> None:
    lag = {}
    for genre in ("lo-fi", "house"):
        wanted = replace(wish(genre), swing=0.5)
        backbeats = [note for note in drums(wanted) if note.pitch in (SNARE, RIM, 39) and note.velocity > 0.5]
        lag[genre] = float(np.median(offsets_ms(backbeats, wanted, 0.5)))
    assert lag["lo-fi"] > 8
    assert abs(lag["house"]) < 2


@pytest.mark.parametrize("genre", ["rock", "pop", "funk", "lo-fi", "cinematic", "drum and bass", "jazz"])
def test_phrases_end_with_fills(genre: str) -> None:
    filled: list[float] = []
    plain: list[float] = []
    drummed = {SNARE, LOW_TOM, MID_TOM, HIGH_TOM, RIM}
    for seed in range(6):
        wanted = wish(genre, seed=seed, bars=34)
        bars = bars_of(drums(wanted, form([("verse", 16, 0.6), ("chorus", 17, 0.8), ("outro", 1, 0.4)])), wanted)
        for bar in range(33):
            hits = sum(note.velocity for note in bars[bar] if note.pitch in drummed and note.start % 4 > 2.4)
            (filled if bar % 16 == 15 else plain if bar % 4 != 3 else []).append(hits)
    assert np.mean(filled) > 1.4 * np.mean(plain)


@pytest.mark.parametrize("genre", ["house", "techno", "trap", "drum and bass", "synthwave"])
def test_a_roll_leads_into_the_drop_and_quickens(genre: str) -> None:
    wanted = wish(genre)
    breakdown = section_of(form(), "breakdown")
    bars = bars_of(drums(wanted), wanted)
    rolls = [[note for note in bars[bar] if note.pitch == SNARE] for bar in breakdown[-2:]]
    assert len(rolls[1]) > 1.5 * len(rolls[0]) > 0
    assert max(note.velocity for note in rolls[1]) > 1.5 * min(note.velocity for note in rolls[0])
    assert not any(note.pitch == KICK for note in bars[breakdown[-1]])


def test_crashes_open_what_is_loud() -> None:
    for genre, crashing in (("rock", True), ("house", True), ("lo-fi", False)):
        wanted = wish(genre)
        bars = bars_of(drums(wanted), wanted)
        for kind in ("chorus", "drop"):
            first = bars[section_of(form(), kind).start]
            assert (CRASH in {note.pitch for note in first}) == crashing
    calm = form([(kind, bars, 0.3) for kind, bars, _ in FORM])
    wanted = wish("rock")
    assert all(note.pitch != CRASH for note in drums(wanted, calm) if note.start < 46 * 4 - 1)


def test_rock_choruses_ride_for_some_seeds_and_hat_for_others() -> None:
    riding = set()
    for seed in range(12):
        wanted = wish("rock", seed=seed)
        bars = bars_of(drums(wanted), wanted)
        last = [note.pitch for bar in section_of(form(), "chorus", 1) for note in bars[bar]]
        riding.add(last.count(RIDE) > last.count(CLOSED_HAT))
    assert riding == {True, False}


def test_risers_end_where_the_drop_begins_and_impacts_strike_there() -> None:
    tracks = made(wish("techno"))
    drop = section_of(form(), "drop").start * 4.0
    ends = [note.start + note.beats for note in tracks["riser"].notes]
    assert drop in ends
    assert drop in [note.start for note in tracks["impact"].notes]
    assert drop in [note.start for note in tracks["sweep_down"].notes]
    assert {track.instrument for track in tracks.values() if track.stem == "fx"} == {"riser", "impact", "sweep_down"}


def test_vinyl_crackles_from_the_start_to_the_end() -> None:
    wanted = wish("lo-fi")
    notes = made(wanted)["vinyl"].notes
    assert notes[0].start == 0
    assert all(a.start + a.beats == pytest.approx(b.start) for a, b in pairwise(notes))
    assert notes[-1].start + notes[-1].beats == pytest.approx(wanted.beats)
    assert max(note.velocity for note in notes) < 0.3
    assert "vinyl" not in made(replace(wanted, avoided=frozenset({"vinyl"})))
    assert "vinyl" in made(wish("house", instruments=("vinyl",)))


def test_trap_hats_roll() -> None:
    wanted = wish("trap")
    hats = [note.start for note in drums(wanted) if note.pitch == CLOSED_HAT]
    gaps = np.diff(hats)
    assert np.mean(gaps < 0.2) > 0.05
    assert any(abs(gap - 1 / 6) < 0.02 for gap in gaps)
    assert any(abs(gap - 1 / 8) < 0.015 for gap in gaps)


def test_reggae_drops_the_one() -> None:
    wanted = wish("reggae")
    bars = bars_of(drums(wanted), wanted)
    for bar in list(section_of(form(), "verse"))[:3]:
        beats = {round(note.start * 2) / 2 % 4 for note in bars[bar] if note.pitch == KICK and note.velocity > 0.5}
        assert 0 not in beats
        assert beats >= {1, 3}
    # Counted twice as fast, the drop is on three.
    fast = wish("reggae", bpm=152)
    bars = bars_of(drums(fast), fast)
    second = section_of(form(), "verse")[2]
    assert {round(note.start) % 4 for note in bars[second] if note.pitch == RIM and note.velocity > 0.5} == {2}


def test_slow_jazz_is_played_with_brushes_until_the_chorus() -> None:
    wanted = wish("jazz", bpm=88)
    kit, circles = (track for track in groove.tracks(wanted, form()) if track.stem == "drums")
    assert (kit.instrument, circles.instrument) == ("kit_jazz", "brush_swirl")

    def within(track: Track, first_bar: int, bars: int) -> list[Note]:
        return [note for note in track.notes if 4 * first_bar - 0.1 <= note.start < 4 * (first_bar + bars) - 0.1]

    assert not [note for note in within(kit, 4, 8) if note.pitch == RIDE]
    assert [note for note in within(kit, 12, 8) if note.pitch == RIDE]
    assert len(within(circles, 4, 8)) == 32
    assert not within(circles, 12, 8)
    fast = groove.tracks(wish("jazz", bpm=176, instruments=("kit_jazz",)), form())
    assert "brush_swirl" in {track.instrument for track in fast}
    assert "brush_swirl" not in {track.instrument for track in groove.tracks(wish("jazz", bpm=176), form())}


def test_jazz_rides_with_the_hat_on_two_and_four_over_a_feathered_kick() -> None:
    wanted = wish("jazz", bpm=132)
    notes = [note for note in drums(wanted) if 4 * 4 <= note.start < 10 * 4]
    pedal = {round(note.start) % 4 for note in notes if note.pitch == PEDAL_HAT}
    assert pedal == {1, 3}
    assert sum(note.pitch == RIDE for note in notes) > 3 * 6
    feathered = [note.velocity for note in notes if note.pitch == KICK]
    assert np.median(feathered) < 0.35
    assert any(note.pitch == SNARE and note.velocity < 0.4 for note in notes)


@pytest.mark.parametrize("genre", ["house", "techno"])
@pytest.mark.parametrize("meter", METERS)
def test_the_floor_is_on_every_beat(genre: str, meter: int) -> None:
    wanted = wish(genre, meter=meter)
    bars = bars_of(drums(wanted), wanted)
    for bar in list(section_of(form(), "chorus"))[:7]:
        beats = {round(note.start - bar * wanted.meter.beats, 1) for note in bars[bar] if note.pitch == KICK}
        assert beats >= {float(beat) for beat in range(wanted.meter.beats)}


@pytest.mark.parametrize(("meter", "backbeat"), [(2, 1), (3, 2), (6, 1)])
def test_the_backbeat_finds_its_place_in_other_meters(meter: int, backbeat: int) -> None:
    for seed in SEEDS:
        wanted = wish("rock", meter=meter, seed=seed)
        bars = bars_of(drums(wanted), wanted)
        verse = [bars[bar] for bar in list(section_of(form(), "verse"))[:3]]
        hard = [note for bar in verse for note in bar if note.pitch == SNARE and note.velocity > 0.5]
        on = [
            round(note.start, 1) % meter == backbeat or round(note.start) % wanted.meter.beats == backbeat
            for note in hard
        ]
        assert len(hard) >= 3
        assert np.mean(on) > 0.9


def test_drum_and_bass_counted_slowly_is_as_quick() -> None:
    rates = []
    for bpm, bars in ((174.0, 94), (87.0, 47)):
        wanted = wish("drum and bass", bpm=bpm, bars=bars)
        sections = form([(kind, length * bars // 47, energy) for kind, length, energy in FORM])
        rates.append(len(drums(wanted, sections)) / wanted.duration_seconds)
    assert rates[1] == pytest.approx(rates[0], rel=0.15)


def test_genres_can_be_told_apart_by_their_drums() -> None:
    grooves = {}
    for genre in DRUMMED:
        wanted = wish(genre)
        bars = bars_of(drums(wanted), wanted)
        profile = np.zeros((16, 128))
        for bar in list(section_of(form(), "verse"))[:7]:
            for note in bars[bar]:
                profile[round(note.start * 4) % 16, note.pitch] += note.velocity
        grooves[genre] = profile.ravel() / np.linalg.norm(profile)
    likeness = {(a, b): float(grooves[a] @ grooves[b]) for a, b in combinations(grooves, 2)}
    assert max(likeness.values()) < 0.985, max(likeness, key=lambda pair: likeness[pair])
    assert np.mean(list(likeness.values())) < 0.75


def test_variation_brings_ornaments() -> None:
    counts = [
        sum(len(drums(wish("boom bap", seed=seed, variation=variation))) for seed in range(4))
        for variation in (0.0, 2.0)
    ]
    assert counts[1] > 1.03 * counts[0]


def test_kicks_are_where_the_kick_is() -> None:
    tracks = groove.tracks(wish("funk"), form())
    kicks = groove.kicks(tracks)
    assert list(kicks) == [note.start for note in tracks[0].notes if note.pitch == KICK]
    assert len(kicks) > 100


def test_open_hats_are_closed_by_the_next() -> None:
    notes = [note for note in drums(wish("house")) if note.pitch in (OPEN_HAT, CLOSED_HAT, PEDAL_HAT)]
    for one, following in pairwise(notes):
        if one.pitch == OPEN_HAT:
            assert one.start + one.beats <= max(following.start, one.start + 0.05) + 1e-4


@pytest.mark.parametrize("bpm", [30.0, 300.0])
@pytest.mark.parametrize("genre", DRUMMED)
def test_any_tempo_and_the_shortest_pieces_can_be_played(genre: str, bpm: float) -> None:
    for bars in (1, 2, 5) if bpm < 100 else (2, 5):
        wanted = wish(genre, bpm=bpm, bars=bars)
        sections = form([("verse", bars - 1, 0.6), ("outro", 1, 0.4)] if bars > 1 else [("verse", 1, 0.6)])
        notes = drums(wanted, sections)
        assert notes
        assert len(notes) / wanted.duration_seconds < 45
    assert groove.tracks(wanted, ()) == ()


@pytest.mark.parametrize("genre", ["trap", "funk", "drum and bass"])
def test_the_work_grows_with_the_notes_and_no_faster(genre: str) -> None:
    """Five minutes take 0.05 s, 300 steps a note."""
    wanted = wish(genre, bars=220)
    sections = form([("verse", 10, 0.6), ("chorus", 12, 0.9)] * 10)
    notes = sum(len(track.notes) for track in groove.tracks(wanted, sections))
    assert steps_of(lambda: groove.tracks(wanted, sections)) < 600 * notes

"""How we know that it is music: what is promised of every track, by genre and seed.

Plans are cheap, so each genre is composed with many seeds. Sound is not: a run listens to one track of each genre, and
the seeds go round among the genres. `MUSIC_SEEDS="1 2 3 4 5 6"` listens to every genre with each of those instead. The
figures are those of `bench.listening`; `python -m bench.music` prints them. The first use of librosa compiles for about
forty seconds, once on a machine; afterwards all of this takes about a minute of one core.
"""

import hashlib
import io
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from bench import listening
from bench.takes import ONE_CORE, cost
from music.composing import compose
from music.genres import GENRES
from music.instruments import INSTRUMENTS
from music.output import midi
from music.plan import Note, Plan, Section
from music.recording import make
from music.rendering import Piece, render
from music.session import Session
from music.theory import parse_chord, parse_key
from tests.fixtures.tracks import track

ROOT = Path(__file__).parents[2]
RATE = 44_100
#: What plans promise is looked for with each.
SEEDS = (1, 2, 3, 5, 7)
#: What is heard is listened for with one of these, or with all that were asked for.
HEARD = (7, 1, 2, 3, 4, 5, 6)
ASKED = tuple(int(seed) for seed in os.environ.get("MUSIC_SEEDS", "").split())
TRACKS = (
    [(genre, seed) for genre in GENRES for seed in ASKED]
    if ASKED
    else [(genre, HEARD[number % len(HEARD)]) for number, genre in enumerate(GENRES)]
)
SHORT = {"genre": "synthwave", "bpm": 101, "key": "D minor", "seed": 12, "duration": 5.5}
PROMPTS = (
    "lo-fi beats to study to",
    "dusty boom bap",
    "dark trap",
    "deep house",
    "warehouse techno",
    "liquid drum and bass",
    "eighties synthwave",
    "happy pop",
    "garage rock",
    "tight funk",
    "smoky jazz",
    "ambient drones",
)

every_genre = pytest.mark.parametrize("genre", GENRES)
every_seed = pytest.mark.parametrize("seed", SEEDS)
every_track = pytest.mark.parametrize(("genre", "seed"), TRACKS)


@pytest.mark.parametrize("duration", [1.0, 2.345, 5.0001])
def test_a_track_lasts_to_the_sample_as_long_as_was_asked_for(duration: float, tmp_path: Path) -> None:
    made = make({**SHORT, "duration": duration})
    samples = round(duration * RATE)
    assert made.master.shape == (2, samples)
    assert {audio.shape for audio in made.stems.values()} == {(2, samples)}
    for suffix in (".wav", ".flac"):
        written = soundfile.info(made.save(tmp_path / f"track{suffix}"))
        assert (written.frames, written.samplerate, written.channels) == (samples, RATE, 2)


@every_track
def test_every_sample_is_a_number_and_none_leans_to_one_side(genre: str, seed: int) -> None:
    made = track(genre, seed)
    assert made.heard.samples == round(made.plan.duration_seconds * made.rate)
    assert made.heard.finite
    assert made.heard.dc < 0.002


@every_track
def test_tempo_stands_exactly_in_plan_and_midi(genre: str, seed: int) -> None:
    plan = compose({"genre": genre, "bpm": 97.3, "seed": seed, "duration": 20})
    assert plan.bpm == 97.3
    file = mido.MidiFile(file=io.BytesIO(midi(plan)))
    tempos = [message.tempo for message in file.tracks[0] if message.type == "set_tempo"]
    assert tempos == [round(60_000_000 / 97.3)]
    assert file.length == pytest.approx(20, abs=0.01)


@every_track
def test_tempo_is_heard_within_a_percent(genre: str, seed: int) -> None:
    assert track(genre, seed).heard.tempo_error <= 0.01


@every_genre
@every_seed
def test_notes_are_in_key_and_the_last_chord_is_home(genre: str, seed: int) -> None:
    plan = planned(genre, seed)
    assert share_in_key(plan) >= 0.95
    assert parse_chord(plan.chords[-1].symbol).root == parse_key(plan.key).tonic


@cache
def planned(genre: str, seed: int) -> Plan:
    return compose({"genre": genre, "seed": seed, "duration": 45})


def share_in_key(plan: Plan) -> float:
    """Of the time of all notes. A chord that borrows a tone brings it into the scale while it sounds."""
    scale = set(parse_key(plan.key).scale)
    starts = [chord.start for chord in plan.chords]
    allowed = [scale | {pitch % 12 for pitch in chord.pitches} for chord in plan.chords]
    notes = [note for track in plan.tracks if track.stem in listening.TONAL for note in track.notes]
    fits = [note.pitch % 12 in allowed[max(bisect_right(starts, note.start + 0.02) - 1, 0)] for note in notes]
    return sum(note.beats for note, fit in zip(notes, fits, strict=True) if fit) / sum(note.beats for note in notes)


@every_genre
@every_seed
def test_the_form_covers_the_piece_and_has_a_climax(genre: str, seed: int) -> None:
    plan = planned(genre, seed)
    ends = [section.start_bar + section.bars for section in plan.sections]
    assert [section.start_bar for section in plan.sections] == [0, *ends[:-1]]
    bars = plan.duration_seconds / (plan.seconds_per_beat * plan.beats_per_bar)
    assert bars - 1 < ends[-1] < bars + 1
    energies = {section.kind: section.energy for section in plan.sections}
    assert max(energies, key=lambda kind: energies[kind]) in listening.CLIMAXES
    assert energies["verse"] < max(energies.values())


@every_genre
@every_seed
def test_everyone_plays_within_reach_and_every_stem_has_something_to_play(genre: str, seed: int) -> None:
    plan = planned(genre, seed)
    assert len(plan.stems) >= 4
    for player in plan.tracks:
        facts = INSTRUMENTS[player.instrument]
        assert player.notes
        assert all(facts.low <= note.pitch <= facts.high for note in player.notes)
        assert all(0.0 < note.velocity <= 1.0 for note in player.notes)
        assert all(0.0 <= note.start < plan.duration_seconds / plan.seconds_per_beat for note in player.notes)


@every_track
def test_the_same_seed_makes_the_same_plan(genre: str, seed: int) -> None:
    assert compose({"genre": genre, "seed": seed, "duration": 45}) == planned(genre, seed)


@every_track
def test_the_key_is_heard(genre: str, seed: int) -> None:
    made = track(genre, seed)
    assert made.heard.key in (made.plan.key, listening.relative_of(made.plan.key))
    assert made.heard.key_fit >= 0.7


@every_track
def test_a_track_is_as_loud_as_was_asked_for(genre: str, seed: int) -> None:
    made = track(genre, seed)
    assert made.heard.lufs == pytest.approx(made.plan.mix.loudness_target, abs=0.5)
    assert made.heard.lufs_pyloudnorm == pytest.approx(made.plan.mix.loudness_target, abs=1)


@every_track
def test_true_peaks_stay_under_the_ceiling_and_nothing_clips(genre: str, seed: int) -> None:
    made = track(genre, seed)
    assert made.heard.true_peak_dbtp <= made.plan.mix.true_peak + 0.1
    assert made.heard.longest_clip < 3


@every_track
def test_sections_that_were_rendered_apart_join_to_the_whole(genre: str, seed: int) -> None:
    assert len(track(genre, seed).plan.section_edges(RATE)) > 2
    assert track(genre, seed).heard.joined_difference <= 1e-6


@every_track
def test_no_seam_clicks(genre: str, seed: int) -> None:
    seam = track(genre, seed).heard.seam_db
    assert seam is not None
    assert seam <= 0.0


@every_track
def test_stems_sum_to_the_mix_before_mastering(genre: str, seed: int) -> None:
    assert track(genre, seed).heard.residual_dbfs <= -100


@every_track
def test_nothing_is_silent_but_what_rests(genre: str, seed: int) -> None:
    heard = track(genre, seed).heard
    assert heard.silent_share < 0.02
    assert set(heard.stem_lufs) == set(track(genre, seed).plan.stems)
    assert min(heard.stem_lufs.values()) > -45


@every_track
def test_no_band_is_missing_and_none_is_all_there_is(genre: str, seed: int) -> None:
    bands = track(genre, seed).heard.bands_db
    assert max(bands.values()) <= -1
    assert min(bands.values()) >= -35


@every_track
def test_peaks_breathe_and_the_chorus_is_louder_than_the_verse(genre: str, seed: int) -> None:
    heard = track(genre, seed).heard
    assert 7 <= heard.peak_to_loudness <= 16
    assert heard.chorus_over_verse_lu is not None
    assert heard.chorus_over_verse_lu >= 1.5


@every_track
def test_it_is_wide_survives_mono_and_has_its_bass_in_the_middle(genre: str, seed: int) -> None:
    heard = track(genre, seed).heard
    assert 0.2 <= heard.correlation <= 0.97
    assert heard.mono_loss_lu < 3
    assert heard.bass_correlation > 0.9


def test_the_same_seed_makes_the_same_bytes_in_any_process() -> None:
    code = "import sys; from tests.unit.test_music_checks import SHORT, digest; print(digest(SHORT))"
    environment = {**os.environ, **ONE_CORE, "PYTHONHASHSEED": "12345"}
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert other.stdout.strip() == digest(SHORT), other.stderr


def digest(request: dict[str, object]) -> str:
    made = make(request)
    stems = b"".join(made.stems[stem].tobytes() for stem in sorted(made.stems))
    return hashlib.sha256(made.master.tobytes() + stems).hexdigest()


@every_genre
def test_another_seed_makes_other_music_at_the_same_tempo_and_key(genre: str) -> None:
    first, other = (compose({"genre": genre, "bpm": 100, "key": "D minor", "duration": 20, "seed": s}) for s in (1, 2))
    assert (first.bpm, first.key) == (other.bpm, other.key) == (100, "D minor")
    for stem in set(first.stems) & set(other.stems) - {"fx"}:
        assert played(first, stem) != played(other, stem)


def played(plan: Plan, stem: str) -> list[Note]:
    return [note for track in plan.tracks if track.stem == stem for note in track.notes]


@every_genre
@pytest.mark.parametrize("seed", SEEDS[::3])
def test_a_chorus_resembles_the_other_chorus_more_than_the_verse(genre: str, seed: int) -> None:
    structure = "verse 4, chorus 4, verse 4, chorus 4, outro 2"
    plan = compose({"genre": genre, "seed": seed, "bpm": 102, "duration": 43, "structure": structure})
    verse, chorus, _, again = (shape(plan, section) for section in plan.sections[:4])
    assert shared(chorus, again) > shared(chorus, verse)


def shape(plan: Plan, section: Section) -> set[tuple[str, int, int]]:
    """Which pitch classes begin where."""
    start, end = (bar * plan.beats_per_bar for bar in (section.start_bar, section.start_bar + section.bars))
    return {
        (track.stem, round(4 * (note.start - start)), note.pitch % 12)
        for track in plan.tracks
        for note in track.notes
        if start - 0.1 <= note.start < end - 0.1
    }


def shared(first: set[tuple[str, int, int]], second: set[tuple[str, int, int]]) -> float:
    return len(first & second) / len(first | second)


@every_genre
@every_seed
def test_no_two_bars_of_drums_are_identical(genre: str, seed: int) -> None:
    drums = GENRES[genre].drums
    plan = (
        planned(genre, seed)
        if drums
        else compose({"genre": genre, "seed": seed, "duration": 45, "prompt": "with drums"})
    )
    bars: dict[int, list[tuple[float, int, float]]] = {}
    for note in played(plan, "drums"):
        bar, place = divmod(note.start + 0.05, plan.beats_per_bar)
        bars.setdefault(int(bar), []).append((round(place, 4), note.pitch, round(note.velocity, 4)))
    assert len(bars) > 4
    assert all(one != other for one, other in itertools.combinations(bars.values(), 2))


def test_twelve_prompts_make_twelve_plans_in_twelve_genres() -> None:
    plans = [compose({"prompt": prompt, "seed": 1, "duration": 20}) for prompt in PROMPTS]
    assert len({plan.genre for plan in plans}) == len(PROMPTS)
    assert len({repr(plan.tracks) for plan in plans}) == len(PROMPTS)
    assert len({tuple(track.instrument for track in plan.tracks) for plan in plans}) == len(PROMPTS)


@every_genre
def test_slow_is_slower_than_fast_and_no_drums_has_none(genre: str) -> None:
    slow, fast = (compose({"prompt": f"{word} {genre}", "seed": 1, "duration": 15}) for word in ("slow", "fast"))
    assert slow.bpm < fast.bpm
    without = compose({"prompt": f"{genre}, no drums", "seed": 1, "duration": 15})
    assert not [track for track in without.tracks if INSTRUMENTS[track.instrument].stem == "drums"]


def test_who_stops_listening_stops_the_work_and_the_next_render_is_normal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    threads = threading.active_count()
    with Session(compose({**SHORT, "duration": 600})) as session:
        for _ in itertools.islice(session.render(), 40):
            pass
        begun = time.monotonic()
    assert time.monotonic() - begun < 10  # of the minute that was left to render
    assert threading.active_count() == threads
    assert list(tmp_path.iterdir()) == []
    plan = compose(SHORT)
    first = sound(render(plan))
    interrupted = render(plan)
    next(interrupted)
    interrupted.close()
    assert sound(render(plan)) == first


def sound(pieces: Iterable[Piece]) -> bytes:
    return b"".join(piece.audio.tobytes() for piece in pieces)


@pytest.mark.slow
def test_five_minutes_fit_into_600_mb(tmp_path: Path) -> None:
    found = cost("pop", 300.0, 5, tmp_path / "long.wav")
    assert soundfile.info(tmp_path / "long.wav").frames == 300 * RATE
    assert found.peak_mb < 600


def test_a_click_and_other_faults_would_be_found() -> None:
    """The measures can fail: each is shown something that is wrong."""
    noise = 0.02 * np.random.default_rng(1).standard_normal((2, 4 * RATE)).astype(np.float32)
    clicked = noise.copy()
    clicked[:, 2 * RATE] += 1.0
    assert listening.seam_against_surroundings(noise, RATE, 2 * RATE) <= 0.5
    assert listening.seam_against_surroundings(clicked, RATE, 2 * RATE) > 5
    assert listening.longest_clip(np.clip(100 * noise, -1, 1)) >= 3
    assert listening.true_peak(np.tile(np.array([0.9, 0.9, -0.9, -0.9], dtype=np.float32), (2, 500))) > 1.5
    assert listening.residual_dbfs([noise, 1e-4 * noise], noise) > -100
    assert listening.spacing(np.arange(20) * 0.5 + np.where(np.arange(20) > 15, 0.21, 0.0)) == pytest.approx(0.5)
    assert listening.relative_of("A minor") == "C major"

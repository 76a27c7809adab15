import hashlib
from collections import defaultdict
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import butter, lfilter, sosfiltfilt

from music import rendering
from music.errors import RequestError
from music.instruments import CLAP, CLOSED_HAT, CRASH, HIGH_CONGA, INSTRUMENTS, KICK, LOW_CONGA, OPEN_HAT, SHAKER, SNARE
from music.plan import STEMS, Note, Plan, Section, Track
from music.rendering import SAMPLE_RATE, Piece, render
from music.synth import performance, tones
from music.synth.performance import strikes
from music.synth.signals import Audio

ROOTS = (45, 41, 48, 43)
COLOURS = {
    "house": ("kit_909", "synth_bass", "piano", "saw_lead", "supersaw", "voice_aah", "riser"),
    "lo-fi": ("kit_lofi", "upright_bass", "electric_piano", "vibraphone", "warm_pad", "voice_ooh", "vinyl"),
    "rock": ("kit_acoustic", "pick_bass", "power_guitar", "lead_guitar", "organ", "voice_aah", "reverse_cymbal"),
    "cinematic": ("kit_808", "reese_bass", "harpsichord", "violin", "strings", "choir", "impact"),
    "jazz": ("kit_jazz", "finger_bass", "nylon_guitar", "flute", "brass", "voice_ooh", "sweep_down"),
}


def dense(genre: str = "house", *, seconds: float = 8.0, bpm: float = 120.0, bars: int = 2) -> Plan:
    """Eight stems that all play, in sections of so many bars."""
    beats = int(np.ceil(seconds * bpm / 60))
    parts = (_kit, _percussion, _bass, _chords, _lead, _pad, _voice, _fx)
    kit, *others = COLOURS[genre]
    instruments = (kit, "percussion", *others)
    tracks = tuple(
        Track(name=stem, stem=stem, instrument=instrument, notes=tuple(n for b in range(beats) for n in part(b)))
        for stem, instrument, part in zip(STEMS, instruments, parts, strict=True)
    )
    sections = tuple(
        Section(name=f"part {i}", kind="verse", start_bar=i * bars, bars=bars, energy=0.5)
        for i in range(max(1, beats // (4 * bars)))
    )
    return Plan(
        engine="test",
        duration_seconds=seconds,
        bpm=bpm,
        key="A minor",
        time_signature=4,
        swing=0.5,
        seed=7,
        mode="full",
        genre=genre,
        sections=sections,
        chords=(),
        tracks=tracks,
    )


def note(start: float, beats: float, pitch: int, velocity: float = 0.8) -> Note:
    return Note(start=start, beats=beats, pitch=pitch, velocity=velocity)


def _kit(beat: int) -> list[Note]:
    hats = [note(beat + q / 4, 0.25, OPEN_HAT if q == 2 else CLOSED_HAT, 0.4 + 0.1 * q) for q in range(4)]
    back = [note(beat, 0.25, SNARE, 0.85), note(beat, 0.25, CLAP, 0.6)] if beat % 2 else []
    return [note(beat, 0.25, KICK, 0.9), *hats, *back, *([note(beat, 1.0, CRASH)] if beat % 16 == 0 else [])]


def _percussion(beat: int) -> list[Note]:
    pieces = (SHAKER, HIGH_CONGA, SHAKER, LOW_CONGA)
    return [note(beat + q / 4, 0.25, piece, 0.5 + 0.1 * (q + beat) % 0.4) for q, piece in enumerate(pieces)]


def _bass(beat: int) -> list[Note]:
    return [note(beat + q / 2, 0.45, ROOTS[beat // 4 % 4] - 12 + 12 * q, 0.8 - 0.1 * q) for q in range(2)]


def _chords(beat: int) -> list[Note]:
    return [note(beat + 0.5, 0.9, ROOTS[beat // 4 % 4] + step, 0.6) for step in (12, 15, 19, 24)]


def _lead(beat: int) -> list[Note]:
    return [note(beat + q / 2, 0.45, ROOTS[beat // 4 % 4] + 24 + (beat * 5 + q * 7) % 12, 0.7) for q in range(2)]


def _pad(beat: int) -> list[Note]:
    return [note(beat, 4.0, ROOTS[beat // 4 % 4] + step, 0.7) for step in (12, 15, 19)] if beat % 4 == 0 else []


def _voice(beat: int) -> list[Note]:
    return [note(beat, 1.8, ROOTS[beat // 4 % 4] + 19, 0.7)] if beat % 2 == 0 else []


def _fx(beat: int) -> list[Note]:
    return [note(beat, 8.0, 60)] if beat % 8 == 0 else []


def stems(pieces: list[Piece]) -> dict[str, Audio]:
    parts: dict[str, list[Audio]] = defaultdict(list)
    for piece in pieces:
        parts[piece.stem].append(piece.audio)
    return {stem: np.concatenate(audio, axis=1) for stem, audio in parts.items()}


def whole(plan: Plan, *, seed: int | None = None) -> dict[str, Audio]:
    return stems(list(render(plan, seed=seed)))


def known(piece: Piece) -> tuple[object, ...]:
    """All but the audio."""
    return piece.index, piece.count, piece.stem, piece.section, piece.last_of_section, piece.offset, piece.rate


def digests(audio: dict[str, Audio]) -> dict[str, str]:
    return {stem: hashlib.sha256(samples.tobytes()).hexdigest() for stem, samples in audio.items()}


def one(instrument: str, *notes: Note, seconds: float = 4.0) -> Plan:
    track = Track(name="only", stem=INSTRUMENTS[instrument].stem, instrument=instrument, notes=notes)
    return replace(dense(seconds=seconds), tracks=(track,))


def loudness(audio: Audio) -> float:
    """LUFS without the gates: what plays all the time needs none."""
    shelf = ([1.53512485958697, -2.69169618940638, 1.19839281085285], [1.0, -1.69065929318241, 0.73248077421585])
    high_pass = ([1.0, -2.0, 1.0], [1.0, -1.99004745483398, 0.99007225036621])
    weighted = lfilter(*high_pass, lfilter(*shelf, audio.astype(np.float64), axis=1), axis=1)
    return float(-0.691 + 10 * np.log10((weighted**2).mean(axis=1).sum() + 1e-20))


def frames(audio: Audio, seconds: float, rate: int = SAMPLE_RATE) -> npt.NDArray[np.float64]:
    """RMS of each stretch, in dBFS."""
    size = round(seconds * rate)
    cut = audio[:, : audio.shape[1] // size * size].astype(np.float64).reshape(audio.shape[0], -1, size)
    level: npt.NDArray[np.float64] = 10 * np.log10((cut**2).mean(axis=(0, 2)) + 1e-20)
    return level


@pytest.mark.parametrize("seconds", [1.0, 3.0001])
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_every_stem_has_exactly_the_samples_of_the_duration(seconds: float, rate: int) -> None:
    plan = dense(seconds=seconds, bars=1)
    pieces = list(render(plan, rate=rate))
    assert {stem: audio.shape for stem, audio in stems(pieces).items()} == dict.fromkeys(
        STEMS, (2, round(seconds * rate))
    )
    assert all(0 < piece.audio.shape[1] <= 2 * rate and piece.audio.dtype == np.float32 for piece in pieces)
    for stem in STEMS:
        own = [piece for piece in pieces if piece.stem == stem]
        assert own[0].offset == 0
        assert all(after.offset == piece.offset + piece.audio.shape[1] for piece, after in pairwise(own))


def test_pieces_come_section_by_section_and_stem_by_stem() -> None:
    plan = dense(seconds=12.0)
    pieces = list(render(plan, stems=["pad", "drums"]))
    assert [piece.index for piece in pieces] == list(range(len(pieces))) == list(range(pieces[0].count))
    assert pieces[-1].fraction == 1.0
    assert [(piece.section, STEMS.index(piece.stem), piece.offset) for piece in pieces] == sorted(
        (piece.section, STEMS.index(piece.stem), piece.offset) for piece in pieces
    )
    edges = plan.section_edges(SAMPLE_RATE)
    assert {piece.section_name for piece in pieces} == {"part 0", "part 1", "part 2"}
    for piece in pieces:
        end = piece.offset + piece.audio.shape[1]
        assert edges[piece.section] <= piece.offset < end <= edges[piece.section + 1]
        assert piece.last_of_section == (end == edges[piece.section + 1])


def test_many_short_sections_are_rendered_together_and_sound_the_same() -> None:
    plan = dense("rock", seconds=40.0, bpm=240.0)
    short = [Section(name=f"bar {i}", kind="verse", start_bar=i, bars=1, energy=0.5) for i in range(40)]
    many = replace(
        plan,
        bpm=300.0,
        time_signature=2,
        sections=tuple(short) + tuple(replace(short[0], name=f"bar {i}", start_bar=i) for i in range(40, 100)),
    )
    assert len(many.section_edges(SAMPLE_RATE)) - 1 == 100
    edges, names = many.cuts(SAMPLE_RATE)
    assert len(edges) - 1 == len(names) == 50
    assert (edges[1], names[1], edges[-1]) == (many.section_edges(SAMPLE_RATE)[2], "bar 2", round(40 * SAMPLE_RATE))
    pieces = list(render(many, stems=["bass"]))
    assert list(dict.fromkeys(piece.section_name for piece in pieces)) == list(names)
    assert [piece.section for piece in pieces if piece.last_of_section] == list(range(50))
    (audio,) = stems(pieces).values()
    (uncut,) = stems(list(render(replace(many, sections=()), stems=["bass"]))).values()
    assert float(np.abs(audio - uncut).max()) < 1e-6
    later = [piece.audio.tobytes() for piece in render(many, stems=["bass"], first_section=49)]
    assert later == [piece.audio.tobytes() for piece in pieces if piece.section == 49]


@pytest.mark.parametrize("genre", COLOURS)
def test_stems_are_clean_and_loud_enough_and_end_in_silence(genre: str) -> None:
    plan = dense(genre, seconds=5.0)
    found = whole(plan)
    assert tuple(found) == STEMS
    for stem, audio in found.items():
        assert np.isfinite(audio).all(), stem
        assert float(np.abs(audio).max()) < 0.999, stem
        assert float(np.abs(audio.mean(axis=1)).max()) < 0.002, stem
        assert loudness(audio) > -45, stem
        assert not audio[:, -1].any(), stem
        assert float(np.abs(audio[:, -20:]).max()) < 1e-4, stem
    mix = np.sum(list(found.values()), axis=0)[:, : round(3.5 * SAMPLE_RATE)]
    assert float((frames(mix, 0.1) < -60).mean()) < 0.02
    assert 0.2 < float(np.corrcoef(*mix)[0, 1]) < 0.99


def test_it_does_not_matter_where_a_track_is_cut() -> None:
    plan = dense("rock", seconds=5.0, bpm=131.0, bars=1)
    cut, uncut = whole(plan), whole(replace(plan, sections=()))
    for stem in STEMS:
        assert float(np.abs(cut[stem] - uncut[stem]).max()) < 1e-6, stem


@pytest.mark.parametrize("genre", ["cinematic", "jazz"])
def test_pieces_join_without_a_click(genre: str) -> None:
    high = butter(4, 8000, "highpass", fs=SAMPLE_RATE, output="sos")
    # Where nothing new begins at the seams.
    pieces = list(render(replace(dense(genre, seconds=5.0, bpm=131.0), sections=()), stems=["pad", "voice", "chords"]))
    found = {stem: np.abs(sosfiltfilt(high, audio[0].astype(np.float64))) for stem, audio in stems(pieces).items()}
    for piece in pieces:
        if piece.offset:
            around = found[piece.stem][piece.offset - 4000 : piece.offset + 4000].reshape(-1, 8).max(axis=1)
            seam = found[piece.stem][piece.offset - 4 : piece.offset + 4].max()
            assert seam <= max(1.5 * np.percentile(around, 95), 2e-5), (piece.stem, piece.offset)


def test_the_same_seed_gives_the_same_bytes_and_another_another_performance() -> None:
    plan = dense(seconds=2.0)
    first = digests(whole(plan))
    assert first == digests(whole(plan)) == digests(whole(plan, seed=7))
    other = digests(whole(plan, seed=8))
    assert other["chords"] != first["chords"]


@pytest.mark.parametrize("genre", ["house", "lo-fi", "rock"])
def test_a_render_that_begins_later_gives_the_same_bytes(genre: str) -> None:
    plan = dense(genre, seconds=6.0, bpm=131.0, bars=1)
    pieces = list(render(plan))
    sections = pieces[-1].section
    assert sections >= 2
    for first in (1, sections):
        later = list(render(plan, first_section=first))
        whole_again = [piece for piece in pieces if piece.section >= first]
        assert [known(piece) for piece in later] == [known(piece) for piece in whole_again]
        for piece, again in zip(whole_again, later, strict=True):
            assert piece.audio.tobytes() == again.audio.tobytes(), (piece.stem, piece.offset)


def test_no_stem_depends_on_the_others() -> None:
    plan = dense("lo-fi", seconds=2.0)
    alone = digests(stems(list(render(plan, stems=["lead"]))))
    fewer = replace(plan, tracks=tuple(track for track in plan.tracks if track.stem not in {"drums", "pad"}))
    assert alone["lead"] == digests(whole(plan))["lead"] == digests(whole(fewer))["lead"]


def test_only_what_plays_is_rendered_unless_it_is_asked_for() -> None:
    plan = one("piano", note(0, 1, 60))
    assert list(whole(plan)) == ["chords"]
    asked = stems(list(render(plan, stems=["bass", "chords"])))
    assert not asked["bass"].any()
    assert asked["chords"].any()
    assert list(render(replace(plan, tracks=()))) == []


def test_players_are_never_exactly_together_but_drums_are_as_they_were_written() -> None:
    plan = dense(seconds=8.0)
    beats = 60 / plan.bpm * SAMPLE_RATE
    lead = performance.strikes(plan, "lead", 7, SAMPLE_RATE)
    off = np.array([strike.sample - round(i * beats / 2) for i, strike in enumerate(lead)])[1:] / SAMPLE_RATE
    assert 0.002 < off.std() < 0.006
    assert float(np.abs(off).max()) < 0.0085
    assert len({strike.left for strike in lead}) == len(lead)
    kicks = [s.sample for s in performance.strikes(plan, "drums", 7, SAMPLE_RATE) if s.sound[1] == (KICK,)]
    assert kicks == [round(beat * beats) for beat in range(16)]


def test_repeated_hits_are_never_the_same_twice_in_a_row() -> None:
    kicks = [s.sound[4] for s in performance.strikes(dense(), "drums", 7, SAMPLE_RATE) if s.sound[1] == (KICK,)]
    assert all(one != other for one, other in pairwise(kicks))
    assert len(set(kicks)) > 2


def test_a_closed_hat_ends_the_open_one() -> None:
    free = whole(one("kit_acoustic", note(0, 0.25, OPEN_HAT)))["drums"]
    choked = whole(one("kit_acoustic", note(0, 0.25, OPEN_HAT), note(0.5, 0.25, CLOSED_HAT, 0.01)))["drums"]
    later = slice(round(0.32 * SAMPLE_RATE), round(0.5 * SAMPLE_RATE))
    assert float((choked[:, later] ** 2).mean()) < 0.01 * float((free[:, later] ** 2).mean())


def test_a_bass_plays_one_note_at_a_time_and_a_piano_does_not() -> None:
    def second(instrument: str) -> float:
        long, short = note(0, 4, 36), note(1, 0.1, 43, 0.01)
        audio = whole(one(instrument, long, short), seed=1)[INSTRUMENTS[instrument].stem]
        return float(frames(audio, 0.1)[12:15].max())

    assert second("sub_bass") < -55
    assert second("piano") > -45


def test_a_record_crackles_for_as_long_as_it_turns() -> None:
    dust = whole(one("vinyl", note(0, 18, 60), seconds=12.0))["fx"]
    levels = frames(dust, 0.5)
    assert levels[:17].min() > levels[1:17].max() - 14
    assert levels[19:].max() < -100


def test_what_sounds_beyond_the_end_of_a_loop_is_heard_at_its_beginning() -> None:
    plan = replace(one("bell", note(7, 1, 72)), resolved={"loop": {"value": True, "honoured": "exact"}})
    audio = whole(plan)["lead"]
    assert float(np.abs(audio[:, 0]).max()) > 0
    seam = np.concatenate([audio[:, -2000:], audio[:, :2000]], axis=1)
    steps = np.abs(np.diff(seam, axis=1)).max(axis=0)
    assert steps[1999] <= steps.max()
    assert steps[1990:2010].max() < 1.5 * np.percentile(steps, 99)


def test_whoever_stops_listening_stops_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tones.Key] = []
    real = tones.make

    def counted(key: tones.Key, rate: int) -> Audio:
        made.append(key)
        return real(key, rate)

    monkeypatch.setattr(tones, "make", counted)
    stream = render(dense(seconds=120.0))
    pieces = list(islice(stream, 2))
    stream.close()
    assert pieces[-1].fraction < 0.01
    assert 0 < len(made) < 40
    assert list(stream) == []


def test_an_edited_plan_with_absurd_notes_is_still_rendered_in_bounds() -> None:
    for instrument in ("pluck", "supersaw", "kit_909", "power_guitar"):
        notes = (note(0, 0, pitch, 1.0) for pitch in range(0, 128, 9))
        long = (note(0.1, 4000, pitch, 1.0) for pitch in (0, 127))
        plan = one(instrument, *notes, *long, seconds=2.0)
        (audio,) = whole(plan).values()
        assert np.isfinite(audio).all()
        assert float(np.abs(audio).max()) < 0.999


def test_what_cannot_be_rendered_is_refused() -> None:
    plan = dense(seconds=8.0)
    with pytest.raises(RequestError, match="first_section"):
        next(render(plan, first_section=2))
    backwards = replace(plan, sections=(*plan.sections, replace(plan.sections[1], start_bar=1)))
    with pytest.raises(RequestError, match="sections"):
        next(render(backwards))


def test_the_buffers_do_not_grow_with_the_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Watched(rendering.Stem):
        def take(self, count: int) -> Audio:
            audio = super().take(count)
            seen.append(self._ahead.nbytes)
            return audio

    monkeypatch.setattr(rendering, "Stem", Watched)
    for _ in render(dense("lo-fi", seconds=40.0), stems=["pad", "chords"]):
        pass
    assert max(seen) < 14 * SAMPLE_RATE * 8


def test_slurred_notes_are_one_line_and_others_begin_anew() -> None:
    """What is slurred has no gap between its notes, and no second attack; a rest or a chord ends the line."""
    line = strikes(one("saw_lead", note(0, 1.0, 62), note(1, 1.0, 65), note(3, 1.0, 69)), "lead", 1, SAMPLE_RATE)
    assert [strike.sound[-1] for strike in line] == [None, 62, None]
    assert line[0].release < line[1].release
    chords = one("saw_lead", note(0, 1.0, 62), note(0, 1.0, 69), note(1, 1.0, 65))
    assert [strike.sound[-1] for strike in strikes(chords, "lead", 1, SAMPLE_RATE)] == [None, None, None]
    apart = one("bass_808", note(0, 1.0, 31), note(1, 1.0, 34))
    assert [strike.sound[-1] for strike in strikes(apart, "bass", 1, SAMPLE_RATE)] == [None, None]
    overlapping = one("bass_808", note(0, 1.5, 31), note(1, 1.0, 34))
    assert [strike.sound[-1] for strike in strikes(overlapping, "bass", 1, SAMPLE_RATE)] == [None, 31]

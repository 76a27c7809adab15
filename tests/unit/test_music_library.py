"""Music as a library and as a command: what `from music import …` offers, and `python -m music`."""

import json
import subprocess
import sys
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

import music
from music import ENGINE, Plan, Recording, RequestError, compose, make, plan_from_dict, record, render
from music.__main__ import main
from music.genres import GENRES

ROOT = Path(__file__).parents[2]
WORDS = "calm lo-fi, 90 bpm, in D minor"
REQUEST = {"prompt": WORDS, "seed": 5, "duration": 4}


@pytest.fixture(scope="module")
def made() -> Recording:
    return make(REQUEST)


def test_all_that_is_offered_is_there_and_sorted() -> None:
    assert music.__all__ == sorted(music.__all__)
    assert {name for name in music.__all__ if getattr(music, name, None) is None} == set()
    assert set(music.__all__) <= set(dir(music))
    with pytest.raises(AttributeError, match="singer"):
        getattr(music, "singer")  # noqa: B009  a name that the type checker would refuse


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import music, sys; print(music.ENGINE, *{'numpy', 'scipy', 'soundfile', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [ENGINE]


def test_a_prompt_is_enough() -> None:
    made = make("one second of piano, 1 second long")
    assert made.plan.duration_seconds == 1
    assert made.master.shape == (2, 44_100)
    assert made.plan.resolved["seed"]["value"] == made.plan.seed


def test_a_recording_holds_plan_master_stems_and_report(made: Recording) -> None:
    assert (made.plan.engine, made.plan.bpm, made.plan.key) == (ENGINE, 90, "D minor")
    assert made.master.dtype == np.float32
    assert set(made.stems) == set(made.plan.stems)
    assert made.report.integrated_lufs == pytest.approx(-14, abs=0.5)


def test_the_stages_can_be_taken_one_by_one(made: Recording) -> None:
    plan = compose(REQUEST)
    assert plan == made.plan
    assert sum(piece.audio.shape[1] for piece in render(plan)) == made.master.shape[1] * len(plan.stems)
    again = record(plan_from_dict(json.loads(json.dumps(plan.to_dict()))))
    assert again.master.tobytes() == made.master.tobytes()


def test_an_edited_plan_sounds_different_and_another_seed_is_another_performance(made: Recording) -> None:
    edited = plan_from_dict(
        {**made.plan.to_dict(), "tracks": [t for t in made.plan.to_dict()["tracks"] if t["stem"] != "drums"]}
    )
    assert "drums" not in record(edited).stems
    assert record(made.plan, seed=99).master.tobytes() != made.master.tobytes()


def test_the_sample_rate_of_the_request_is_that_of_the_recording() -> None:
    made = make({**REQUEST, "duration": 1, "sample_rate": 48000})
    assert (made.rate, made.master.shape[1]) == (48_000, 48_000)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".opus", ".mp3"])
def test_a_recording_is_saved_in_the_format_of_the_suffix(made: Recording, suffix: str, tmp_path: Path) -> None:
    written = soundfile.info(made.save(tmp_path / f"track{suffix}"))
    assert written.duration == pytest.approx(4, abs=0.1)


def test_stems_midi_and_picture_come_with_it(made: Recording, tmp_path: Path) -> None:
    paths = made.save_stems(tmp_path / "stems")
    assert {path.stem for path in paths} == set(made.stems)
    (tmp_path / "notes.mid").write_bytes(made.midi())
    assert mido.MidiFile(tmp_path / "notes.mid").length == pytest.approx(4, abs=0.01)
    assert made.picture().startswith(b"\x89PNG")


def test_what_is_no_format_is_refused(made: Recording, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"format: 'track.aiff' must end in one of .wav"):
        made.save(tmp_path / "track.aiff")


def test_the_command_writes_everything_and_says_what_it_made(
    made: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: str(tmp_path / name) for name in ("a.wav", "plan.json", "a.mid", "a.png", "stems")}
    wanted = ["--seed", "5", "--duration", "4", "-o", files["a.wav"], "--plan", files["plan.json"]]
    more = ["--midi", files["a.mid"], "--picture", files["a.png"], "--stems", files["stems"]]
    assert main([WORDS, *wanted, *more]) == 0
    said = capsys.readouterr().out
    assert "lo-fi, 90 bpm, D minor, 4 s, seed 5" in said
    assert "-14.0 LUFS" in said
    assert "sections: " in said
    audio, rate = soundfile.read(files["a.wav"], dtype="float32")
    assert (rate, audio.shape) == (44_100, (4 * 44_100, 2))
    assert np.abs(audio.T - made.master).max() < 2**-22
    assert plan_from_dict(json.loads(Path(files["plan.json"]).read_text())) == made.plan
    assert {path.stem for path in Path(files["stems"]).iterdir()} == set(made.stems)
    assert Path(files["a.mid"]).read_bytes() == made.midi()
    assert Path(files["a.png"]).read_bytes() == made.picture()


def test_the_command_plays_a_plan_that_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, again, plan = (str(tmp_path / name) for name in ("first.wav", "again.wav", "plan.json"))
    assert main(["folk", "--duration", "2", "--seed", "1", "--plan", plan, "-o", first]) == 0
    assert main(["--plan", plan, "-o", again]) == 0
    assert Path(first).read_bytes() == Path(again).read_bytes()
    assert main(["rock", "--plan", plan, "-o", again]) == 2
    assert "is a plan already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["pop"], "output: say where to write"),
        (["-o", "a.wav"], "prompt: say what to make"),
        (["pop", "-o", "a.aiff"], "must end in one of"),
        (["pop", "-o", "nowhere/a.wav"], "does not exist"),
        (["pop", "--duration", "0", "-o", "a.wav"], "duration: must be from 1 to 600"),
        (["pop", "--genre", "yodel", "-o", "a.wav"], "genre: "),
        (["pop", "--seed", "-3", "-o", "a.wav"], "seed: "),
        (["--plan", "broken.json", "-o", "a.wav"], "plan: broken.json is not JSON"),
        (["--plan", "empty.json", "-o", "a.wav"], "version: is missing"),
    ],
)
def test_a_bad_request_is_one_line_and_leaves_no_file(
    words: list[str],
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "empty.json").write_text("{}")
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert complaint in said.err
    assert not (tmp_path / "a.wav").exists()


def test_the_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "music" / "README.md").read_text(encoding="utf-8")
    example = page.partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "music/README.md", "exec"), {})  # noqa: S102  our own page
    assert soundfile.info("jazz.flac").duration == 40
    assert mido.MidiFile("jazz.mid").length == pytest.approx(40, abs=0.01)
    assert Path("stems", "bass.wav").exists()


def test_the_page_names_every_genre() -> None:
    page = (ROOT / "music" / "README.md").read_text(encoding="utf-8")
    assert ", ".join(GENRES) in page


def test_a_plan_is_a_value(made: Recording) -> None:
    assert isinstance(made.plan, Plan)
    assert compose(REQUEST) == compose(REQUEST)

"""How fast each genre is made, and what was measured about it: one track each, on one core.

python -m bench.music [--duration SECONDS] [--seed N] [--json FILE] [GENRE ...]

Each track is made in a process of its own, as a first one: nothing is left from the genre before. The first use of
librosa on a machine compiles for half a minute; that is in no figure. `pace` is what `make bench` shows of music.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import listening, machine
from bench.figures import Figures
from bench.takes import ONE_CORE, STAGES, Take, cost, take
from music.genres import GENRES
from music.plan import STEMS

Row = Mapping[str, Any]
Cell = Callable[[Row], str]

SECONDS, SEED = 30.0, 7
#: What `pace` times: one of the plainest, and the one with the most that sounds at once.
PACED = ("pop", "cinematic")
#: What `pace` weighs, and how long it is.
WEIGHED, LONG_SECONDS = "pop", 300.0


def _factor(stage: str) -> Cell:
    return lambda row: f"{row['duration'] / row['seconds'][stage]:,.0f}"


SPEED: Mapping[str, Cell] = {
    **{f"{stage} ×": _factor(stage) for stage in STAGES},
    "all ×": lambda row: f"{row['duration'] / sum(row['seconds'].values()):.1f}",
    "first piece s": lambda row: f"{row['first_piece_seconds']:.2f}",
    "peak MB": lambda row: f"{row['peak_mb']:.0f}",
    "stems": lambda row: f"{len(row['heard']['stem_lufs'])}",
}
SOUND: Mapping[str, Cell] = {
    "bpm": lambda row: f"{row['bpm']:g}",
    "tempo err %": lambda row: f"{100 * row['heard']['tempo_error']:.2f}",
    "key": lambda row: _short(row["key"]),
    "heard": lambda row: _short(row["heard"]["key"]),
    "r": lambda row: f"{row['heard']['key_fit']:.2f}",
    "LUFS": lambda row: f"{row['heard']['lufs']:.2f}",
    "pyln": lambda row: f"{row['heard']['lufs_pyloudnorm']:.2f}",
    "dBTP": lambda row: f"{row['heard']['true_peak_dbtp']:.2f}",
    "DC": lambda row: f"{row['heard']['dc']:.0e}",
    "seam dB": lambda row: _known(row["heard"]["seam_db"]),
    "resid dBFS": lambda row: f"{row['heard']['residual_dbfs']:.0f}",
    "silent %": lambda row: f"{100 * row['heard']['silent_share']:.1f}",
    "quietest stem": lambda row: _named(row["heard"]["stem_lufs"], min),
    "highest band": lambda row: _named(row["heard"]["bands_db"], max),
    "lowest band": lambda row: _named(row["heard"]["bands_db"], min),
    "PLR": lambda row: f"{row['heard']['peak_to_loudness']:.1f}",
    "chorus LU": lambda row: _known(row["heard"]["chorus_over_verse_lu"]),
    "corr": lambda row: f"{row['heard']['correlation']:.2f}",
    "mono LU": lambda row: f"{row['heard']['mono_loss_lu']:.2f}",
    "bass corr": lambda row: f"{row['heard']['bass_correlation']:.3f}",
}


def pace() -> Figures:
    """A full track of each of a few genres, with every stem that there is, and how much memory a long one takes."""
    found = {}
    for genre in PACED:
        alone = _in_a_process_of_its_own("--pace", genre, SECONDS, SEED)
        found[f"music {genre}"] = alone["duration"] / sum(alone["seconds"].values())
        found[f"music {genre}, first piece"] = alone["first_piece_seconds"]
    return {**found, f"music {WEIGHED}, memory": _peak_mb(WEIGHED, LONG_SECONDS, SEED)}


def row(genre: str, duration: float, seed: int) -> dict[str, Any]:
    made = take({"genre": genre, "duration": duration, "seed": seed}, encoded=True)
    return {
        "genre": genre,
        "bpm": made.plan.bpm,
        "key": made.plan.key,
        **_times(made),
        "heard": asdict(listening.listen(made)),
    }


def timed(genre: str, duration: float, seed: int) -> dict[str, Any]:
    """Of all eight stems, up to the master; the voice is nobody's habit."""
    request = {"genre": genre, "duration": duration, "seed": seed, "stems": STEMS}
    return _times(take(request))


def _times(made: Take) -> dict[str, Any]:
    return {
        "duration": made.plan.duration_seconds,
        "seconds": dict(made.seconds),
        "first_piece_seconds": made.first_piece_seconds,
    }


def _in_a_process_of_its_own(what: str, genre: str, duration: float, seed: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.music", what, "--duration", f"{duration}", "--seed", f"{seed}", genre]
    done = subprocess.run(
        command, cwd=machine.ROOT, env={**os.environ, **ONE_CORE}, stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _peak_mb(genre: str, duration: float, seed: int) -> float:
    with tempfile.TemporaryDirectory(prefix="tutti-bench-") as directory:
        return cost(genre, duration, seed, Path(directory) / "track.flac").peak_mb


def table_of(rows: Sequence[Row], cells: Mapping[str, Cell], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("genre")
    for name in cells:
        table.add_column(name, justify="right")
    for found in rows:
        table.add_row(found["genre"], *(cell(found) for cell in cells.values()))
    return table


def _short(key: str) -> str:
    """`F#m` for F# minor."""
    return key.removesuffix(" major").replace(" minor", "m")


def _named(values: Mapping[str, float], choose: Callable[..., str]) -> str:
    name = choose(values, key=lambda name: values[name])
    return f"{name} {values[name]:.1f}"


def _known(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def main(asked: argparse.Namespace) -> None:
    rows = []
    for genre in asked.genres or GENRES:
        print(genre, file=sys.stderr)
        made = _in_a_process_of_its_own("--row", genre, asked.duration, asked.seed)
        rows.append({**made, "peak_mb": _peak_mb(genre, asked.duration, asked.seed)})
    about = machine.about(seconds=asked.duration, seed=asked.seed)
    title = (
        f"{asked.duration:g} s of each genre, seed {asked.seed}, commit {about['commit']}, one core of {about['cpu']}"
    )
    console = Console(width=None if sys.stdout.isatty() else 230)
    console.print(table_of(rows, SPEED, f"{title}\nSeconds of music per second of processor time; encoded as FLAC"))
    console.print(table_of(rows, SOUND, "What was measured"))
    if asked.json is not None:
        machine.write_json(asked.json, about, {"rows": rows})


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.music", description="Make and measure a track per genre.")
    parser.add_argument("genres", nargs="*", metavar="GENRE", help=", ".join(GENRES))
    parser.add_argument("--duration", type=float, default=SECONDS, help="seconds of each track")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the figures there as well")
    # What a process of its own is asked for: all figures of one genre, or only those of its speed, as JSON.
    parser.add_argument("--row", dest="alone", action="store_const", const=row, help=argparse.SUPPRESS)
    parser.add_argument("--pace", dest="alone", action="store_const", const=timed, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if unknown := set(asked.genres) - set(GENRES):
        parser.error(f"no such genre: {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    arguments = parsed()
    if arguments.alone is not None:
        print(json.dumps(arguments.alone(arguments.genres[0], arguments.duration, arguments.seed)))
    else:
        main(arguments)

"""Tracks made stage by stage, with everything that the stages hand on and the processor time that each took."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from music.composing import compose
from music.mix import Audio
from music.mix.master import Report
from music.output import write_audio
from music.plan import Plan
from music.session import Session

#: So that every figure is of one core, whatever library would like to use more.
ONE_CORE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
#: Ends with a line of its own cost. The kernel's figure for a child counts its parent's memory too.
_COMMAND = """
import re, sys, time
from pathlib import Path
from music.__main__ import main
status = main(sys.argv[1:])
print(time.process_time(), re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
sys.exit(status)
"""
STAGES = ("compose", "render", "mix", "master", "encode")


@dataclass(frozen=True, kw_only=True)
class Take:
    plan: Plan
    rate: int
    #: As they were rendered, and as they were mixed.
    dry: Mapping[str, Audio]
    stems: Mapping[str, Audio]
    mix: Audio
    master: Audio
    report: Report
    #: Processor time by stage.
    seconds: Mapping[str, float]
    #: From the request to the first rendered piece.
    first_piece_seconds: float

    @property
    def real_time_factor(self) -> float:
        return self.plan.duration_seconds / sum(self.seconds.values())


class Stages:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        begun = time.process_time()
        yield
        self.seconds[stage] = time.process_time() - begun


def take(request: Mapping[str, Any], *, encoded: bool = False) -> Take:
    """`encoded` also writes a FLAC, for the time that it takes."""
    stages, begun = Stages(), time.process_time()
    with stages.timed("compose"):
        plan = compose(request)
    dry: dict[str, list[Audio]] = {}
    stems: dict[str, list[Audio]] = {}
    mix: list[Audio] = []
    first = 0.0
    with Session(plan) as session:
        with stages.timed("render"):
            for piece in session.render():
                first = first or time.process_time() - begun
                dry.setdefault(piece.stem, []).append(piece.audio)
        with stages.timed("mix"):
            for block in session.mix():
                mix.append(block.mix)
                for stem, audio in block.stems.items():
                    stems.setdefault(stem, []).append(audio)
        with stages.timed("master"):
            report = session.master()
            master = _joined(list(session.blocks()))
        if encoded:
            with stages.timed("encode"), TemporaryDirectory(prefix="tutti-bench-") as directory:
                write_audio(Path(directory) / "track.flac", master, name="flac", source_rate=session.rate)
    return Take(
        plan=plan,
        rate=session.rate,
        dry={stem: _joined(parts) for stem, parts in dry.items()},
        stems={stem: _joined(parts) for stem, parts in stems.items()},
        mix=_joined(mix),
        master=master,
        report=report,
        seconds=stages.seconds,
        first_piece_seconds=first,
    )


@dataclass(frozen=True, kw_only=True)
class Cost:
    #: Of processor time, the start of Python included.
    seconds: float
    peak_mb: float


def cost(genre: str, duration: float, seed: int, path: Path) -> Cost:
    """Of the command that makes a file: what is held here to measure a track does not count there."""
    wanted = ("--genre", genre, "--duration", f"{duration}", "--seed", f"{seed}", "-o", str(path))
    done = subprocess.run(
        (sys.executable, "-c", _COMMAND, *wanted),
        env={**os.environ, **ONE_CORE},
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, kilobytes = done.stdout.splitlines()[-1].split()
    return Cost(seconds=float(seconds), peak_mb=int(kilobytes) / 1024)


def _joined(parts: list[Audio]) -> Audio:
    return np.concatenate(parts, axis=1)

"""A finished track in memory, and the shortest way to one. What is too long for memory goes through `music.session`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from music.composing import compose
from music.errors import RequestError
from music.mix import Audio
from music.mix.master import Report
from music.output import FORMATS, midi, write_audio
from music.output.picture import Picture
from music.plan import Plan
from music.rendering import SAMPLE_RATE
from music.session import Session

BLOCK = 65_536


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Recording:
    plan: Plan
    rate: int
    #: Float32 of the shape (2, samples).
    master: Audio
    #: As they are mixed: their sum is the mix before it was mastered.
    stems: Mapping[str, Audio]
    report: Report

    def save(self, path: str | Path, *, bits: int = 24) -> Path:
        """The master, in the format that the suffix names."""
        path = Path(path)
        write_audio(path, self.master, name=format_of(path), source_rate=self.rate, bits=bits)
        return path

    def save_stems(self, directory: str | Path, *, bits: int = 24) -> list[Path]:
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        paths = {stem: directory / f"{stem}.wav" for stem in self.stems}
        for stem, path in paths.items():
            write_audio(path, self.stems[stem], name="wav", source_rate=self.rate, bits=bits)
        return list(paths.values())

    def midi(self) -> bytes:
        return midi(self.plan)

    def picture(self) -> bytes:
        """A PNG of the waveform over the spectrogram."""
        picture = Picture(self.master.shape[1], self.rate)
        for start in range(0, self.master.shape[1], BLOCK):
            picture.feed(self.master[:, start : start + BLOCK])
        return captioned(picture, self.plan, self.rate)


def make(request: str | Mapping[str, Any]) -> Recording:
    """Compose, render, mix and master: a prompt is enough. Raises RequestError for what cannot become music."""
    plan = compose({"prompt": request} if isinstance(request, str) else request)
    return record(plan, rate=rate_of(plan))


def record(plan: Plan, *, rate: int = SAMPLE_RATE, seed: int | None = None) -> Recording:
    """Render, mix and master a plan. Another `seed` is another performance of the same notes."""
    with Session(plan, rate=rate, seed=seed) as session:
        for _ in session.render():
            pass
        stems: dict[str, list[Audio]] = {}
        for block in session.mix():
            for stem, audio in block.stems.items():
                stems.setdefault(stem, []).append(audio)
        report = session.master()
        return Recording(
            plan=plan,
            rate=rate,
            master=_joined(list(session.blocks())),
            stems={stem: _joined(parts) for stem, parts in stems.items()},
            report=report,
        )


def rate_of(plan: Plan) -> int:
    """The sample rate that its request asked for."""
    return int(plan.resolved.get("sample_rate", {}).get("value", SAMPLE_RATE))


def format_of(path: Path) -> str:
    """By its suffix."""
    for name, known in FORMATS.items():
        if path.suffix.lower() == known.suffix:
            return name
    suffixes = ", ".join(known.suffix for known in FORMATS.values())
    raise RequestError("format", f"{path.name[:80]!r} must end in one of {suffixes}.")


def captioned(picture: Picture, plan: Plan, rate: int) -> bytes:
    begins = plan.section_edges(rate)[:-1]
    return picture.png(
        title=str(plan.resolved.get("prompt", {}).get("value", ""))[:80],
        details=f"{plan.genre}, {plan.bpm:g} bpm, {plan.key}",
        sections=[(at / rate, section.name) for at, section in zip(begins, plan.sections, strict=False)],
    )


def _joined(parts: list[Audio]) -> Audio:
    return np.concatenate(parts, axis=1)

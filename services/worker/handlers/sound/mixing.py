"""From the sections of rendered stems to finished stems, and the master of their sum."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from music import fields
from music.errors import RequestError
from music.mix import Mixed as Block
from music.mix import mixdown
from music.mix.blocks import BLOCK
from music.mix.master import Master, Report
from music.neural.resolved import path_of, value_of
from music.output import AudioWriter
from music.plan import Plan
from music.request import DEFAULT_STRENGTH
from services.worker.handlers.sound.sections import Sections
from services.worker.handlers.threads import Progress
from tutti.errors import InvalidInput

MASTER = "master.wav"
#: As they are asked for, and in bits.
BIT_DEPTHS: dict[int | str, int] = {16: 16, 24: 24, "f32": 32}
#: Shares of the work: mixing, deciding on the master, writing it.
MIXED, DECIDED = 0.6, 0.85


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixed:
    stems: Mapping[str, Path]
    master: Path
    report: Report
    sample_rate: int


def mixed(
    plan: Plan,
    rendered: Mapping[str, list[Path]],
    directory: Path,
    options: Mapping[str, Any],
    reference: Mapping[str, Any] | None,
    progress: Progress,
    *,
    whole: bool = False,
) -> Mixed:
    """`whole`: what was rendered is the mix already, and has no stems."""
    # What was asked for outranks a plan that somebody brought along.
    wanted = replace(plan.mix, **{name: options[name] for name in ("loudness_target", "true_peak") if name in options})
    with ExitStack() as stack:
        sections = {stem: stack.enter_context(closing(Sections(paths))) for stem, paths in rendered.items()}
        rate = _common_rate(sections)
        total = round(plan.duration_seconds * rate)
        writers = {
            stem: stack.enter_context(AudioWriter(directory / f"{stem}.wav", name="wav", source_rate=rate))
            for stem in ([] if whole else sections)
        }
        strength = _strength(plan, options)
        master = stack.enter_context(Master(wanted, rate=rate, reference=reference, strength=strength))
        for block in _as_rendered(sections, total) if whole else mixdown(plan, sections, rate=rate):
            for stem, audio in block.stems.items():
                writers[stem].write(audio)
            master.feed(block.mix)
            progress(MIXED * block.offset / total, "mix")
        progress(MIXED, "master")
        report = master.finish()
        path = directory / MASTER
        _write(master, path, rate, BIT_DEPTHS[options.get("bit_depth", 24)], total, progress)
    return Mixed(
        stems={stem: directory / f"{stem}.wav" for stem in writers}, master=path, report=report, sample_rate=rate
    )


def _strength(plan: Plan, options: Mapping[str, Any]) -> float:
    """How closely a reference is followed: as asked for, or as the plan says, which anybody may have written."""
    try:
        said = options.get("strength", value_of(plan, "strength", DEFAULT_STRENGTH))
        return fields.number(said, path_of("strength"), low=0, high=1)
    except RequestError as error:
        raise InvalidInput(error.message, field=error.field) from error


def _as_rendered(sections: Mapping[str, Sections], total: int) -> Iterator[Block]:
    (read,) = sections.values()
    for offset in range(0, total, BLOCK):
        yield Block(offset=offset, stems={}, mix=read(offset, min(BLOCK, total - offset)))


def _common_rate(sections: Mapping[str, Sections]) -> int:
    rates = {each.rate for each in sections.values()}
    if len(rates) > 1:
        raise InvalidInput(f"rendered at different rates: {sorted(rates)}; render them at the same one", field="stems")
    return rates.pop()


def _write(master: Master, path: Path, rate: int, bits: int, total: int, progress: Progress) -> None:
    done = 0
    with AudioWriter(path, name="wav", source_rate=rate, bits=bits) as writer:
        for audio in master.blocks():
            writer.write(audio)
            done += audio.shape[1]
            progress(DECIDED + (1.0 - DECIDED) * done / total, "master")

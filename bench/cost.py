"""Processor time per no-op job, by part of the mesh: what to look at before and after a change.

python -m bench.cost [--jobs N] [--rounds N] [--json FILE]
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench import load, machine, processor
from bench.load import Phase
from bench.stage import stage

#: Phase of a run → one figure per round.
Rounds = dict[str, list[Phase]]

SUBMIT, DRAIN, RUNNING = "submit, held", "drain, released", "submit and drain, running"


async def measure(jobs: int, rounds: int) -> Rounds:
    found: Rounds = {SUBMIT: [], DRAIN: [], RUNNING: []}
    async with stage() as mesh:
        await load.running(mesh, min(jobs, 1000))  # warm
        for _ in range(rounds):
            held = await load.held(mesh, jobs)
            found[SUBMIT].append(held.submit)
            found[DRAIN].append(held.drain)
            found[RUNNING].append(await load.running(mesh, jobs))
    return found


def middle(phases: Sequence[Phase]) -> dict[str, float]:
    """The median of every figure, each for itself."""
    costs = {part: round(statistics.median(phase.cost_us[part] for phase in phases), 1) for part in phases[0].cost_us}
    return {**costs, "jobs/s": round(statistics.median(phase.per_second for phase in phases))}


def table_of(figures: dict[str, dict[str, float]], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("µs of processor time per job")
    for phase in figures:
        table.add_column(phase, justify="right")
    for part in (*processor.PARTS, "all", "jobs/s"):
        table.add_row(part, *(f"{figure[part]:,.0f}" for figure in figures.values()))
    return table


async def main(jobs: int, rounds: int, json_file: Path | None) -> None:
    figures = {phase: middle(found) for phase, found in (await measure(jobs, rounds)).items()}
    about = machine.about(jobs=jobs, rounds=rounds)
    Console(width=110).print(table_of(figures, machine.title(about)))
    if json_file is not None:
        machine.write_json(json_file, about, figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the processor time that a no-op job takes.")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs per phase")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the medians are shown")
    parser.add_argument("--json", type=Path, default=None, help="write the figures to this file as well")
    arguments = parser.parse_args()
    uvloop.run(main(arguments.jobs, arguments.rounds, arguments.json))

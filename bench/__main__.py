"""`make bench`, and `make bench-peers` for the same beside others: one table, from one run, on meshes of its own with
real Redis and no models. Music is made at the end, when nobody's turn is left and no mesh runs.

python -m bench [--jobs N] [--rounds N] [--peers [NAME …]] [--no-music] [--json FILE]
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from bench import machine, music, rows, turns
from bench.figures import Figures, medians
from bench.peers import install, measured
from bench.peers.catalogue import DEFAULT, PEERS
from bench.peers.install import NotInstalled

TRIPS = 150
WATCHERS = 1_000

#: Who → the figures of each turn.
Rounds = dict[str, list[Figures]]


async def measure(arguments: argparse.Namespace, commands: dict[str, tuple[str, ...]]) -> Rounds:
    """Rounds of turns: a peer, Tutti, the next peer, Tutti … so that what else the machine does meets everybody."""
    found: Rounds = {name: [] for name in ("tutti", *commands)}
    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
        found["tutti"].append(await turns.latencies(arguments.watchers))
        found["tutti"].append(await turns.rest(max(500, arguments.jobs // 2)))
        for name, command in commands.items():
            found[name].append(await measured.measure(PEERS[name], command, jobs=arguments.jobs, trips=TRIPS))
            found["tutti"].append(await turns.throughput(arguments.jobs))
        if not commands:
            found["tutti"].append(await turns.throughput(arguments.jobs))
    return found


async def main(arguments: argparse.Namespace, commands: dict[str, tuple[str, ...]]) -> None:
    rounds = await measure(arguments, commands)
    if arguments.music:
        print("music", file=sys.stderr)
        rounds["tutti"].append(await asyncio.to_thread(music.pace))
    about = machine.about(jobs=arguments.jobs, rounds=arguments.rounds)
    figures = {name: medians(turns) for name, turns in rounds.items()}
    lines = rows.lines(figures.pop("tutti"), figures)
    Console(width=None if sys.stdout.isatty() else 190).print(
        rows.table_of(lines, list(commands), machine.title(about))
    )
    if arguments.json is not None:
        machine.write_json(arguments.json, about, {"rows": lines, "rounds": rounds})


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure a mesh on this machine.")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs per throughput row, at least 1,000")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the medians are shown")
    parser.add_argument(
        "--peers",
        nargs="*",
        choices=PEERS,
        default=None,
        metavar="NAME",
        help=f"measure others in the same run: {', '.join(DEFAULT)}, or those named of {', '.join(PEERS)}",
    )
    parser.add_argument("--watchers", type=int, default=WATCHERS, help="SSE watchers of one job; 0 leaves them out")
    parser.add_argument("--music", action=argparse.BooleanOptionalAction, default=True, help="make music as well")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the figures there as well")
    return parser.parse_args(words)


def installed(names: Sequence[str] | None) -> dict[str, tuple[str, ...]]:
    """Nobody where none were asked for."""
    wanted = () if names is None else names or DEFAULT
    commands = install.commands(PEERS[name] for name in wanted)
    return {name: command for name, command in commands.items() if not isinstance(command, NotInstalled)}


if __name__ == "__main__":
    arguments = parsed()
    uvloop.run(main(arguments, installed(arguments.peers)))

"""python -m tests.chaos [--jobs N] [--seed N] [--seconds N] [--keep DIR]"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

import tests.conftest  # noqa: F401  whatever this machine is set up for must not lead to some other mesh
from tests.chaos import run, scenario, table, verdict


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make chaos", description="Kill, pause and restart parts of a mesh under load, and judge what is left."
    )
    parser.add_argument("--jobs", type=int, default=2_000, help="jobs that are submitted")
    parser.add_argument("--seconds", type=float, default=120.0, help="seconds over which jobs and faults are spread")
    parser.add_argument("--seed", type=int, default=None, help="repeats the jobs and faults of an earlier run")
    parser.add_argument("--keep", type=Path, default=None, help="a new directory in which logs and data stay")
    return parser.parse_args()


async def main(given: argparse.Namespace, data_dir: Path) -> int:
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    print(f"seed {seed}: repeat with --seed {seed} --jobs {given.jobs} --seconds {given.seconds:g}", flush=True)
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} {line}", flush=True)

    ran = await run.run(scenario.draw(seed, jobs=given.jobs, seconds=given.seconds), data_dir, say=say)
    violations = verdict.judge(ran.found)
    table.show(ran.found, ran.counted, violations)
    (data_dir / "violations.txt").write_text("\n".join(map(table.described, violations)))
    return 1 if violations else 0


if __name__ == "__main__":
    chosen = arguments()
    if chosen.keep is not None:
        sys.exit(asyncio.run(main(chosen, chosen.keep)))
    with tempfile.TemporaryDirectory(prefix="tutti-chaos-") as directory:
        sys.exit(asyncio.run(main(chosen, Path(directory))))

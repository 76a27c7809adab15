"""Writes a kept run as the table that docs/performance.md shows.

python -m bench.page FILE
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import machine, rows


def page_of(run: Mapping[str, Any]) -> str:
    figures = run["figures"]
    peers = [name for name in figures["rounds"] if name != "tutti"]
    header = [column.header for column in rows.table_of([], peers, "").columns]
    lines = [rows.cells(line, peers) for line in figures["rows"]]
    about = " ".join(machine.title(run["about"]).split("\n"))
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join([f"{about}.", "", *(_line(cells) for cells in ([str(h) for h in header], rule, *lines))])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.strip() for cell in cells)} |"


if __name__ == "__main__":
    print(page_of(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))

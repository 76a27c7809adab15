"""The options that many commands share."""

from pathlib import Path
from typing import Annotated

import typer

from tutti.cli.connection import Where

Address = Annotated[
    str, typer.Option("--address", metavar="HOST:PORT[,…]", help="Where the orchestrators are.", show_default=False)
]
SchedulerAddress = Annotated[
    str, typer.Option("--address", metavar="HOST:PORT[,…]", help="Where the schedulers are.", show_default=False)
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="Data directory of the mesh. Else $TUTTI_DATA_DIR, else .tutti.", show_default=False
    ),
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait for an answer of the mesh.")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for machines.")]
JobIds = Annotated[list[str], typer.Argument(metavar="JOB_ID...", help="The jobs' ids.")]
JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="The job's id.")]


def where(address: str, data_dir: Path | None, timeout: float) -> Where:
    return Where(address=address, data_dir=data_dir, timeout_seconds=timeout)

"""The `tutti` command: its subcommands, and the boundary where errors become words and exit codes."""

import importlib.metadata
import os
import sys
import traceback

import typer

from tutti.cli import dead, demo, doctor, failures, fleet, jobs, listen, up
from tutti.cli.output import complain, say
from tutti.errors import TuttiError

#: Set it to anything to see where an unexpected error came from.
DEBUG_VARIABLE = "TUTTI_DEBUG"

app = typer.Typer(
    name="tutti",
    help="A mesh of small services that turns a request for music into a finished track.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def version() -> None:
    """Print the version."""
    say(importlib.metadata.version("tutti-mesh"))


for command in (
    up.up,
    demo.demo,
    jobs.submit,
    jobs.watch,
    jobs.jobs,
    jobs.show,
    jobs.cancel,
    listen.listen,
    dead.retry,
    dead.dead,
    dead.replay,
    dead.discard,
    fleet.workers,
    fleet.drain,
    fleet.queues,
    fleet.pause,
    fleet.resume,
    doctor.doctor,
    version,
):
    app.command()(command)


def main() -> None:
    try:
        app()
    except TuttiError as error:
        complain(failures.described(error))
        raise SystemExit(failures.exit_code(error)) from None
    except BrokenPipeError:
        # Whoever read our output has seen enough. Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(failures.FAILED) from None
    except KeyboardInterrupt:
        raise SystemExit(failures.INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001  the boundary to the user
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        complain(f"unexpected {type(error).__name__}: {error}. Set {DEBUG_VARIABLE}=1 to see where it came from.")
        raise SystemExit(failures.FAILED) from None


if __name__ == "__main__":
    main()

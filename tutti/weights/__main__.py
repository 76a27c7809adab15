"""`python -m tutti.weights [-- COMMAND …]`: see the package."""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from tutti.errors import TuttiError
from tutti.weights.settings import WeightsSettings

USAGE = 2


def main(arguments: Sequence[str]) -> int:
    logging.basicConfig(level=logging.WARNING, format="weights: %(message)s", stream=sys.stderr)
    logging.getLogger("tutti").setLevel(logging.INFO)
    command = list(arguments[1:]) if arguments[:1] == ["--"] else []
    if arguments and not command:
        return _failed("usage: python -m tutti.weights [-- COMMAND …]", USAGE)
    try:
        settings = WeightsSettings()
    except ValidationError as error:
        return _failed("; ".join(_sentence(each) for each in error.errors()), USAGE)
    environment = dict(os.environ)
    if settings.fetches:
        # Half a second and tens of megabytes that nobody else need spend.
        from tutti.weights.fetch import fetch

        try:
            directory = asyncio.run(fetch(settings))
        except (TuttiError, OSError) as error:
            return _failed(str(error), 1)
        environment["MUSCGEN_MODEL_DIR"] = str(directory)
        if not command:
            print(directory)  # noqa: T201  what this command is for
    if command:
        # Becomes it, so that signals and the exit status are its own.
        os.execvpe(command[0], command, environment)  # noqa: S606  what we were asked to start
    return 0


def _sentence(error: object) -> str:
    assert isinstance(error, dict)  # noqa: S101  pydantic's
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def _failed(message: str, status: int) -> int:
    print(f"weights: {message}", file=sys.stderr)  # noqa: T201  a command line
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Where the command line writes: results on standard output, everything else on standard error."""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from rich.console import Console, RenderableType

#: Into a pipe a table is written as wide as it is; there is no edge to fold it at.
PIPE_WIDTH = 500


def console(*, stderr: bool = False) -> Console:
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


def say(text: str, *, stderr: bool = False) -> None:
    """A line as it is: no markup read into it, and not folded, so that addresses can be copied."""
    console(stderr=stderr).print(text, markup=False, soft_wrap=True)


def show(table: RenderableType) -> None:
    """Without the blanks that fill its rows up, which nobody wants in a pipe."""
    terminal = console()
    with terminal.capture() as captured:
        terminal.print(table)
    for line in captured.get().splitlines():
        print(line.rstrip())  # noqa: T201  drawn already


def complain(text: str) -> None:
    console(stderr=True).print(f"[bold red]Error:[/] {_escaped(text)}", soft_wrap=True)


def say_json(value: Message | Mapping[str, Any]) -> None:
    """One object on one line, names as JSON has them."""
    plain = json_format.MessageToDict(value) if isinstance(value, Message) else value
    # Not through rich, which would colour and fold it.
    print(json.dumps(plain, ensure_ascii=False), flush=True)  # noqa: T201


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")

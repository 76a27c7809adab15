"""Draws a job's view for a terminal: a row per task."""

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tutti.cli import words
from tutti.cli.view import Bar, View
from tutti.v1 import job_pb2, task_pb2

BAR_WIDTH = 32
_MARKS = {
    task_pb2.TASK_STATE_WAITING: ("·", "dim"),
    task_pb2.TASK_STATE_READY: ("○", "dim"),
    task_pb2.TASK_STATE_SUCCEEDED: ("✓", "green"),
    task_pb2.TASK_STATE_FAILED: ("✗", "red"),
    task_pb2.TASK_STATE_CANCELLED: ("■", "yellow"),
    task_pb2.TASK_STATE_SKIPPED: ("–", "dim"),
}
_AT_WORK = (task_pb2.TASK_STATE_LEASED, task_pb2.TASK_STATE_RUNNING)
_COLOURS = {
    task_pb2.TASK_STATE_SUCCEEDED: "green",
    task_pb2.TASK_STATE_FAILED: "red",
    task_pb2.TASK_STATE_CANCELLED: "yellow",
}


class Drawing:
    """Keeps the spinners between frames, so that they turn."""

    def __init__(self) -> None:
        self._spinners: dict[str, Spinner] = {}

    def frame(self, view: View, now: float) -> RenderableType:
        state = words.job_state(view.state)
        heading = Text.assemble((view.job_id, "bold"), "  ", (state, words.STYLES.get(state, "dim")))
        rows = Table.grid(padding=(0, 2), expand=True)
        for name in ("mark", "task", "bar", "percent", "time"):
            rows.add_column(name, justify="right" if name in ("percent", "time") else "left", no_wrap=True)
        # What is left of the line, so that a long message never squeezes the bars.
        rows.add_column("message", ratio=1, no_wrap=True, overflow="ellipsis", style="dim")
        for bar in view.bars.values():
            rows.add_row(*self._row(bar, now, running=view.state == job_pb2.JOB_STATE_RUNNING))
        return Group(heading, rows)

    def _row(self, bar: Bar, now: float, *, running: bool) -> list[RenderableType]:
        elapsed = bar.elapsed(now)
        colour = _COLOURS.get(bar.state, "cyan")  # type: ignore[call-overload]  # any number off the wire
        return [
            self._mark(bar),
            Text(bar.task, style="" if running or bar.start else "dim"),
            ProgressBar(
                total=1.0, completed=bar.fraction, width=BAR_WIDTH, complete_style=colour, finished_style=colour
            ),
            Text(f"{bar.fraction:.0%}" if bar.start else "", style=colour),
            Text("" if elapsed is None else words.duration(elapsed)),
            Text(_message(bar)),
        ]

    def _mark(self, bar: Bar) -> RenderableType:
        if bar.state in _AT_WORK:
            return self._spinners.setdefault(bar.task, Spinner("dots", style="cyan"))
        mark, style = _MARKS.get(bar.state, ("?", "dim"))  # type: ignore[call-overload]  # any number off the wire
        return Text(mark, style=style)


def _progress(fraction: float, colour: str) -> ProgressBar:
    return ProgressBar(total=1.0, completed=fraction, width=BAR_WIDTH, complete_style=colour, finished_style=colour)


def _message(bar: Bar) -> str:
    if bar.attempt > 1:
        return f"attempt {bar.attempt}  {bar.message}".rstrip()
    return bar.message

"""The table: which figures it shows, what was promised of them, and how that reads."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from bench.figures import Figures, Promise, Row, fastest, verdict
from bench.peers.catalogue import PEERS

PYTHON = frozenset(name for name, peer in PEERS.items() if peer.python)
NODE = "bullmq"

_BESIDE_PEERS = Promise(must=1.5, aim=2.5, of="ratio", not_below=NODE)
_BESIDE_ECHO = Promise(must=0.4, aim=0.7)
#: The aims of music are twice as good as what must be.
_FASTER_THAN_PLAYED = Promise(must=10, aim=20)
_HEARD_SOON = Promise(must=1.5, aim=0.75, less_is_more=True)

ROWS = (
    Row(title="drain, no-op jobs that were held", figure="drain", promise=_BESIDE_PEERS),
    Row(title="submit + drain: one call each, 100 in flight, held", figure="submit and drain", promise=_BESIDE_PEERS),
    Row(title="  submit alone, until the scheduler has them", figure="submit"),
    Row(title="submit + drain, workers running all along", figure="running"),
    Row(title="  submitted 100 at a time", figure="running, batches"),
    Row(
        title="round trip, idle, one call (`run`), p50",
        figure="trip p50",
        unit="ms",
        digits=2,
        promise=Promise(must=4, aim=2.5, less_is_more=True),
    ),
    Row(title="  p99", figure="trip p99", unit="ms", digits=2, promise=Promise(must=12, aim=6, less_is_more=True)),
    Row(title="  a gRPC call that does nothing, just before, p50", figure="bare call p50", unit="ms", digits=2),
    Row(title="  the same with `submit`, then `watch`, p50", figure="two calls p50", unit="ms", digits=2),
    Row(
        title="event, worker → watcher, p50",
        figure="event p50",
        unit="ms",
        digits=2,
        promise=Promise(must=5, aim=2, less_is_more=True),
    ),
    Row(title="  p99", figure="event p99", unit="ms", digits=2),
    Row(
        title="1,000 SSE watchers of one job, delivered events",
        figure="delivered",
        promise=Promise(must=10_000, aim=30_000),
    ),
    Row(title="REST submits, workers running", figure="rest"),
    Row(title="  against a bare FastAPI echo", figure="rest ÷ echo", unit="×", digits=2, promise=_BESIDE_ECHO),
    Row(title="REST submits, held: only accepting", figure="rest held"),
    Row(title="  against a bare FastAPI echo", figure="rest held ÷ echo", unit="×", digits=2, promise=_BESIDE_ECHO),
    Row(title="the bare FastAPI echo", figure="echo"),
    Row(title="processor time a job: submit, held", figure="cost submit", unit="µs"),
    Row(title="processor time a job: drain", figure="cost drain", unit="µs"),
    Row(title="processor time a job: workers running all along", figure="cost running", unit="µs"),
    Row(
        title="music: 30 s of pop, eight stems, mastered, one core, against playing it",
        figure="music pop",
        unit="×",
        digits=1,
        promise=_FASTER_THAN_PLAYED,
    ),
    Row(
        title="  from the request to the first piece that can be played",
        figure="music pop, first piece",
        unit="s",
        digits=2,
        promise=_HEARD_SOON,
    ),
    Row(
        title="music: the same of cinematic", figure="music cinematic", unit="×", digits=1, promise=_FASTER_THAN_PLAYED
    ),
    Row(
        title="  to the first piece",
        figure="music cinematic, first piece",
        unit="s",
        digits=2,
        promise=_HEARD_SOON,
    ),
    Row(
        title="music: 5 minutes of pop, most memory",
        figure="music pop, memory",
        unit="MB",
        promise=Promise(must=600, aim=300, less_is_more=True),
    ),
)


def lines(ours: Figures, peers: Mapping[str, Figures]) -> list[dict[str, Any]]:
    """A line per figure that was measured, for people and for programs."""
    found = []
    for row in ROWS:
        if row.figure not in ours:
            continue
        value, best = ours[row.figure], fastest(row.figure, peers, PYTHON)
        rival = peers.get(NODE, {}).get(row.figure)
        # Of times, less is more; nobody promised a ratio there.
        compared = row.unit == "/s"
        ratio = value / best if compared and best else None
        found.append(
            {
                "title": row.title,
                "unit": row.unit,
                "digits": row.digits,
                "ours": value,
                "peers": {name: figures[row.figure] for name, figures in peers.items() if row.figure in figures},
                "to_python": ratio,
                "to_node": value / rival if compared and rival else None,
                "promise": promised(row.promise),
                "verdict": verdict(row, value, ratio, peers),
            }
        )
    return found


def promised(promise: Promise | None) -> str:
    """Both bounds, the must first."""
    if promise is None:
        return ""
    sign, unit = "≤" if promise.less_is_more else "≥", " ×" if promise.of == "ratio" else ""
    return f"{sign} {promise.must:,g}{unit} / {promise.aim:,g}{unit}"


def table_of(found: Sequence[Mapping[str, Any]], peers: Sequence[str], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    compared = (*(PEERS[name].title for name in peers), "× Python", "× BullMQ") if peers else ()
    for column in ("Tutti", *compared, "must / aim", "reaches"):
        table.add_column(column, justify="right")
    for line in found:
        table.add_row(*cells(line, peers))
    return table


def cells(line: Mapping[str, Any], peers: Sequence[str]) -> list[str]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:,.{line['digits']}f} {line['unit']}"

    def ratio(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    theirs = [number(line["peers"].get(name)) for name in peers]
    ratios = [ratio(line["to_python"]), ratio(line["to_node"])] if peers else []
    return [line["title"], number(line["ours"]), *theirs, *ratios, line["promise"], line["verdict"]]

"""What figures are made of: medians, ratios, and whether they reach what was promised. Pure."""

import statistics
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

#: What is measured → how much.
Figures = Mapping[str, float]
#: How a figure stands to what was promised; empty where nothing was, or nothing is there to compare it with.
Verdict = Literal["aim", "must", "missed", ""]


@dataclass(frozen=True, kw_only=True)
class Latency:
    p50_ms: float
    p99_ms: float


def latency(seconds: Sequence[float]) -> Latency:
    return Latency(p50_ms=_at(seconds, 0.5) * 1e3, p99_ms=_at(seconds, 0.99) * 1e3)


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def medians(rounds: Sequence[Figures]) -> dict[str, float]:
    """The median of every figure over the rounds that have it."""
    names = dict.fromkeys(name for figures in rounds for name in figures)
    return {name: statistics.median(figures[name] for figures in rounds if name in figures) for name in names}


@dataclass(frozen=True, kw_only=True)
class Promise:
    """The bounds of a figure, or of its ratio to the fastest Python peer. The aim is also to be no slower than
    `not_below`, where that was measured."""

    must: float
    aim: float
    of: Literal["value", "ratio"] = "value"
    less_is_more: bool = False
    not_below: str = ""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table."""

    title: str
    #: Names the figure.
    figure: str
    unit: str = "/s"
    digits: int = 0
    promise: Promise | None = None


def fastest(figure: str, peers: Mapping[str, Figures], among: Collection[str]) -> float | None:
    """The highest throughput among those peers that were measured."""
    found = [figures[figure] for name, figures in peers.items() if name in among and figure in figures]
    return max(found, default=None)


def verdict(row: Row, ours: float, ratio: float | None, peers: Mapping[str, Figures]) -> Verdict:
    promise = row.promise
    value = ours if promise is not None and promise.of == "value" else ratio
    if promise is None or value is None:
        return ""
    rival = peers.get(promise.not_below, {}).get(row.figure, 0.0)
    if _reaches(value, promise.aim, promise) and ours >= rival:
        return "aim"
    return "must" if _reaches(value, promise.must, promise) else "missed"


def _reaches(value: float, bound: float, promise: Promise) -> bool:
    return value <= bound if promise.less_is_more else value >= bound

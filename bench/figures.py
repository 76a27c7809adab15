"""What figures are made of: medians, ratios, and whether they reach what was promised. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Latency:
    p50_ms: float
    p99_ms: float


def latency(seconds: Sequence[float]) -> Latency:
    return Latency(p50_ms=_at(seconds, 0.5) * 1e3, p99_ms=_at(seconds, 0.99) * 1e3)


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]

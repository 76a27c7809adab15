"""What the mesh says of itself: structured logs, Prometheus metrics, OpenTelemetry traces."""

from tutti.telemetry.setup import start

__all__ = ["start"]

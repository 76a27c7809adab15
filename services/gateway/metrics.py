"""What the gateway counts, for Prometheus."""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_REQUESTS = Counter("tutti_gateway_requests", "Requests answered.", ("method", "route", "status"))
_LATENCY = Histogram(
    "tutti_gateway_response_seconds",
    # Streams stay open for as long as a job runs; how long that is says nothing about the gateway.
    "Seconds from the request to the first byte of its answer.",
    ("method", "route"),
    buckets=_SECONDS,
)
SUBMITS = Counter("tutti_gateway_submits", "Jobs that the orchestrator accepted.")
OPEN_STREAMS = Gauge("tutti_gateway_open_streams", "Event streams that are open.")
EVENTS_SENT = Counter("tutti_gateway_events_sent", "Job events written to event streams.")


@lru_cache(maxsize=1024)
def _series(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    # Finding a labelled series takes a lock and builds a tuple each time; a request should not pay for that.
    return _REQUESTS.labels(method, route, str(status)), _LATENCY.labels(method, route)


def answered(method: str, route: str, status: int, seconds: float) -> None:
    requests, latency = _series(method, route, status)
    requests.inc()
    latency.observe(seconds)

"""What holds for every test: whatever this machine is set up for must not lead a test to some other mesh."""

import os
import random

import pytest

import tutti  # noqa: F401  says how gRPC shall run, before any test imports it
from tests.side_by_side import (
    pytest_collection_modifyitems,
    pytest_runtest_protocol,
    pytest_xdist_make_scheduler,
)

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_protocol", "pytest_xdist_make_scheduler"]

_PREFIXES = ("TUTTI_", "ARTIFACT_", "AWS_", "LOG_", "MODEL_S3_", "MUSCGEN_", "ORCHESTRATOR_", "OTEL_", "RATE_LIMIT_")
_NAMES = {
    "CORS_ORIGINS",
    "HEARTBEAT_TTL_SEC",
    "JEN1_URL",
    "OLLAMA_MODEL",
    "OLLAMA_URL",
    "PORT",
    "REDIS_URL",
    "WORKER_CONCURRENCY",
    # Tests speak to this machine only, and gRPC would ask a proxy even for that.
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "GRPC_PROXY",
}


def is_scrubbed(variable: str) -> bool:
    return variable.startswith(_PREFIXES) or variable.upper() in _NAMES


# Here and not in a fixture: modules read the environment when they are imported, and children inherit it.
for _variable in [name for name in os.environ if is_scrubbed(name)]:
    del os.environ[_variable]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    # Drawn here and not by hypothesis, test by test, so that a whole run can be repeated. Before hypothesis reads it.
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(random.SystemRandom().getrandbits(32))


def pytest_report_header(config: pytest.Config) -> str:
    return f"hypothesis: --hypothesis-seed={config.option.hypothesis_seed} repeats this run's examples"
